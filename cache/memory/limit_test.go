package memory

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

func stats(t testing.TB, e *Engine) cache.Stats {
	t.Helper()
	st, err := e.Stats(ctx)
	require.NoError(t, err)
	return st
}

func set(t testing.TB, e *Engine, key, value string) {
	t.Helper()
	_, err := e.Set(ctx, key, value, cache.SetOptions{})
	require.NoError(t, err)
}

// used compares the limiter's running total with the shards.
func requireCounted(t testing.TB, e *Engine) {
	t.Helper()
	require.Equal(t, stats(t, e).Bytes, e.limiter.used.Load())
}

// fillUp writes strings until the engine refuses one.
func fillUp(t testing.TB, e *Engine, prefix string) (n int) {
	t.Helper()
	for {
		_, err := e.Set(ctx, fmt.Sprint(prefix, n), "some value", cache.SetOptions{})
		if err != nil {
			require.ErrorIs(t, err, cache.ErrOutOfMemory)
			return n
		}
		n++
	}
}

var (
	growing = &cache.Script{Name: "growing", Go: func(tx cache.Tx, keys, _ []string) cache.Value {
		tx.HSet(keys[0], "new", "x")
		tx.Del(keys[0])
		return cache.Int(1)
	}}
	writtenBefore = &cache.Script{Name: "written before", Go: func(tx cache.Tx, keys, _ []string) cache.Value {
		tx.HDel(keys[0], "f")
		tx.HSet(keys[0], "new", "x")
		return cache.Int(tx.HLen(keys[0]))
	}}
	allowed = &cache.Script{Name: "allowed", AllowOOM: true, Go: growing.Go}
)

