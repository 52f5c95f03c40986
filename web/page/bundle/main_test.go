package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBuiltFilesAreCurrent(t *testing.T) {
	sum, err := Sources("..")
	require.NoError(t, err)
	built, err := os.ReadFile("../dist/sources.sha256")
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(built)), sum, "src has changed: run go generate ./web/page")
}
