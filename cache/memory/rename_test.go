package memory

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// renameScript answers whether there was something to rename.
var renameScript = &cache.Script{Name: "rename", Go: func(tx cache.Tx, keys, _ []string) cache.Value {
	if tx.Rename(keys[0], keys[1]) {
		return cache.Int(1)
	}
	return cache.Int(0)
}}

func renamed(t testing.TB, e cache.Engine, from, to string) bool {
	t.Helper()
	v, err := e.Run(ctx, renameScript, []string{from, to}, nil)
	require.NoError(t, err)
	return v.Int == 1
}

// manyFields are a hash's, of some 300 KB.
func manyFields(n int) []cache.Field {
	fields := make([]cache.Field, n)
	for i := range fields {
		fields[i] = cache.Field{Name: fmt.Sprint("driver:", i), Value: "what is known of it"}
	}
	return fields
}

func TestRenameReplays(t *testing.T) {
	clock := newTestClock()
	opt := Options{Dir: t.TempDir(), Now: clock.now}
	e := open(t, opt)
	kinds := []string{"string", "number", "hash", "zset", "set", "list", "stream", "hll"}
	put := func(kind, key string) {
		var err error
		switch kind {
		case "string":
			_, err = e.Set(ctx, key, "v", cache.SetOptions{})
		case "number":
			_, err = e.IncrBy(ctx, key, 5)
		case "hash":
			_, err = e.HSet(ctx, key, cache.Field{Name: "f", Value: "v"})
		case "zset":
			_, err = e.ZAdd(ctx, key, cache.Member{Name: "m", Score: 1.5})
		case "set":
			_, err = e.SAdd(ctx, key, "m")
		case "list":
			_, err = e.LPush(ctx, key, "a", "b", "c")
		case "stream":
			_, err = e.XAdd(ctx, key, "*", cache.Trim{}, cache.Field{Name: "f", Value: "v"})
		case "hll":
			_, err = e.PFAdd(ctx, key, "m")
		}
		require.NoError(t, err)
	}
	for i, kind := range kinds {
		key := func(name string) string { return fmt.Sprintf("%s:{%s}", name, kind) }
		put(kind, key("from"))
		_, err := e.Expire(ctx, key("from"), time.Hour, 0)
		require.NoError(t, err)
		put(kinds[(i+1)%len(kinds)], key("to"))
		require.True(t, renamed(t, e, key("from"), key("to")))
		put(kind, key("to")) // goes on with what was moved
		put(kind, key("from"))
		require.False(t, renamed(t, e, key("missing"), key("from")))
		require.True(t, renamed(t, e, key("from"), key("from")))
		require.True(t, renamed(t, e, key("from"), key("second")))
		require.True(t, renamed(t, e, key("second"), key("third")))
		put(kinds[(i+3)%len(kinds)], key("second"))
	}
	require.Len(t, requireSurvives(t, e, opt), 3*len(kinds))

	// Neither of two keys that have expired is there, collected or not.
	for _, key := range []string{"from:{x}", "to:{x}"} {
		put("hash", key)
		_, err := e.Expire(ctx, key, time.Second, 0)
		require.NoError(t, err)
	}
	clock.advance(2 * time.Second)
	require.False(t, renamed(t, e, "from:{x}", "third:{x}"))
	put("zset", "from:{x}")
	require.True(t, renamed(t, e, "from:{x}", "to:{x}"))
	require.Len(t, requireSurvives(t, e, opt), 3*len(kinds)+1)
}

// A counter goes on in its new item, and the old one can be forgotten.
func TestRenameOfACounter(t *testing.T) {
	e := open(t, Options{})
	_, err := e.IncrBy(ctx, "from{t}", 5)
	require.NoError(t, err)
	require.True(t, renamed(t, e, "from{t}", "to{t}"))
	it := e.shardOf("to{t}").keys.find("to{t}")
	require.Same(t, &it.number, it.value)
	n, err := e.IncrBy(ctx, "to{t}", 2)
	require.NoError(t, err)
	require.EqualValues(t, 7, n)
}

// A stream that gets the name that somebody waits for is read, as in Redis.
func TestRenameWakesReaders(t *testing.T) {
	inBubble(t, func(t *testing.T, e *Engine) {
		addEntry(t, e, "s", "5-0")
		done := waiting(e)
		addEntry(t, e, "{s}other", "6-0")
		require.True(t, renamed(t, e, "{s}other", "s"))
		require.Equal(t, "s 6-0", <-done)
	})
}

