package memory

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// A full disk refuses durable writes before they change anything, leaves reads
// and other writes alone, and is forgotten once there is room.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	d := newTestDisk()
	e := open(t, Options{Dir: dir, disk: d})
	fill(t, e, 50)
	e.journal.flush(true)
	d.set(func(d *testDisk) { d.room = 40 }) // a record may be written in part

	_, err := always(e).HIncrBy(ctx, "n", "f", 1)
	require.ErrorIs(t, err, cache.ErrNotDurable)
	require.ErrorIs(t, err, syscall.ENOSPC)
	n, err := e.HIncrBy(ctx, "n", "f", 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "what was under way is applied, as its error says, though not durable")
	for range 3 {
		_, err = always(e).HIncrBy(ctx, "n", "f", 1)
		require.ErrorIs(t, err, cache.ErrNotDurable)
	}
	n, err = e.HIncrBy(ctx, "n", "f", 10)
	require.NoError(t, err)
	require.EqualValues(t, 11, n, "refused ones changed nothing")
	require.ErrorIs(t, e.journal.compact(), syscall.ENOSPC, "still full")
	l, err := listDir(dir)
	require.NoError(t, err)
	require.Empty(t, l.temps, "a snapshot that failed is removed")

	d.set(func(d *testDisk) { d.room = -1 })
	require.NoError(t, e.journal.compact())
	n, err = always(e).HIncrBy(ctx, "n", "f", 1)
	require.NoError(t, err)
	require.EqualValues(t, 12, n)
	want := state(t, e)

	crashed := open(t, Options{Dir: crash(t, e)})
	require.Equal(t, want, state(t, crashed))
}

// The disk runs full at every point in turn, in records, headers and
// snapshots. Whatever then is on it opens and holds every write that was
// acknowledged as durable, before and after the disk has recovered.
func TestDiskFullAtEveryPoint(t *testing.T) {
	for room := int64(0); room < 6000; room += 173 {
		d := newTestDisk()
		e := open(t, Options{Dir: t.TempDir(), disk: d})
		d.set(func(d *testDisk) { d.room = room })
		var acked int64
		for i := range 60 {
			n, err := always(e).HIncrBy(ctx, "acked", "n", 1)
			if err != nil {
				require.ErrorIs(t, err, cache.ErrNotDurable)
				break
			}
			acked = n
			if i%20 == 19 {
				_ = e.journal.compact() // may well fail
			}
		}
		requireAcked := func() {
			crashed := open(t, Options{Dir: crash(t, e)})
			n, err := crashed.HIncrBy(ctx, "acked", "n", 0)
			require.NoError(t, err)
			require.GreaterOrEqual(t, n, acked, "room for %d bytes", room)
			require.NoError(t, crashed.Close())
		}
		requireAcked()
		d.set(func(d *testDisk) { d.room = -1 })
		require.NoError(t, e.journal.compact())
		n, err := always(e).HIncrBy(ctx, "acked", "n", 1)
		require.NoError(t, err)
		acked = n
		requireAcked()
		require.NoError(t, e.Close())
	}
}

// After an fsync has failed nobody knows what is on disk: the segment is given
// up, and a snapshot takes its place.
func TestFsyncFails(t *testing.T) {
	dir := t.TempDir()
	d := newTestDisk()
	e := open(t, Options{Dir: dir, disk: d})
	d.set(func(d *testDisk) { d.failing = errDisk })
	_, err := always(e).Set(ctx, "k", "1", cache.SetOptions{})
	require.ErrorIs(t, err, cache.ErrNotDurable)
	require.ErrorIs(t, err, errDisk)
	got, err := e.Get(ctx, "k")
	require.NoError(t, err)
	require.True(t, got.OK)
	require.ErrorIs(t, e.journal.compact(), errDisk)

	d.set(func(d *testDisk) { d.failing = nil })
	require.NoError(t, e.journal.compact())
	l, err := listDir(dir)
	require.NoError(t, err)
	require.Len(t, l.snapshots, 1)
	require.Len(t, l.segments, 1)
	_, err = always(e).Set(ctx, "k", "2", cache.SetOptions{})
	require.NoError(t, err)
	crashed := open(t, Options{Dir: crash(t, e)})
	require.Equal(t, state(t, e), state(t, crashed))
}

