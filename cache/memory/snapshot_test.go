package memory

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

// Between any two pages of a snapshot anything is written. What is then
// recovered, from the snapshot and the records since it began, is what there is
// in the end, whether the records are in a segment or, while the journal
// recovers, in the snapshot.
func TestWritesBetweenPages(t *testing.T) {
	base := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		require.NoError(rt, err)
		clock := newTestClock()
		e, err := Open(Options{Dir: dir, Now: clock.now, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(rt, err)
		defer e.Close()
		w := pageWriter{rt: rt, e: e, clock: clock}
		for range rapid.IntRange(0, 30).Draw(rt, "before") {
			w.write()
		}
		if rapid.Bool().Draw(rt, "recovering") {
			e.journal.fail(errDisk)
		}
		e.renameWhole(true) // as compact does
		c, err := e.journal.rotate()
		require.NoError(rt, err)
		f, err := os.Create(snapshotPath(dir, c.number))
		require.NoError(rt, err)
		snapshot := newSnapshotWriter(f, func() error {
			if rapid.IntRange(0, 3).Draw(rt, "turn") == 0 {
				w.write()
			}
			if rapid.IntRange(0, 9).Draw(rt, "shrink") == 0 {
				s := e.shardOf("a")
				s.mu.Lock()
				s.keys.shrink()
				s.mu.Unlock()
			}
			return nil
		})
		snapshot.everyCut = true
		require.NoError(rt, e.journal.resume(c, e.journal.writeSnapshot(snapshot, c)))
		require.NoError(rt, f.Close())
		e.renameWhole(false)
		for range rapid.IntRange(0, 3).Draw(rt, "after") {
			w.write()
		}
		e.journal.flush(true)

		crashed, err := Open(Options{Dir: crash(t, e), Now: clock.now, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(rt, err)
		defer crashed.Close()
		require.Equal(rt, state(t, e), state(t, crashed))
	})
}

// pageWriter writes to few keys, in ranges of elements that are pages long.
type pageWriter struct {
	rt    *rapid.T
	e     *Engine
	clock *testClock
}

func (w pageWriter) write() {
	rt, e := w.rt, w.e
	k := rapid.SampledFrom([]string{"a", "b", "c{a}", "d{b}"}).Draw(rt, "key")
	from := rapid.IntRange(0, 5).Draw(rt, "from") * 150
	to := from + rapid.SampledFrom([]int{1, 150, 600}).Draw(rt, "length")
	var names []string
	var fields []cache.Field
	var members []cache.Member
	value := rapid.IntRange(0, 1000).Draw(rt, "value")
	for i := from; i < to; i++ {
		name := fmt.Sprintf("element %d", i)
		names = append(names, name)
		fields = append(fields, cache.Field{Name: name, Value: fmt.Sprint(value)})
		members = append(members, cache.Member{Name: name, Score: float64(value + i)})
	}
	var err error
	switch rapid.SampledFrom([]string{
		"hset", "hset", "hdel", "zadd", "zadd", "zrem", "xadd", "xadd", "xtrim", "set", "del", "expire", "time",
		"rpush", "rpush", "lpush", "pop", "ltrim", "sadd", "sadd", "srem", "pfadd", "pfmerge", "rename", "rename",
	}).Draw(rt, "op") {
	case "hset":
		_, err = e.HSet(ctx, k, fields...)
	case "hdel":
		_, err = e.HDel(ctx, k, names...)
	case "zadd":
		_, err = e.ZAdd(ctx, k, members...)
	case "zrem":
		_, err = e.ZRem(ctx, k, names...)
	case "xadd":
		for i := range 5 {
			id := fmt.Sprintf("%d-*", value/50+i)
			_, err = e.XAdd(ctx, k, id, cache.Trim{}, fields[:1]...)
		}
	case "xtrim":
		_, err = e.XTrim(ctx, k, cache.Trim{MinID: fmt.Sprint(value / 50)})
	case "rpush":
		_, err = e.RPush(ctx, k, names...)
	case "lpush":
		_, err = e.LPush(ctx, k, names...)
	case "pop":
		_, err = e.LPop(ctx, k, value)
	case "ltrim":
		err = e.LTrim(ctx, k, int64(from/10), -int64(value/10)-1)
	case "sadd":
		_, err = e.SAdd(ctx, k, names...)
	case "srem":
		_, err = e.SRem(ctx, k, names...)
	case "pfadd":
		_, err = e.PFAdd(ctx, k, names[:1]...)
	case "rename":
		twin := map[string]string{"a": "c{a}", "c{a}": "a", "b": "d{b}", "d{b}": "b"}
		_, err = e.Run(ctx, renameScript, []string{k, twin[k]}, nil)
	case "pfmerge":
		err = e.PFMerge(ctx, k, "a")
	case "set":
		_, err = e.Set(ctx, k, fmt.Sprint(value), cache.SetOptions{})
	case "del":
		_, err = e.Del(ctx, k)
	case "expire":
		_, err = e.Expire(ctx, k, time.Duration(value)*time.Second, 0)
	case "time":
		w.clock.advance(time.Duration(value) * time.Second)
		e.expireSome()
	}
	refused := errors.Is(err, cache.ErrWrongType) || errors.Is(err, cache.ErrStreamID) || errors.Is(err, cache.ErrNotHLL)
	require.True(rt, err == nil || refused, "%v", err)
}

// A collection may be without content for a moment of the replay although it
// never was: its time to live must outlast that.
func TestReplayKeepsWhatIsEmptyForAMoment(t *testing.T) {
	clock := newTestClock()
	opt := Options{Dir: t.TempDir(), Now: clock.now}
	e := open(t, opt)
	_, err := e.HSet(ctx, "h", cache.Field{Name: "one"})
	require.NoError(t, err)
	_, err = e.Expire(ctx, "h", time.Hour, 0)
	require.NoError(t, err)
	_, err = e.Durable(cache.Ephemeral).HSet(ctx, "h", cache.Field{Name: "fleeting"})
	require.NoError(t, err)
	_, err = e.HDel(ctx, "h", "one")
	require.NoError(t, err)
	e.journal.flush(true)
	opt.Dir = crash(t, e)
	require.Empty(t, state(t, open(t, opt)), "in the end nothing is left of it")

	_, err = e.HSet(ctx, "h", cache.Field{Name: "two"})
	require.NoError(t, err)
	_, err = e.HDel(ctx, "h", "fleeting")
	require.NoError(t, err)
	e.journal.flush(true)
	opt.Dir = crash(t, e)
	require.Equal(t, state(t, e), state(t, open(t, opt)))
}

// A stream that grows between any two pages keeps the entry.
func TestStreamGrowsBetweenPages(t *testing.T) {
	for when := range 5 {
		e := open(t, Options{Dir: t.TempDir()})
		grow := func() {
			_, err := e.XAdd(ctx, "s", "*", cache.Trim{}, cache.Field{Name: "f", Value: "v"})
			require.NoError(t, err)
		}
		grow()
		grow()
		c, err := e.journal.rotate()
		require.NoError(t, err)
		f, err := os.Create(snapshotPath(e.journal.dir, c.number))
		require.NoError(t, err)
		page := 0
		snapshot := newSnapshotWriter(f, func() error {
			if page == when {
				grow()
			}
			page++
			return nil
		})
		snapshot.everyCut = true
		require.NoError(t, snapshot.begin(c.number, c.firstSeq))
		p := pager{w: snapshot}
		require.NoError(t, p.encode(e.shardOf("s")))
		require.NoError(t, e.journal.complete(snapshot, c))
		require.NoError(t, snapshot.end(c.last))
		require.NoError(t, f.Close())
		require.Equal(t, state(t, e), state(t, open(t, Options{Dir: crash(t, e)})))
	}
}

// A snapshot counts on the records that were appended while it was made. They
// were on disk before it was, so a log without them is damaged.
func TestSnapshotWithoutItsRecords(t *testing.T) {
	e := open(t, Options{Dir: t.TempDir()})
	c, err := e.journal.rotate()
	require.NoError(t, err)
	for range 5 {
		_, err := e.HIncrBy(ctx, "h", "n", 1)
		require.NoError(t, err)
	}
	require.NoError(t, e.journal.saveSnapshot(c))
	dir := crash(t, e)
	crashed := open(t, Options{Dir: copyDir(t, dir)})
	require.Equal(t, state(t, e), state(t, crashed))

	path := segmentPath(dir, c.number)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for size := segmentHeader; size < len(whole); size += 11 {
		require.NoError(t, os.WriteFile(path, whole[:size], 0o600))
		_, err = Open(Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt, "%d bytes of %d", size, len(whole))
	}
	require.NoError(t, os.Remove(path))
	_, err = Open(Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	var corrupt *CorruptError
	require.ErrorAs(t, err, &corrupt)
}

// A file of another version is called that, and left alone.
func TestAnotherVersion(t *testing.T) {
	for _, path := range []func(dir string) string{
		func(dir string) string { return segmentPath(dir, 2) },
		func(dir string) string { return snapshotPath(dir, 2) },
	} {
		dir := t.TempDir()
		e := open(t, Options{Dir: dir})
		fill(t, e, 3)
		require.NoError(t, e.journal.compact())
		require.NoError(t, e.Close())
		b, err := os.ReadFile(path(dir))
		require.NoError(t, err)
		b[7] = '1'
		require.NoError(t, os.WriteFile(path(dir), b, 0o600))
		_, err = Open(Options{Dir: dir})
		require.ErrorIs(t, err, ErrVersion)
		require.ErrorContains(t, err, path(dir))
		require.ErrorContains(t, err, "format 01")
	}
}
