package memory

import (
	"context"
	"math"

	"hyperlocal/cache"
)

// ZRangeByScore returns the members in a range of scores, in order.
func (e *Engine) ZRangeByScore(ctx context.Context, key string, sr cache.ScoreRange) ([]cache.Member, error) {
	return read(ctx, e, "zrangebyscore", key, func(r reader) ([]cache.Member, error) { return r.zrange(key, sr) })
}

// ZRange returns the members in a range of ranks, in order.
func (e *Engine) ZRange(ctx context.Context, key string, start, stop int64, reverse bool) ([]cache.Member, error) {
	return read(ctx, e, "zrange", key, func(r reader) ([]cache.Member, error) {
		z, err := lookup[*sortedSet](r, key)
		if z == nil || err != nil {
			return nil, err
		}
		from, to := rankRange(start, stop, z.Len())
		return z.slice(from, to, reverse), nil
	})
}

// ZRank returns how many members come before this one.
func (e *Engine) ZRank(ctx context.Context, key, name string, reverse bool) (rank int64, ok bool, err error) {
	rank, err = read(ctx, e, "zrank", key, func(r reader) (int64, error) {
		z, err := lookup[*sortedSet](r, key)
		if z == nil || err != nil {
			return 0, err
		}
		var n int
		if n, ok = z.Rank(name); ok && reverse {
			n = z.Len() - 1 - n
		}
		return int64(n), nil
	})
	return rank, ok, err
}

// ZCount returns the number of members in a range of scores.
func (e *Engine) ZCount(ctx context.Context, key string, sr cache.ScoreRange) (int64, error) {
	return read(ctx, e, "zcount", key, func(r reader) (int64, error) {
		if err := checkRange(sr); err != nil {
			return 0, err
		}
		z, err := lookup[*sortedSet](r, key)
		if z == nil || err != nil {
			return 0, err
		}
		from, to := z.ranks(sr)
		return int64(max(0, to-from)), nil
	})
}

// ZRemRangeByScore removes the members in a range of scores and returns how many
// there were.
func (e *Engine) ZRemRangeByScore(ctx context.Context, key string, sr cache.ScoreRange) (int64, error) {
	return write(ctx, e, "zremrangebyscore", key, func(u *unit) (int64, error) {
		if err := checkRange(sr); err != nil {
			return 0, err
		}
		return u.zremRanks(key, func(z *sortedSet) (from, to int) { return z.ranks(sr) })
	})
}

// ZRemRangeByRank removes the members in a range of ranks and returns how many
// there were.
func (e *Engine) ZRemRangeByRank(ctx context.Context, key string, start, stop int64) (int64, error) {
	return write(ctx, e, "zremrangebyrank", key, func(u *unit) (int64, error) {
		return u.zremRanks(key, func(z *sortedSet) (from, to int) { return rankRange(start, stop, z.Len()) })
	})
}

// checkRange refuses a range without ends.
func checkRange(sr cache.ScoreRange) error {
	if math.IsNaN(sr.Min) || math.IsNaN(sr.Max) {
		return cache.ErrScoreNaN
	}
	return nil
}

// rankRange makes ranks from start to stop, of which negative ones count from
// the end, into ranks from up to but without to, among n.
func rankRange(start, stop int64, n int) (from, to int) {
	size := int64(n)
	if start < 0 {
		start = max(start+size, 0)
	}
	if stop < 0 {
		stop += size
	}
	stop = min(stop, size-1)
	if start > stop {
		return 0, 0
	}
	return int(start), int(stop) + 1
}

func (r reader) zrange(key string, sr cache.ScoreRange) ([]cache.Member, error) {
	if err := checkRange(sr); err != nil {
		return nil, err
	}
	z, err := lookup[*sortedSet](r, key)
	if z == nil || err != nil {
		return nil, err
	}
	return z.rangeByScore(sr), nil
}

// zremRanks removes the members of a range of ranks.
func (u *unit) zremRanks(key string, ranks func(z *sortedSet) (from, to int)) (int64, error) {
	it, z, err := reach[*sortedSet](u, key)
	if it == nil || err != nil {
		return 0, err
	}
	from, to := ranks(z)
	if from >= to {
		return 0, nil
	}
	if to-from == z.Len() {
		u.drop(it)
		return int64(to - from), nil
	}
	names := make([]string, 0, to-from)
	z.DeleteRanks(from, to, func(name []byte) { names = append(names, string(name)) })
	if u.records() {
		u.effects.names(opZRem, key, names)
	}
	u.settle(it)
	return int64(len(names)), nil
}