// Without room, what grows is refused before it changes anything, and what does
// not goes on.
func TestNoEviction(t *testing.T) {
	e := open(t, Options{MaxMemory: 1 << 20})
	fields := []cache.Field{{Name: "f", Value: "1"}, {Name: "g", Value: "2"}, {Name: "h", Value: "3"}}
	_, err := e.HSet(ctx, "hash", fields...)
	require.NoError(t, err)
	_, err = e.ZAdd(ctx, "zset", cache.Member{Name: "m", Score: 1}, cache.Member{Name: "n", Score: 2})
	require.NoError(t, err)
	_, err = e.XAdd(ctx, "stream", "1-1", cache.Trim{}, fields...)
	require.NoError(t, err)
	_, err = e.RPush(ctx, "list", "a", "b", "c")
	require.NoError(t, err)
	_, err = e.SAdd(ctx, "set", "a", "b")
	require.NoError(t, err)
	_, err = e.PFAdd(ctx, "hll", "a")
	require.NoError(t, err)
	set(t, e, "text", "7")
	require.Greater(t, fillUp(t, e, "fill:"), 1000)
	requireCounted(t, e)

	before := state(t, e)
	for name, write := range map[string]func() error{
		"set":     func() error { _, err := e.Set(ctx, "text", "8", cache.SetOptions{}); return err },
		"mset":    func() error { return e.MSet(ctx, cache.Field{Name: "text", Value: "8"}) },
		"incrby":  func() error { _, err := e.IncrBy(ctx, "text", 1); return err },
		"hset":    func() error { _, err := e.HSet(ctx, "hash", cache.Field{Name: "f", Value: "9"}); return err },
		"hsetnx":  func() error { _, err := e.HSetNX(ctx, "hash", "new", "9"); return err },
		"hincrby": func() error { _, err := e.HIncrBy(ctx, "hash", "f", 1); return err },
		"zadd":    func() error { _, err := e.ZAdd(ctx, "zset", cache.Member{Name: "m", Score: 9}); return err },
		"zincrby": func() error { _, _, err := e.ZIncrBy(ctx, "zset", "m", 1, cache.ZAddOptions{}); return err },
		"geoadd":  func() error { _, err := e.GeoAdd(ctx, "zset", cache.GeoMember{Name: "m", Lat: 1, Lon: 1}); return err },
		"lpush":   func() error { _, err := e.LPush(ctx, "list", "d"); return err },
		"rpush":   func() error { _, err := e.RPush(ctx, "list", "d"); return err },
		"sadd":    func() error { _, err := e.SAdd(ctx, "set", "c"); return err },
		"pfadd":   func() error { _, err := e.PFAdd(ctx, "hll", "b"); return err },
		"pfmerge": func() error { return e.PFMerge(ctx, "merged", "hll") },
		"xadd":    func() error { _, err := e.XAdd(ctx, "stream", "*", cache.Trim{}, fields...); return err },
		"script":  func() error { _, err := e.Run(ctx, growing, []string{"hash"}, nil); return err },
	} {
		require.ErrorIs(t, write(), cache.ErrOutOfMemory, name)
	}
	require.Equal(t, before, state(t, e))

	for name, write := range map[string]func() (int64, error){
		"hdel":  func() (int64, error) { return e.HDel(ctx, "hash", "g") },
		"zrem":  func() (int64, error) { return e.ZRem(ctx, "zset", "n") },
		"srem":  func() (int64, error) { return e.SRem(ctx, "set", "a") },
		"lpop":  func() (int64, error) { popped, err := e.LPop(ctx, "list", 1); return int64(len(popped)), err },
		"rpop":  func() (int64, error) { popped, err := e.RPop(ctx, "list", 1); return int64(len(popped)), err },
		"xtrim": func() (int64, error) { return e.XTrim(ctx, "stream", cache.Trim{MinID: "2-0"}) },
		"del":   func() (int64, error) { return e.Del(ctx, "fill:0") },
		"expire": func() (int64, error) {
			_, err := e.Expire(ctx, "fill:1", wait, 0)
			return 1, err
		},
		"publish": func() (int64, error) { n, err := e.Publish(ctx, "channel", "x"); return n + 1, err },
	} {
		fillUp(t, e, "again:"+name)
		n, err := write()
		require.NoError(t, err, name)
		require.EqualValues(t, 1, n, name)
	}

	fillUp(t, e, "more:")
	v, err := e.Run(ctx, writtenBefore, []string{"hash"}, nil)
	require.NoError(t, err, "a script that has written is not stopped half way")
	require.Equal(t, cache.Int(2), v)
	fillUp(t, e, "more:")
	_, err = e.Run(ctx, allowed, []string{"hash"}, nil)
	require.NoError(t, err)

	for i := range 100 {
		_, err := e.Del(ctx, fmt.Sprint("fill:", i))
		require.NoError(t, err)
	}
	set(t, e, "room again", "x")
	requireCounted(t, e)
}

// However large the writes are, the data set stays within the bound that the
// limiter states, and the total it goes by is right.
func TestEvictionKeepsTheLimit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const limit = 256 << 10
		policy := rapid.SampledFrom([]Policy{AllKeysLRU, AllKeysLFU, VolatileLRU, VolatileTTL}).Draw(rt, "policy")
		e := open(t, Options{MaxMemory: limit, Policy: policy})
		defer e.Close()
		largest := rapid.SampledFrom([]int{500, 5000, 100_000}).Draw(rt, "largest value")
		value := strings.Repeat("x", largest)
		for i := range 1 + 2*limit/largest {
			n := rapid.IntRange(0, largest).Draw(rt, "size")
			_, err := e.Set(ctx, fmt.Sprint(i), value[:n], cache.SetOptions{TTL: wait})
			require.NoError(rt, err)
			require.LessOrEqual(rt, e.limiter.used.Load(), limit+e.limiter.slack+allocated(n)+allocated(n)/runtimeShare+1000)
		}
		requireCounted(t, e)
	})
}

