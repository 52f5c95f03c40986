package memory

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// Every prefix of the file is what a crash may leave. The records that are
// whole must be there, the torn one must not be there in part, and what is
// written afterwards must survive the next start.
func TestTornTailAtEveryOffset(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	_, err := always(e).Set(ctx, "first", "1", cache.SetOptions{})
	require.NoError(t, err)
	before, err := os.ReadFile(newest(t, dir, segmentPrefix))
	require.NoError(t, err)
	pair := &cache.Script{Name: "pair", Go: func(tx cache.Tx, keys, _ []string) cache.Value {
		tx.HSet(keys[0], "f", "v")
		tx.ZAdd(keys[1], "m", 2)
		return cache.Value{}
	}}
	_, err = always(e).Run(ctx, pair, []string{"h{t}", "z{t}"}, nil)
	require.NoError(t, err)
	after, err := os.ReadFile(newest(t, dir, segmentPrefix))
	require.NoError(t, err)
	require.NoError(t, e.Close())

	for size := len(before); size <= len(after); size++ {
		var log bytes.Buffer
		torn := copyDir(t, dir)
		path := newest(t, torn, segmentPrefix)
		require.NoError(t, os.WriteFile(path, after[:size], 0o600))
		e, err := Open(Options{Dir: torn, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err, "%d bytes", size)
		want := []string{"first"}
		if size == len(after) {
			want = []string{"first", "h{t}", "z{t}"}
		}
		n, err := e.Exists(ctx, "first", "h{t}", "z{t}")
		require.NoError(t, err)
		require.EqualValues(t, len(want), n, "%d bytes", size)
		whole := size == len(before) || size == len(before)+markSize || size == len(after)
		require.Equal(t, !whole, bytes.Contains(log.Bytes(), []byte("cutting it off")), "%d bytes: %s", size, &log)

		_, err = always(e).Set(ctx, "later", "2", cache.SetOptions{})
		require.NoError(t, err)
		require.NoError(t, e.Close())
		e = open(t, Options{Dir: torn})
		again, err := e.Exists(ctx, "first", "h{t}", "z{t}", "later")
		require.NoError(t, err)
		require.EqualValues(t, n+1, again, "%d bytes", size)
		require.NoError(t, e.Close())
	}
}

// A segment whose creation was cut short has no records; it is made anew.
func TestTornHeader(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	fill(t, e, 20)
	want := state(t, e)
	require.NoError(t, e.Close())
	for size := range segmentHeader + 1 {
		torn := copyDir(t, dir)
		header := encodeSegmentHeader(2, 99)
		if size == segmentHeader {
			header[20] ^= 1
		}
		require.NoError(t, os.WriteFile(segmentPath(torn, 2), header[:size], 0o600))
		e := open(t, Options{Dir: torn})
		require.Equal(t, want, state(t, e), "%d bytes", size)
		require.NoError(t, e.Close())
	}
}

// One flipped bit anywhere in what was fsynced before something else was
// written is refused, naming the file and where.
func TestCorruptMiddle(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	var ends []int64
	for i := range 3 {
		_, err := always(e).Set(ctx, fmt.Sprint("key", i), "value", cache.SetOptions{})
		require.NoError(t, err)
		info, err := os.Stat(newest(t, dir, segmentPrefix))
		require.NoError(t, err)
		ends = append(ends, info.Size())
	}
	require.NoError(t, e.Close())
	whole, err := os.ReadFile(newest(t, dir, segmentPrefix))
	require.NoError(t, err)

	for at := range ends[1] {
		bad := copyDir(t, dir)
		path := newest(t, bad, segmentPrefix)
		b := bytes.Clone(whole)
		b[at] ^= 0x10
		require.NoError(t, os.WriteFile(path, b, 0o600))
		_, err := Open(Options{Dir: bad, Logger: slog.New(slog.DiscardHandler)})
		// The last mark before the damage proves nothing any more, but the
		// third write's says that the first two were on disk.
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt, "bit at %d of %d", at, len(b))
		require.Equal(t, path, corrupt.File)
		require.LessOrEqual(t, corrupt.Offset, at)
		require.ErrorContains(t, err, path)
		unchanged, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, b, unchanged, "a refused file is left alone")
	}
}

// In a segment that was followed by another nothing may be torn.
func TestTornTailOfAnOlderSegment(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		e := open(t, Options{Dir: dir})
		_, err := e.IncrBy(ctx, "n", 1)
		require.NoError(t, err)
		require.NoError(t, e.Close())
	}
	path := segmentPath(dir, 1)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, b[:len(b)-1], 0o600))
	_, err = Open(Options{Dir: dir})
	var corrupt *CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.Equal(t, path, corrupt.File)

	require.NoError(t, os.WriteFile(path, b[:segmentHeader], 0o600))
	_, err = Open(Options{Dir: dir})
	require.ErrorAs(t, err, &corrupt, "records are missing at the end of the first")
	require.NoError(t, os.Remove(path))
	_, err = Open(Options{Dir: dir})
	require.ErrorAs(t, err, &corrupt, "the first is missing")
	require.Equal(t, path, corrupt.File)
}

// Restarts without writes leave no trail of empty segments.
func TestRestartsDoNotPileUpSegments(t *testing.T) {
	dir := t.TempDir()
	for range 5 {
		require.NoError(t, open(t, Options{Dir: dir}).Close())
	}
	l, err := listDir(dir)
	require.NoError(t, err)
	require.Equal(t, []uint64{1}, l.segments)
}
