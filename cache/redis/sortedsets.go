package redis

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// number writes a float so that the server reads back the same one.
func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// ZAdd implements cache.SortedSets.
func (e *Engine) ZAdd(ctx context.Context, key string, members ...cache.Member) (int64, error) {
	return e.ZAddIf(ctx, key, cache.ZAddOptions{}, members...)
}

// ZAddIf implements cache.SortedSets.
func (e *Engine) ZAddIf(ctx context.Context, key string, opt cache.ZAddOptions, members ...cache.Member) (int64, error) {
	if len(members) == 0 {
		return 0, nil
	}
	cmd := e.client.B().Arbitrary("ZADD").Keys(key).Args(zaddArgs(opt)...)
	for _, m := range members {
		cmd = cmd.Args(number(m.Score), m.Name)
	}
	n, err := e.do(ctx, cmd.Build()).ToInt64()
	return n, fail("ZADD", key, err)
}

// ZIncrBy implements cache.SortedSets.
func (e *Engine) ZIncrBy(ctx context.Context, key, name string, delta float64, opt cache.ZAddOptions) (float64, bool, error) {
	opt.CH = false // the reply is no count
	cmd := e.client.B().Arbitrary("ZADD").Keys(key).Args(zaddArgs(opt)...).Args("INCR", number(delta), name).Build()
	return score("ZADD", key, e.do(ctx, cmd))
}

// zaddArgs are the words for conditions; the server refuses what excludes each
// other.
func zaddArgs(opt cache.ZAddOptions) (args []string) {
	for _, o := range []struct {
		word string
		set  bool
	}{{"NX", opt.NX}, {"XX", opt.XX}, {"GT", opt.GT}, {"LT", opt.LT}, {"CH", opt.CH}} {
		if o.set {
			args = append(args, o.word)
		}
	}
	return args
}

// ZRem implements cache.SortedSets.
func (e *Engine) ZRem(ctx context.Context, key string, names ...string) (int64, error) {
	if len(names) == 0 {
		return 0, nil
	}
	n, err := e.do(ctx, e.client.B().Zrem().Key(key).Member(names...).Build()).ToInt64()
	return n, fail("ZREM", key, err)
}

// ZScore implements cache.SortedSets.
func (e *Engine) ZScore(ctx context.Context, key, name string) (float64, bool, error) {
	return score("ZSCORE", key, e.do(ctx, e.client.B().Zscore().Key(key).Member(name).Build()))
}

// score reads a reply that is a float or nil.
func score(op, key string, reply rueidis.RedisResult) (float64, bool, error) {
	f, err := reply.AsFloat64()
	if rueidis.IsRedisNil(err) {
		return 0, false, nil
	}
	return f, err == nil, fail(op, key, err)
}

// ZRank implements cache.SortedSets.
func (e *Engine) ZRank(ctx context.Context, key, name string, reverse bool) (int64, bool, error) {
	op := "ZRANK"
	if reverse {
		op = "ZREVRANK"
	}
	rank, err := e.do(ctx, e.client.B().Arbitrary(op).Keys(key).Args(name).ReadOnly()).ToInt64()
	if rueidis.IsRedisNil(err) {
		return 0, false, nil
	}
	return rank, err == nil, fail(op, key, err)
}

// ZCard implements cache.SortedSets.
func (e *Engine) ZCard(ctx context.Context, key string) (int64, error) {
	n, err := e.do(ctx, e.client.B().Zcard().Key(key).Build()).ToInt64()
	return n, fail("ZCARD", key, err)
}
