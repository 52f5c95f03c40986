package memory

import (
	"context"
	"math"

	"hyperlocal/cache"
)

// ZAdd returns how many members are new.
func (e *Engine) ZAdd(ctx context.Context, key string, members ...cache.Member) (int64, error) {
	return write(ctx, e, "zadd", key, func(u *unit) (int64, error) { return u.zadd(key, members) })
}

// ZRem returns how many of names there were; the last one takes the key along.
func (e *Engine) ZRem(ctx context.Context, key string, names ...string) (int64, error) {
	return write(ctx, e, "zrem", key, func(u *unit) (int64, error) { return u.zrem(key, names) })
}

// ZScore returns a member's score.
func (e *Engine) ZScore(ctx context.Context, key, name string) (score float64, ok bool, err error) {
	_, err = read(ctx, e, "zscore", key, func(r reader) (struct{}, error) {
		score, ok, err = r.zscore(key, name)
		return struct{}{}, err
	})
	return score, ok, err
}

// ZCard returns the number of members.
func (e *Engine) ZCard(ctx context.Context, key string) (int64, error) {
	return read(ctx, e, "zcard", key, func(r reader) (int64, error) { return r.zcard(key) })
}

func (r reader) zscore(key, name string) (float64, bool, error) {
	z, err := lookup[*sortedSet](r, key)
	if z == nil || err != nil {
		return 0, false, err
	}
	score, ok := z.Score(name)
	return score, ok, nil
}

func (r reader) zcard(key string) (int64, error) {
	z, err := lookup[*sortedSet](r, key)
	if z == nil || err != nil {
		return 0, err
	}
	return int64(z.Len()), nil
}

func (u *unit) zadd(key string, members []cache.Member) (added int64, err error) {
	for _, m := range members {
		if math.IsNaN(m.Score) {
			return 0, cache.ErrScoreNaN
		}
	}
	it, z, err := obtain(u, key, newSortedSet)
	if err != nil {
		return 0, err
	}
	added = z.PutMany(members)
	if u.records() {
		u.effects.members(key, members)
	}
	u.settle(it)
	return added, nil
}

func (u *unit) zrem(key string, names []string) (removed int64, err error) {
	it, z, err := reach[*sortedSet](u, key)
	if it == nil || err != nil {
		return 0, err
	}
	for _, name := range names {
		if z.Delete(name) {
			removed++
		}
	}
	if u.records() {
		u.effects.names(opZRem, key, names)
	}
	u.settle(it)
	return removed, nil
}
