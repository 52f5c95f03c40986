package memory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/memory"
	"hyperlocal/cache/redis"
	"hyperlocal/internal/testenv"
)

// What counts as a hit or a miss is what Redis counts, command by command.
func TestCountersBesideRedis(t *testing.T) {
	ctx := t.Context()
	server, err := redis.Open(ctx, "redis://"+testenv.OwnRedis(t), redis.Options{})
	require.NoError(t, err)
	defer server.Close()
	engine, err := memory.Open(memory.Options{})
	require.NoError(t, err)
	defer engine.Close()

	script := &cache.Script{
		Name: "reads",
		Lua:  `redis.call('GET', KEYS[1]) redis.call('HGET', KEYS[2], 'f') return redis.call('INCR', KEYS[1])`,
		Go: func(tx cache.Tx, keys, _ []string) cache.Value {
			tx.HGet(keys[1], "f")
			v := tx.Get(keys[0])
			tx.Set(keys[0], v.Str+"1", 0)
			return cache.Int(1)
		},
	}
	counted := func(e cache.Engine, call func(e cache.Engine) error) (hits, misses int64) {
		before, err := e.Stats(ctx)
		require.NoError(t, err)
		require.NoError(t, call(e))
		after, err := e.Stats(ctx)
		require.NoError(t, err)
		return after.Hits - before.Hits, after.Misses - before.Misses
	}
	for _, c := range []struct {
		name string
		call func(e cache.Engine) error
	}{
		{"SET", func(e cache.Engine) error { _, err := e.Set(ctx, "s", "1", cache.SetOptions{}); return err }},
		{"GET", func(e cache.Engine) error { _, err := e.Get(ctx, "s"); return err }},
		{"GET of none", func(e cache.Engine) error { _, err := e.Get(ctx, "none"); return err }},
		{"MGET", func(e cache.Engine) error { _, err := e.MGet(ctx, "s", "none", "s"); return err }},
		{"INCRBY", func(e cache.Engine) error { _, err := e.IncrBy(ctx, "s", 1); return err }},
		{"EXISTS", func(e cache.Engine) error { _, err := e.Exists(ctx, "s", "none"); return err }},
		{"TYPE", func(e cache.Engine) error { _, err := e.Type(ctx, "s"); return err }},
		{"TTL", func(e cache.Engine) error { _, err := e.TTL(ctx, "none"); return err }},
		{"EXPIRE", func(e cache.Engine) error { _, err := e.Expire(ctx, "s", time.Hour, 0); return err }},
		{"HSET", func(e cache.Engine) error { _, err := e.HSet(ctx, "h", cache.Field{Name: "f", Value: "1"}); return err }},
		{"HGET", func(e cache.Engine) error { _, err := e.HGet(ctx, "h", "no field"); return err }},
		{"HMGET", func(e cache.Engine) error { _, err := e.HMGet(ctx, "h", "f", "g"); return err }},
		{"HINCRBY", func(e cache.Engine) error { _, err := e.HIncrBy(ctx, "h", "f", 1); return err }},
		{"HDEL", func(e cache.Engine) error { _, err := e.HDel(ctx, "h", "g"); return err }},
		{"ZADD", func(e cache.Engine) error { _, err := e.ZAdd(ctx, "z", cache.Member{Name: "m"}); return err }},
		{"ZSCORE", func(e cache.Engine) error { _, _, err := e.ZScore(ctx, "z", "m"); return err }},
		{"XADD", func(e cache.Engine) error {
			_, err := e.XAdd(ctx, "x", "*", cache.Trim{}, cache.Field{Name: "f"})
			return err
		}},
		{"XRANGE", func(e cache.Engine) error { _, err := e.XRange(ctx, "x", "-", "+", 0); return err }},
		{"script", func(e cache.Engine) error { _, err := e.Run(ctx, script, []string{"{t}s", "{t}h"}, nil); return err }},
		{"DEL", func(e cache.Engine) error { _, err := e.Del(ctx, "s", "none"); return err }},
	} {
		wantHits, wantMisses := counted(server, c.call)
		hits, misses := counted(engine, c.call)
		require.Equal(t, wantHits, hits, "hits of %s", c.name)
		require.Equal(t, wantMisses, misses, "misses of %s", c.name)
	}
}