// When the disk does not keep up, writers wait instead of memory growing, and
// readers do not.
func TestSlowDiskHoldsWritersBack(t *testing.T) {
	d := newTestDisk()
	e := open(t, Options{Dir: t.TempDir(), disk: d})
	e.journal.maxPending = 10_000
	gate, entered := make(chan struct{}), make(chan struct{}, 1)
	d.set(func(d *testDisk) { d.gate, d.entered = gate, entered })
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = always(e).IncrBy(ctx, "n", 1) })
	<-entered // and does not return
	value := strings.Repeat("v", 1000)
	for range 10 {
		_, err := e.HSet(ctx, "h", cache.Field{Name: "f", Value: value})
		require.NoError(t, err)
	}
	soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err := e.HSet(soon, "h", cache.Field{Name: "f", Value: value})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	n, err := e.HLen(ctx, "h")
	require.NoError(t, err)
	require.EqualValues(t, 1, n)

	d.set(func(d *testDisk) { d.gate = nil })
	close(gate)
	wg.Wait()
	_, err = e.HSet(ctx, "h", cache.Field{Name: "f", Value: value})
	require.NoError(t, err)
}

// While the journal recovers writers do not wait: if they write more than is
// buffered, the recovery is given up and begins again.
func TestTooMuchWrittenWhileRecovering(t *testing.T) {
	d := newTestDisk()
	e := open(t, Options{Dir: t.TempDir(), disk: d})
	j := e.journal
	j.maxPending = 10_000
	j.fail(errDisk)

	c, err := j.rotate()
	require.NoError(t, err)
	value := strings.Repeat("v", 1000)
	for i := range 20 {
		_, err := e.HSet(ctx, "h", cache.Field{Name: strconv.Itoa(i), Value: value})
		require.NoError(t, err)
	}
	require.ErrorIs(t, j.resume(c, j.saveSnapshot(c)), errBacklog)
	_, err = always(e).HSet(ctx, "h", cache.Field{Name: "refused", Value: value})
	require.ErrorIs(t, err, cache.ErrNotDurable)
	requireSurvives := func() {
		t.Helper()
		crashed := open(t, Options{Dir: crash(t, e)})
		require.Equal(t, state(t, e), state(t, crashed))
		require.NoError(t, crashed.Close())
	}
	require.NoError(t, j.compact())
	requireSurvives()
	_, err = always(e).HSet(ctx, "h", cache.Field{Name: "taken", Value: value})
	require.NoError(t, err)
	requireSurvives()
}

// What is written while a snapshot is being made is in it or after it, never
// both, never neither.
func TestWritesDuringCompaction(t *testing.T) {
	e := open(t, Options{Dir: t.TempDir()})
	stop := twoWriters(func(w, i int) {
		k := strconv.Itoa((i*2 + w) % 200)
		_, _ = e.HIncrBy(ctx, "hash:"+k, "n", 1)
		_, _ = e.XAdd(ctx, "stream:"+k, "*", cache.Trim{MaxLen: 3}, cache.Field{Name: "i", Value: k})
		_, _ = e.Del(ctx, "hash:"+strconv.Itoa(i%300), "stream:"+strconv.Itoa(i%900))
	})
	for range 10 {
		require.NoError(t, e.journal.compact())
	}
	stop()
	requireSurvives(t, e, Options{})
}

// Close says so if something could not be saved.
func TestCloseOnAFailedDisk(t *testing.T) {
	d := newTestDisk()
	e := open(t, Options{Dir: t.TempDir(), disk: d})
	_, err := e.Set(ctx, "k", "1", cache.SetOptions{})
	require.NoError(t, err)
	d.set(func(d *testDisk) { d.failing = errDisk })
	require.ErrorIs(t, e.Close(), cache.ErrNotDurable)
}

// A snapshot that has gone bad is done without while an older way to the same
// state is there, and refused once it is the only one.
func TestCorruptSnapshot(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	fill(t, e, 40)
	e.journal.flush(true)
	first, err := os.ReadFile(segmentPath(dir, 1))
	require.NoError(t, err)
	require.NoError(t, e.journal.compact())
	want := state(t, e)
	require.NoError(t, e.Close())
	path := newest(t, dir, snapshotPrefix)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)

	for at := 0; at < len(whole); at += 97 {
		bad := copyDir(t, dir)
		b := bytes.Clone(whole)
		b[at] ^= 1
		if at%2 == 0 {
			b = whole[:at]
		}
		require.NoError(t, os.WriteFile(snapshotPath(bad, 2), b, 0o600))
		_, err = Open(Options{Dir: bad, Logger: slog.New(slog.DiscardHandler)})
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt, "at %d", at)
		require.Equal(t, snapshotPath(bad, 2), corrupt.File)

		require.NoError(t, os.WriteFile(segmentPath(bad, 1), first, 0o600))
		e := open(t, Options{Dir: bad})
		require.Equal(t, want, state(t, e), "at %d", at)
		require.NoError(t, e.Close())
	}
}
