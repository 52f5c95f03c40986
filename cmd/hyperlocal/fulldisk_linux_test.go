package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The disk that SQLite's file is on fills up, and later there is room again. The
// server serves on; tracks wait in files and movements in the engine, which have
// another disk, and in the end everything is there once. It takes a user who may
// mount a file system.
func TestDiskFullUnderSQLite(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	store := "sqlite:" + filepath.Join(disk, "record.db")
	p := startServer(t, append([]string{"--store", store, "--flush-waiting", "20KB"}, witnessSettings...)...)
	w := newWitness(t, p)
	w.begin()
	w.awaitRows(t, 100)

	ballast := filepath.Join(disk, "ballast")
	fillDisk(t, ballast)
	await := func(what string, done func() bool) {
		t.Helper()
		eventually(t, done, time.Minute, 250*time.Millisecond, what)
	}
	await("tracks go to files", func() bool { return p.metric("hyperlocal_flush_spilled_rows_total") > 0 })
	await("movements wait", func() bool { return p.metric("hyperlocal_movements_lag_seconds") > 0 })
	require.Positive(t, p.metric("hyperlocal_flush_failures_total"))
	p.do("GET", "/readyz", nil).ok(200, nil)

	require.NoError(t, os.Remove(ballast))
	w.awaitRows(t, 300)
	w.end()
	await("the files are drained", func() bool { return p.metric("hyperlocal_flush_spill_bytes") == 0 })
	await("nothing waits", func() bool { return p.metric("hyperlocal_flush_lag_seconds") == 0 })
	require.Equal(t, 0, p.interrupt(), "%s", p.out)
	w.requireWhole(t, openRecord(t, store))
}

// fillDisk writes a file until the file system has no byte left.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err = f.Write(make([]byte, size)); err != nil {
			require.True(t, errors.Is(err, syscall.ENOSPC), "%v", err)
			size /= 2
		}
	}
}
