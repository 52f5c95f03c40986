package memory

import (
	"context"
	"slices"
	"strings"
	"time"

	"hyperlocal/cache"
)

// Del removes keys and returns how many there were.
func (e *Engine) Del(ctx context.Context, keys ...string) (int64, error) {
	return writeMany(ctx, e, "del", keys, func(u *unit, key string) bool { return u.del(key) })
}

// Exists returns how many of keys exist; one named twice counts twice.
func (e *Engine) Exists(ctx context.Context, keys ...string) (int64, error) {
	var n int64
	err := readMany(ctx, e, "exists", keys, func(r reader, _ int, key string) {
		if r.peek(key) != nil {
			n++
		}
	})
	return n, err
}

// Expire sets a key's time to live; a fraction of a millisecond counts as one.
func (e *Engine) Expire(ctx context.Context, key string, ttl time.Duration, _ cache.ExpireCondition) (bool, error) {
	return write(ctx, e, "expire", key, func(u *unit) (bool, error) { return u.expire(key, ttl), nil })
}

// TTL returns the remaining time to live, cache.NoTTL or cache.NoKey.
func (e *Engine) TTL(ctx context.Context, key string) (time.Duration, error) {
	return read(ctx, e, "ttl", key, func(r reader) (time.Duration, error) { return r.ttl(key), nil })
}

// Type returns "string", "hash", "zset", "stream", or "none".
func (e *Engine) Type(ctx context.Context, key string) (string, error) {
	return read(ctx, e, "type", key, func(r reader) (string, error) {
		if it := r.peek(key); it != nil {
			return it.value.typeName(), nil
		}
		return "none", nil
	})
}

func (r reader) ttl(key string) time.Duration {
	it := r.peek(key)
	switch {
	case it == nil:
		return cache.NoKey
	case it.expireAt == 0:
		return cache.NoTTL
	}
	return time.Duration(it.expireAt-r.now) * time.Millisecond
}

func (u *unit) del(key string) bool {
	it := u.findForWrite(key)
	if it == nil {
		return false
	}
	u.drop(it)
	return true
}

func (u *unit) expire(key string, ttl time.Duration) bool {
	if ttl <= 0 {
		return u.del(key)
	}
	return u.expireAt(key, u.deadline(ttl))
}

// expireAt is expire with a moment in ms since 1970, 0 for never.
func (u *unit) expireAt(key string, at int64) bool {
	it := u.findForWrite(key)
	if it == nil {
		return false
	}
	u.changed = true
	u.schedule(it, at)
	if u.records() {
		u.effects.expire(key, at)
	}
	return true
}

// deadline is the moment, in ms since 1970, at which a ttl that begins now is
// over; 0 for a ttl of 0.
func (u *unit) deadline(ttl time.Duration) int64 {
	if ttl == 0 {
		return 0
	}
	return u.now + int64((ttl+time.Millisecond-1)/time.Millisecond)
}

// readMany runs fn for each key, with the shards of all of them locked
// together so that the answer is of one moment.
func readMany(ctx context.Context, e *Engine, op string, keys []string, fn func(r reader, i int, key string)) error {
	indexes := shardIndexes(keys)
	for i, n := range indexes {
		if err := e.shards[n].rlock(ctx); err != nil {
			for _, n := range indexes[:i] {
				e.shards[n].mu.RUnlock()
			}
			return opError(op, keys[0], err)
		}
	}
	now := e.nowMS()
	for i, key := range keys {
		fn(reader{shard: e.shardOf(key), now: now}, i, key)
	}
	for _, n := range indexes {
		e.shards[n].mu.RUnlock()
	}
	return nil
}

// writeMany is readMany for a command that writes; it counts the keys for
// which fn is true. Each shard's part is a unit of its own: together for
// readers, but after a crash a part may be missing, as on a Cluster.
func writeMany(ctx context.Context, e *Engine, op string, keys []string, fn func(u *unit, key string) bool) (int64, error) {
	if err := e.admit(ctx); err != nil {
		return 0, opError(op, strings.Join(keys, " "), err)
	}
	full := e.makeRoom()
	indexes := shardIndexes(keys)
	for i, n := range indexes {
		if err := e.shards[n].lock(ctx); err != nil {
			for _, n := range indexes[:i] {
				e.shards[n].mu.Unlock()
			}
			return 0, opError(op, keys[0], err)
		}
	}
	now := e.nowMS()
	var count int64
	for _, n := range indexes {
		u := e.shards[n].begin(e.journal != nil, e.durability, now)
		u.full = full
		for _, key := range keys {
			if shardIndex(key) == n && fn(u, key) {
				count++
			}
		}
	}
	var failed error
	batches := make([]*batch, len(indexes))
	for i, n := range indexes {
		batches[i] = e.commit(&e.shards[n].unit)
	}
	for _, b := range batches {
		if err := b.wait(ctx); err != nil {
			failed = opError(op, keys[0], err)
		}
	}
	if failed != nil {
		return 0, failed
	}
	return count, nil
}

// shardIndexes returns each shard of keys once, in the order of locking.
func shardIndexes(keys []string) []int {
	indexes := make([]int, len(keys))
	for i, key := range keys {
		indexes[i] = shardIndex(key)
	}
	slices.Sort(indexes)
	return slices.Compact(indexes)
}
