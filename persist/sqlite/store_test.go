package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
	"hyperlocal/persist/sqlite"
	"hyperlocal/persist/storetest"
)

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	storetest.Run(t, func(t testing.TB) persist.Store { return open(t, path) })
}

// open opens the database at path until the test ends.
func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}
