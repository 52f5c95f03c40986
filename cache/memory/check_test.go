package memory

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// contents is every file below a directory but the lock.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "LOCK" {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	}))
	return files
}

// damageOne changes one byte of a file.
func damageOne(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[at] ^= 0x20
	require.NoError(t, os.WriteFile(path, b, 0o600))
}

func openQuietly(dir string) (*Engine, error) {
	return Open(Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
}

// repaired checks, repairs and opens a directory that Open refuses.
func repaired(t *testing.T, dir string) (*Report, map[string]string) {
	t.Helper()
	_, err := openQuietly(dir)
	var corrupt *CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.ErrorContains(t, err, "hyperlocal engine repair")
	before := contents(t, dir)
	said, err := Check(dir)
	require.NoError(t, err)
	require.NotEmpty(t, said.Damage)
	require.Equal(t, before, contents(t, dir), "a check changes nothing")

	done, err := Repair(dir)
	require.NoError(t, err)
	require.Equal(t, before, asideOf(t, dir, done.Aside), "all is kept aside")
	said.Aside = done.Aside
	require.Equal(t, said, done, "a repair does what a check says")
	e, err := openQuietly(dir)
	require.NoError(t, err)
	defer e.Close()
	got := state(t, e)
	require.Len(t, got, done.Keys)
	return done, got
}

func asideOf(t *testing.T, dir, aside string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	for path, b := range contents(t, aside) {
		files[filepath.Join(dir, filepath.Base(path))] = b
	}
	return files
}

func setAlways(t *testing.T, e *Engine, keys ...string) {
	t.Helper()
	for _, key := range keys {
		_, err := always(e).Set(ctx, key, "value of "+key, cache.SetOptions{})
		require.NoError(t, err)
	}
}

func TestCheckFindsNothingAmiss(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	fill(t, e, 30)
	require.NoError(t, e.journal.compact())
	setAlways(t, e, "last")
	_, err := Check(dir)
	require.ErrorIs(t, err, ErrDirInUse)
	want := state(t, e)
	require.NoError(t, e.Close())

	before := contents(t, dir)
	for _, look := range []func(string) (*Report, error){Check, Repair} {
		report, err := look(dir)
		require.NoError(t, err)
		require.Empty(t, report.Damage)
		require.Nil(t, report.Cut)
		require.Len(t, report.Files, 2)
		require.Len(t, want, report.Keys)
		require.Equal(t, before, contents(t, dir))
	}

	path := newest(t, dir, segmentPrefix)
	require.NoError(t, os.Truncate(path, int64(len(before[path])-1)))
	report, err := Check(dir)
	require.NoError(t, err)
	require.Empty(t, report.Damage)
	require.Equal(t, path, report.Cut.File)
	require.Len(t, want, report.Keys+1)
	_, err = Check(filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// damagedAfterOne makes a directory of one key, "one", and of what write writes, the first
// record of which is damaged. It returns where that is.
func damagedAfterOne(t *testing.T, write func(*Engine)) (dir string, at int64) {
	t.Helper()
	dir = t.TempDir()
	e := open(t, Options{Dir: dir})
	setAlways(t, e, "one")
	info, err := os.Stat(segmentPath(dir, 1))
	require.NoError(t, err)
	write(e)
	require.NoError(t, e.Close())
	at = info.Size() + markSize
	damageOne(t, segmentPath(dir, 1), int(at)+20)
	return dir, at
}

func TestRepairOfACorruptMiddle(t *testing.T) {
	dir, at := damagedAfterOne(t, func(e *Engine) { setAlways(t, e, "two", "three", "four", "three") })

	report, got := repaired(t, dir)
	require.Len(t, got, 1)
	require.Contains(t, got, "one")
	require.EqualValues(t, 1, report.Last)
	require.False(t, report.Parts)
	require.Equal(t, 3, report.Lost)
	require.Equal(t, 2, report.LostKeys)
	require.EqualValues(t, 1, report.Unread)
	require.Len(t, report.Damage, 1)
	require.Equal(t, at, report.Damage[0].Offset)

	// What is written from now on has sequences that never were.
	e := open(t, Options{Dir: dir})
	require.EqualValues(t, 5, e.journal.seq)
	setAlways(t, e, "two")
	require.NoError(t, e.Close())
	again := open(t, Options{Dir: dir})
	require.Len(t, state(t, again), 2)
}

func TestRepairOfAMissingSegment(t *testing.T) {
	dir := t.TempDir()
	for i := range 4 {
		e := open(t, Options{Dir: dir})
		setAlways(t, e, fmt.Sprint("run ", i))
		require.NoError(t, e.Close())
	}
	middle, first := copyDir(t, dir), copyDir(t, dir)
	require.NoError(t, os.Remove(segmentPath(middle, 3)))
	report, got := repaired(t, middle)
	require.Len(t, got, 2)
	require.EqualValues(t, 2, report.Last)
	require.Equal(t, 1, report.Lost)
	require.EqualValues(t, 1, report.Unread)
	require.Equal(t, segmentPath(middle, 3), report.Damage[0].File)

	require.NoError(t, os.Remove(segmentPath(first, 1)))
	report, got = repaired(t, first)
	require.Len(t, got, 3, "nothing but the beginning is missing")
	require.True(t, report.Parts)
	require.EqualValues(t, 4, report.Last)
	require.Zero(t, report.Lost)
}

func TestRepairOfASnapshot(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	fill(t, e, 40)
	e.journal.flush(true)
	older, err := os.ReadFile(segmentPath(dir, 1))
	require.NoError(t, err)
	require.NoError(t, e.journal.compact())
	want := state(t, e)
	setAlways(t, e, "after")
	after := state(t, e)
	require.NoError(t, e.Close())
	snapshot := snapshotPath(dir, 2)
	whole, err := os.ReadFile(snapshot)
	require.NoError(t, err)

	// Without an older way to the same state: what can be read of it.
	alone := copyDir(t, dir)
	damageOne(t, snapshotPath(alone, 2), len(whole)/2)
	report, got := repaired(t, alone)
	require.True(t, report.Parts)
	require.Less(t, len(got), len(after))
	require.Greater(t, len(got), 1)
	require.Contains(t, got, "after", "records since the snapshot are kept")
	require.Positive(t, report.Damage[0].Bytes)
	require.Less(t, report.Damage[0].Bytes, int64(len(whole)))

	// With the log from its beginning, up to where that is damaged too.
	require.NoError(t, os.WriteFile(segmentPath(dir, 1), older, 0o600))
	damageOne(t, snapshot, len(whole)/2)
	fine, err := openQuietly(copyDir(t, dir))
	require.NoError(t, err, "an older way leads to the same state")
	require.Equal(t, after, state(t, fine))
	require.NoError(t, fine.Close())
	damageOne(t, segmentPath(dir, 2), segmentHeader+markSize+1)
	b, err := os.ReadFile(segmentPath(dir, 2))
	require.NoError(t, err)
	mark := make([]byte, markSize)
	putMark(mark, 1<<30)
	require.NoError(t, os.WriteFile(segmentPath(dir, 2), append(b, mark...), 0o600))
	report, got = repaired(t, dir)
	require.False(t, report.Parts)
	require.Equal(t, want, got)
	require.Len(t, report.Damage, 2)
}

// Whatever happens to one of the files, Repair makes of the directory one that
// opens, or leaves alone one that does.
func TestRepairOfAnything(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		e := open(t, Options{Dir: dir})
		fill(t, e, 8)
		e.journal.flush(true)
		fill(t, e, 2)
		require.NoError(t, e.Close())
	}
	e := open(t, Options{Dir: dir})
	c, err := e.journal.rotate()
	require.NoError(t, err)
	require.NoError(t, e.journal.resume(c, e.journal.saveSnapshot(c)))
	setAlways(t, e, "last")
	require.NoError(t, e.Close())
	for path, b := range contents(t, dir) {
		for at := 0; at <= len(b); at += len(b)/8 + 1 {
			for _, bad := range [][]byte{flipped(b, at), []byte(b[:at]), append(bytes.Clone([]byte(b[:at])), make([]byte, 100)...)} {
				broken := copyDir(t, dir)
				require.NoError(t, os.WriteFile(filepath.Join(broken, filepath.Base(path)), bad, 0o600))
				_, err := Repair(broken)
				require.NoError(t, err)
				e, err := openQuietly(broken)
				require.NoError(t, err, "%s at %d", path, at)
				require.NoError(t, e.Close())
			}
		}
	}
}

func flipped(s string, at int) []byte {
	b := []byte(s)
	if at < len(b) {
		b[at] ^= 0x80
	}
	return b
}
