package memory

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// A file system that is really full, which takes a user who may mount one.
func TestFullFileSystem(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	defer func() { require.NoError(t, syscall.Unmount(root, syscall.MNT_DETACH)) }()
	dir := filepath.Join(root, "engine")
	e := open(t, Options{Dir: dir})
	ballast := filepath.Join(root, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 600<<10), 0o600))

	value := strings.Repeat("v", 1000)
	acked := int64(0)
	var err error
	for err == nil {
		require.NotEqual(t, int64(10_000), acked, "it does not become full")
		var n int64
		if _, err = always(e).HSet(ctx, "h", cache.Field{Name: "f", Value: value}); err == nil {
			n, err = always(e).HIncrBy(ctx, "h", "n", 1)
		}
		if err == nil {
			acked = n
		}
	}
	require.ErrorIs(t, err, cache.ErrNotDurable)
	require.True(t, errors.Is(err, syscall.ENOSPC), "%v", err)
	require.Positive(t, acked)
	got, err := e.HGet(ctx, "h", "f")
	require.NoError(t, err, "reads go on")
	require.Equal(t, value, got.Str)
	_, err = e.HSet(ctx, "h", cache.Field{Name: "lazy"})
	require.NoError(t, err, "so do writes that do not ask for the disk")
	crashed := open(t, Options{Dir: crash(t, e)})
	n, err := crashed.HIncrBy(ctx, "h", "n", 0)
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, acked)

	require.NoError(t, os.Remove(ballast))
	require.NoError(t, e.journal.compact())
	_, err = always(e).HIncrBy(ctx, "h", "n", 1)
	require.NoError(t, err, "there is room again")
	want := state(t, e)
	require.NoError(t, e.Close())
	require.Equal(t, want, state(t, open(t, Options{Dir: copyDir(t, dir)})))
}
