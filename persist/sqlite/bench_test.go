package sqlite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist/sqlite"
	"hyperlocal/persist/storetest"
)

func BenchmarkWriteTracks(b *testing.B) {
	s, err := sqlite.Open(b.Context(), b.TempDir()+"/bench.db", sqlite.Options{})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	storetest.BenchmarkWriteTracks(b, s)
}
