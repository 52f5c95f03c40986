package redis

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// ends are the words for the ends of a range of scores.
func ends(r cache.ScoreRange) (lo, hi string) {
	return end(r.Min, r.MinOpen), end(r.Max, r.MaxOpen)
}

func end(score float64, open bool) string {
	if open {
		return "(" + number(score)
	}
	return number(score)
}

// ZRangeByScore implements cache.SortedSets.
func (e *Engine) ZRangeByScore(ctx context.Context, key string, r cache.ScoreRange) ([]cache.Member, error) {
	op := "ZRANGEBYSCORE"
	from, to := ends(r)
	if r.Reverse {
		op, from, to = "ZREVRANGEBYSCORE", to, from
	}
	cmd := e.client.B().Arbitrary(op).Keys(key).Args(from, to, "WITHSCORES")
	if r.Offset != 0 || r.Limit != 0 {
		limit := r.Limit
		if limit == 0 {
			limit = -1 // no limit, to the server
		}
		cmd = cmd.Args("LIMIT", strconv.Itoa(r.Offset), strconv.Itoa(limit))
	}
	return scored(op, key, e.do(ctx, cmd.ReadOnly()))
}

// ZRange implements cache.SortedSets.
func (e *Engine) ZRange(ctx context.Context, key string, start, stop int64, reverse bool) ([]cache.Member, error) {
	op := "ZRANGE"
	if reverse {
		op = "ZREVRANGE"
	}
	cmd := e.client.B().Arbitrary(op).Keys(key).Args(strconv.FormatInt(start, 10), strconv.FormatInt(stop, 10), "WITHSCORES")
	return scored(op, key, e.do(ctx, cmd.ReadOnly()))
}

func scored(op, key string, reply rueidis.RedisResult) ([]cache.Member, error) {
	found, err := reply.AsZScores()
	if err != nil {
		return nil, fail(op, key, err)
	}
	members := make([]cache.Member, len(found))
	for i, z := range found {
		members[i] = cache.Member{Name: z.Member, Score: z.Score}
	}
	return members, nil
}

// ZCount implements cache.SortedSets.
func (e *Engine) ZCount(ctx context.Context, key string, r cache.ScoreRange) (int64, error) {
	from, to := ends(r)
	n, err := e.do(ctx, e.client.B().Zcount().Key(key).Min(from).Max(to).Build()).ToInt64()
	return n, fail("ZCOUNT", key, err)
}

// ZRemRangeByScore implements cache.SortedSets.
func (e *Engine) ZRemRangeByScore(ctx context.Context, key string, r cache.ScoreRange) (int64, error) {
	from, to := ends(r)
	n, err := e.do(ctx, e.client.B().Zremrangebyscore().Key(key).Min(from).Max(to).Build()).ToInt64()
	return n, fail("ZREMRANGEBYSCORE", key, err)
}

// ZRemRangeByRank implements cache.SortedSets.
func (e *Engine) ZRemRangeByRank(ctx context.Context, key string, start, stop int64) (int64, error) {
	n, err := e.do(ctx, e.client.B().Zremrangebyrank().Key(key).Start(start).Stop(stop).Build()).ToInt64()
	return n, fail("ZREMRANGEBYRANK", key, err)
}
