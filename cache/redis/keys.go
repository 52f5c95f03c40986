package redis

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// Del implements cache.Keys.
func (e *Engine) Del(ctx context.Context, keys ...string) (int64, error) {
	return e.sum(ctx, "DEL", keys, func(part []string) rueidis.Completed {
		return e.client.B().Del().Key(part...).Build()
	})
}

// Exists implements cache.Keys.
func (e *Engine) Exists(ctx context.Context, keys ...string) (int64, error) {
	return e.sum(ctx, "EXISTS", keys, func(part []string) rueidis.Completed {
		return e.client.B().Exists().Key(part...).Build()
	})
}

// sum runs a command that counts keys, once per node's share of them.
func (e *Engine) sum(ctx context.Context, op string, keys []string, cmd func([]string) rueidis.Completed) (int64, error) {
	if len(keys) == 0 {
		return 0, nil
	}
	var cmds []rueidis.Completed
	for _, part := range e.parts(keys) {
		cmds = append(cmds, cmd(part.keys))
	}
	var total int64
	for _, reply := range e.doMulti(ctx, cmds...) {
		n, err := reply.ToInt64()
		if err != nil {
			return total, fail(op, keys[0], err)
		}
		total += n
	}
	return total, nil
}

// part is the share of a call's keys that one command may name.
type part struct {
	keys  []string
	index []int // where each key stands in the call; nil: in the same place
}

// parts splits keys so that each part is on one slot. Only a cluster needs
// that; elsewhere one command takes them all, atomically.
func (e *Engine) parts(keys []string) []part {
	if !e.cluster {
		return []part{{keys: keys}}
	}
	var parts []part
	byTag := map[string]int{}
	for i, k := range keys {
		tag := cache.Tag(k)
		n, ok := byTag[tag]
		if !ok {
			n = len(parts)
			byTag[tag] = n
			parts = append(parts, part{})
		}
		parts[n].keys = append(parts[n].keys, k)
		parts[n].index = append(parts[n].index, i)
	}
	return parts
}

// oneSlot refuses what a Cluster cannot do: one command on keys of several tags.
func (e *Engine) oneSlot(op string, keys ...string) error {
	if !e.cluster {
		return nil
	}
	if _, err := cache.OneTag(keys); err != nil {
		return refuse(op, first(keys), err)
	}
	return nil
}

// Expire implements cache.Keys, to the millisecond, rounded up.
func (e *Engine) Expire(ctx context.Context, key string, ttl time.Duration, when cache.ExpireCondition) (bool, error) {
	return e.expire(ctx, "PEXPIRE", key, wholeMillis(ttl), when)
}

// ExpireAt implements cache.Keys.
func (e *Engine) ExpireAt(ctx context.Context, key string, at time.Time, when cache.ExpireCondition) (bool, error) {
	return e.expire(ctx, "PEXPIREAT", key, at.UnixMilli(), when)
}

func (e *Engine) expire(ctx context.Context, op, key string, ms int64, when cache.ExpireCondition) (bool, error) {
	cmd := e.client.B().Arbitrary(op).Keys(key).Args(strconv.FormatInt(ms, 10))
	for _, c := range []struct {
		flag cache.ExpireCondition
		word string
	}{{cache.ExpireNX, "NX"}, {cache.ExpireXX, "XX"}, {cache.ExpireGT, "GT"}, {cache.ExpireLT, "LT"}} {
		if when&c.flag != 0 {
			cmd = cmd.Args(c.word)
		}
	}
	n, err := e.do(ctx, cmd.Build()).ToInt64()
	return n == 1, fail(op, key, err)
}

// Persist implements cache.Keys.
func (e *Engine) Persist(ctx context.Context, key string) (bool, error) {
	n, err := e.do(ctx, e.client.B().Persist().Key(key).Build()).ToInt64()
	return n == 1, fail("PERSIST", key, err)
}

// wholeMillis rounds up: a short time to live must not become none at all.
func wholeMillis(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d > time.Duration(ms)*time.Millisecond {
		ms++
	}
	return ms
}

// TTL implements cache.Keys, to the millisecond.
func (e *Engine) TTL(ctx context.Context, key string) (time.Duration, error) {
	ms, err := e.do(ctx, e.client.B().Pttl().Key(key).Build()).ToInt64()
	switch {
	case err != nil:
		return 0, fail("PTTL", key, err)
	case ms == -1:
		return cache.NoTTL, nil
	case ms == -2:
		return cache.NoKey, nil
	}
	// A Duration ends at 292 years.
	return time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond, nil
}

// Type implements cache.Keys.
func (e *Engine) Type(ctx context.Context, key string) (string, error) {
	return text("TYPE", key, e.do(ctx, e.client.B().Type().Key(key).Build()))
}

// anyIfEmpty is a pattern as the server understands it, to whom "" is no key.
func anyIfEmpty(match string) string {
	if match == "" {
		return "*"
	}
	return match
}