// An ephemeral rename is the removal of both keys. A journaled one moves what the
// journal has, and takes away what was there before even if that is nothing.
func TestRenameAndEphemeralWrites(t *testing.T) {
	opt := Options{Dir: t.TempDir()}
	e := open(t, opt)
	fleeting := e.Durable(cache.Ephemeral)
	hset := func(e cache.Engine, key, field string) {
		_, err := e.HSet(ctx, key, cache.Field{Name: field})
		require.NoError(t, err)
	}
	for _, tag := range []string{"{fleeting}", "{mixed}", "{nothing}"} {
		hset(e, "to"+tag, "old")
	}
	hset(e, "from{fleeting}", "f")
	require.True(t, renamed(t, fleeting, "from{fleeting}", "to{fleeting}"))
	hset(e, "from{mixed}", "firm")
	hset(fleeting, "from{mixed}", "fleeting")
	require.True(t, renamed(t, e, "from{mixed}", "to{mixed}"))
	hset(fleeting, "from{nothing}", "fleeting")
	require.True(t, renamed(t, e, "from{nothing}", "to{nothing}"))
	e.journal.flush(true)
	opt.Dir = crash(t, e)
	require.Equal(t, map[string]string{"to{mixed}": `hash "firm"=""  expires 0`}, state(t, open(t, opt)))
	for _, tag := range []string{"{fleeting}", "{mixed}", "{nothing}"} {
		hset(e, "to"+tag, "new")
	}
	e.journal.flush(true)
	opt.Dir = crash(t, e)
	require.Equal(t, map[string]string{
		"to{fleeting}": `hash "new"=""  expires 0`,
		"to{mixed}":    `hash "firm"="" "new"=""  expires 0`,
		"to{nothing}":  `hash "new"=""  expires 0`,
	}, state(t, open(t, opt)))
}

// However large a value is, its rename is a small record, unless a snapshot is being
// taken.
func TestRenameIsSmall(t *testing.T) {
	opt := Options{Dir: t.TempDir()}
	e := open(t, opt)
	_, err := e.HSet(ctx, "open{z}", manyFields(10_000)...)
	require.NoError(t, err)
	journaled := func(from, to string) int64 {
		e.journal.flush(true)
		before := e.journal.logBytes
		require.True(t, renamed(t, e, from, to))
		e.journal.flush(true)
		return e.journal.logBytes - before
	}
	require.Less(t, journaled("open{z}", "sealed{z}"), int64(100))
	e.renameWhole(true)
	require.Greater(t, journaled("sealed{z}", "open{z}"), int64(100_000))
	e.renameWhole(false)
	require.NoError(t, e.journal.compact())
	require.Less(t, journaled("open{z}", "sealed{z}"), int64(100))
	e.journal.fail(errDisk)
	require.NoError(t, e.journal.compact())
	require.Less(t, journaled("sealed{z}", "open{z}"), int64(100))
	requireSurvives(t, e, opt)
}

// Values of several pages are renamed and written to while snapshots are taken.
func TestRenamesDuringCompactions(t *testing.T) {
	opt := Options{Dir: t.TempDir()}
	e := open(t, opt)
	key := func(w, i int) string { return fmt.Sprintf("%d:{%d}", i%4, w) }
	for w := range 2 {
		for i := range 3 {
			_, err := e.HSet(ctx, key(w, i), manyFields(3000)...)
			require.NoError(t, err)
		}
	}
	stop := twoWriters(func(w, i int) {
		_, _ = e.HSet(ctx, key(w, i), cache.Field{Name: fmt.Sprint("driver:", i*7%3000), Value: strconv.Itoa(i)})
		_, _ = e.HDel(ctx, key(w, i+1), fmt.Sprint("driver:", i*11%3000))
		_, _ = e.Run(ctx, renameScript, []string{key(w, i*5), key(w, i*3+1)}, nil)
		if i%50 == 0 {
			_, _ = e.HSet(ctx, key(w, i/50), manyFields(1000)...)
		}
	})
	for i := range 10 {
		if i == 5 {
			e.journal.fail(errDisk)
		}
		require.NoError(t, e.journal.compact())
	}
	stop()
	requireSurvives(t, e, opt)
}

// A segment of the version before is read; the next one is of this version.
func TestSegmentOfTheVersionBefore(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	fill(t, e, 20)
	require.NoError(t, e.Close())
	want := state(t, e)
	path := segmentPath(dir, 1)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	copy(b, segmentMagicBefore)
	binary.LittleEndian.PutUint32(b[24:], crc32.Checksum(b[:24], castagnoli))
	require.NoError(t, os.WriteFile(path, b, 0o600))

	e = open(t, Options{Dir: dir})
	require.Equal(t, want, state(t, e))
	require.True(t, renamed(t, e, "hash:1", "{hash:1}moved"))
	require.NoError(t, e.Close())
	report, err := Check(dir)
	require.NoError(t, err)
	require.Empty(t, report.Damage)
	b, err = os.ReadFile(segmentPath(dir, 2))
	require.NoError(t, err)
	require.Equal(t, segmentMagic, string(b[:8]))
	err = checkMagic(b, segmentMagicBefore)
	require.ErrorIs(t, err, ErrVersion, "who reads the version before alone says so")
	require.NotErrorIs(t, err, errHeader)
}

// A repair counts both keys of a rename that it cannot keep.
func TestRepairCountsBothKeysOfARename(t *testing.T) {
	dir, _ := damagedAfterOne(t, func(e *Engine) {
		setAlways(t, e, "from{t}", "two")
		require.True(t, renamed(t, always(e), "from{t}", "to{t}"))
		setAlways(t, e, "two")
	})
	report, got := repaired(t, dir)
	require.Len(t, got, 1)
	require.Equal(t, 3, report.Lost)
	require.Equal(t, 3, report.LostKeys)
}
