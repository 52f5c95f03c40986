package memory

import (
	"context"
	"math"

	"hyperlocal/cache"
)

// ZAddIf is ZAdd under conditions.
func (e *Engine) ZAddIf(ctx context.Context, key string, opt cache.ZAddOptions, members ...cache.Member) (int64, error) {
	if len(members) == 0 {
		return 0, nil
	}
	return write(ctx, e, "zadd", key, func(u *unit) (int64, error) { return u.zaddIf(key, opt, members) })
}

// ZIncrBy adds to a member's score and returns the sum.
func (e *Engine) ZIncrBy(ctx context.Context, key, name string, delta float64, opt cache.ZAddOptions) (score float64, ok bool, err error) {
	score, err = write(ctx, e, "zincrby", key, func(u *unit) (score float64, err error) {
		score, ok, err = u.zincrBy(key, name, delta, opt)
		return score, err
	})
	return score, ok && err == nil, err
}

// checkConditions refuses those that exclude each other.
func checkConditions(opt cache.ZAddOptions) error {
	if opt.NX && (opt.XX || opt.GT || opt.LT) || opt.GT && opt.LT {
		return cache.ErrSyntax
	}
	return nil
}

// admits says whether a member may be given a score. It has the score old if it
// exists.
func admits(opt cache.ZAddOptions, exists bool, old, score float64) bool {
	switch {
	case !exists:
		return !opt.XX
	case opt.NX:
		return false
	case opt.GT:
		return score > old
	case opt.LT:
		return score < old
	}
	return true
}

func (u *unit) zaddIf(key string, opt cache.ZAddOptions, members []cache.Member) (count int64, err error) {
	if err := checkConditions(opt); err != nil {
		return 0, err
	}
	for _, m := range members {
		if math.IsNaN(m.Score) {
			return 0, cache.ErrScoreNaN
		}
	}
	if opt.XX { // makes no key
		if it, _, err := reach[*sortedSet](u, key); it == nil || err != nil {
			return 0, err
		}
	}
	it, z, err := obtain(u, key, newSortedSet)
	if err != nil {
		return 0, err
	}
	var written []cache.Member
	for _, m := range members {
		old, exists := z.Score(m.Name)
		if !admits(opt, exists, old, m.Score) || exists && old == m.Score {
			continue
		}
		z.Put(m.Name, m.Score)
		written = append(written, m)
		if !exists || opt.CH {
			count++
		}
	}
	if u.records() && len(written) > 0 {
		u.effects.members(key, written)
	}
	u.settle(it)
	return count, nil
}

func (u *unit) zincrBy(key, name string, delta float64, opt cache.ZAddOptions) (score float64, ok bool, err error) {
	if err := checkConditions(opt); err != nil {
		return 0, false, err
	}
	if math.IsNaN(delta) {
		return 0, false, cache.ErrScoreNaN
	}
	old, exists, err := u.zscore(key, name)
	if err != nil || exists && opt.NX {
		return 0, false, err
	}
	score = old + delta
	if math.IsNaN(score) {
		return 0, false, cache.ErrScoreNaN
	}
	if !admits(opt, exists, old, score) {
		return 0, false, nil
	}
	_, err = u.zadd(key, []cache.Member{{Name: name, Score: score}})
	return score, err == nil, err
}
