package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/memory"
)

// run runs hyperlocal with arguments and returns what it prints.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestEngineCheckAndRepair(t *testing.T) {
	data := t.TempDir()
	dir := engineDir(data)
	_, err := run(t, "engine", "check", "--data-dir", data)
	require.ErrorIs(t, err, os.ErrNotExist)
	write := func(keys ...string) {
		e, err := memory.Open(memory.Options{Dir: dir})
		require.NoError(t, err)
		defer e.Close()
		for _, key := range keys {
			_, err := e.Durable(cache.Always).Set(context.Background(), key, "v", cache.SetOptions{})
			require.NoError(t, err)
		}
		_, err = run(t, "engine", "check", "--data-dir", data)
		require.ErrorIs(t, err, memory.ErrDirInUse)
	}
	write("first", "second")
	write("third")
	out, err := run(t, "engine", "check", "--data-dir", data)
	require.NoError(t, err)
	require.Contains(t, out, "3 keys, up to record 3. A server can start with this.")
	out, err = run(t, "engine", "repair", "--data-dir", data, "--apply")
	require.NoError(t, err)
	require.Contains(t, out, "Nothing to repair.")

	segments, err := filepath.Glob(filepath.Join(dir, "journal-*"))
	require.NoError(t, err)
	require.Len(t, segments, 2)
	info, err := os.Stat(segments[0])
	require.NoError(t, err)
	require.NoError(t, os.Truncate(segments[0], info.Size()-1))
	_, err = run(t, "engine", "check", "--data-dir", data)
	require.ErrorIs(t, err, errNeedsRepair)
	out, err = run(t, "engine", "repair", "--data-dir", data)
	require.NoError(t, err)
	require.Contains(t, out, "DAMAGE "+filepath.Base(segments[0])+" at offset ")
	require.Contains(t, out, "Can be kept: 1 keys, as they were after record 1.")
	require.Contains(t, out, "Would be lost: 1 later records about 1 keys, which can still be read, and 1 that cannot.")
	require.Contains(t, out, "Nothing has been changed.")
	_, err = run(t, "engine", "check", "--data-dir", data)
	require.ErrorIs(t, err, errNeedsRepair)

	out, err = run(t, "engine", "repair", "--data-dir", data, "--apply")
	require.NoError(t, err)
	require.Contains(t, out, "The files as they were are in "+dir)
	out, err = run(t, "engine", "check", "--data-dir", data)
	require.NoError(t, err)
	require.Contains(t, out, "1 keys, up to record 3. A server can start with this.")
}