// Kept keys never go, and once there are only such, growing writes are refused.
func TestKeep(t *testing.T) {
	for _, policy := range []Policy{AllKeysLRU, AllKeysLFU, VolatileLRU, VolatileTTL} {
		t.Run(policy.String(), func(t *testing.T) {
			e := open(t, Options{MaxMemory: 512 << 10, Policy: policy, Keep: []string{"stock:", "order:"}})
			kept := 0
			keep := func() error {
				key := fmt.Sprint([]string{"stock:", "order:"}[kept%2], kept)
				if _, err := e.Set(ctx, key, "true", cache.SetOptions{TTL: wait}); err != nil {
					return err
				}
				kept++
				return nil
			}
			for range 500 {
				require.NoError(t, keep())
			}
			for i := range 8_000 {
				_, err := e.Set(ctx, fmt.Sprint("cache:", i), "a copy", cache.SetOptions{TTL: wait})
				require.NoError(t, err)
			}
			st := stats(t, e)
			require.Positive(t, st.Evicted)
			require.EqualValues(t, 8_000+kept, st.Evicted+st.Keys)

			var err error
			for err == nil && kept < 8_000 {
				err = keep()
			}
			require.ErrorIs(t, err, cache.ErrOutOfMemory)
			for i := range kept {
				n, err := e.Exists(ctx, fmt.Sprint([]string{"stock:", "order:"}[i%2], i))
				require.NoError(t, err)
				require.EqualValues(t, 1, n, i)
			}
			require.EqualValues(t, kept, stats(t, e).Keys, "all others went first")
			requireCounted(t, e)
		})
	}
}

// With a volatile policy, keys without a time to live stay.
func TestVolatilePolicyTakesVolatileKeysOnly(t *testing.T) {
	e := open(t, Options{MaxMemory: 1 << 20, Policy: VolatileLRU})
	for i := range 100 {
		set(t, e, fmt.Sprint("stays:", i), "x")
		_, err := e.Set(ctx, fmt.Sprint("goes:", i), "x", cache.SetOptions{TTL: wait})
		require.NoError(t, err)
	}
	_, err := e.Set(ctx, "made to stay", "x", cache.SetOptions{TTL: wait})
	require.NoError(t, err)
	set(t, e, "made to stay", "x")
	set(t, e, "made to go", "x")
	_, err = e.Expire(ctx, "made to go", wait, 0)
	require.NoError(t, err)
	filled := fillUp(t, e, "stays, too:")
	st := stats(t, e)
	require.EqualValues(t, 101, st.Evicted)
	require.EqualValues(t, 100+1+filled, st.Keys)
}

// What was evicted does not come back with a restart, and what is loaded is cut
// down to the limit.
func TestEvictedKeysStayAway(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir, MaxMemory: 1 << 20, Policy: AllKeysLRU})
	for i := range 10_000 {
		set(t, e, fmt.Sprint("cache:", i), "a copy")
	}
	require.Positive(t, stats(t, e).Evicted)
	require.NoError(t, e.Close())
	want := state(t, e)

	reopened := open(t, Options{Dir: dir})
	require.True(t, maps.Equal(want, state(t, reopened)))
	require.NoError(t, reopened.Close())

	smaller := open(t, Options{Dir: dir, MaxMemory: 512 << 10, Policy: AllKeysLFU})
	st := stats(t, smaller)
	require.LessOrEqual(t, st.Bytes, 512<<10+smaller.limiter.slack)
	require.EqualValues(t, len(want), st.Keys+st.Evicted)
	requireCounted(t, smaller)
}

func TestCounters(t *testing.T) {
	e := open(t, Options{})
	set(t, e, "there", "x")
	before := stats(t, e)
	for range 3 {
		_, err := e.Get(ctx, "there")
		require.NoError(t, err)
	}
	_, err := e.MGet(ctx, "there", "not there", "not there either")
	require.NoError(t, err)
	after := stats(t, e)
	require.EqualValues(t, 4, after.Hits-before.Hits)
	require.EqualValues(t, 2, after.Misses-before.Misses)
}

func TestParsePolicy(t *testing.T) {
	for _, p := range []Policy{NoEviction, AllKeysLRU, AllKeysLFU, VolatileLRU, VolatileTTL} {
		parsed, err := ParsePolicy(p.String())
		require.NoError(t, err)
		require.Equal(t, p, parsed)
	}
	_, err := ParsePolicy("allkeys-random")
	require.ErrorContains(t, err, "want one of noeviction, allkeys-lru")
}
