package redis

import (
	"context"
	"math"
	"strconv"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// number writes a float so that the server reads back the same one.
func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// ZAdd implements cache.SortedSets.
func (e *Engine) ZAdd(ctx context.Context, key string, members ...cache.Member) (int64, error) {
	if len(members) == 0 {
		return 0, nil
	}
	cmd := e.client.B().Arbitrary("ZADD").Keys(key)
	for _, m := range members {
		cmd = cmd.Args(number(m.Score), m.Name)
	}
	n, err := e.do(ctx, cmd.Build()).ToInt64()
	return n, fail("ZADD", key, err)
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
	score, err := e.do(ctx, e.client.B().Zscore().Key(key).Member(name).Build()).AsFloat64()
	if rueidis.IsRedisNil(err) {
		return 0, false, nil
	}
	return score, err == nil, fail("ZSCORE", key, err)
}

// ZCard implements cache.SortedSets.
func (e *Engine) ZCard(ctx context.Context, key string) (int64, error) {
	n, err := e.do(ctx, e.client.B().Zcard().Key(key).Build()).ToInt64()
	return n, fail("ZCARD", key, err)
}

// ZRangeByScore implements cache.SortedSets.
func (e *Engine) ZRangeByScore(ctx context.Context, key string, r cache.ScoreRange) ([]cache.Member, error) {
	op, from, to := "ZRANGEBYSCORE", number(r.Min), number(r.Max)
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
	found, err := e.do(ctx, cmd.ReadOnly()).AsZScores()
	if err != nil {
		return nil, fail(op, key, err)
	}
	members := make([]cache.Member, len(found))
	for i, z := range found {
		members[i] = cache.Member{Name: z.Member, Score: z.Score}
	}
	return members, nil
}

// GeoAdd implements cache.SortedSets.
func (e *Engine) GeoAdd(ctx context.Context, key string, places ...cache.GeoMember) (int64, error) {
	if len(places) == 0 {
		return 0, nil
	}
	cmd := e.client.B().Arbitrary("GEOADD").Keys(key)
	for _, p := range places {
		if math.IsNaN(p.Lat) || math.IsNaN(p.Lon) { // the server calls NaN no number, not no place
			return 0, refuse("GEOADD", key, cache.ErrInvalidPlace)
		}
		cmd = cmd.Args(number(p.Lon), number(p.Lat), p.Name)
	}
	n, err := e.do(ctx, cmd.Build()).ToInt64()
	return n, fail("GEOADD", key, err)
}

// GeoSearch implements cache.SortedSets.
func (e *Engine) GeoSearch(ctx context.Context, key string, q cache.GeoQuery) ([]cache.GeoHit, error) {
	if math.IsNaN(q.Lat) || math.IsNaN(q.Lon) {
		return nil, refuse("GEOSEARCH", key, cache.ErrInvalidPlace)
	}
	cmd := e.client.B().Arbitrary("GEOSEARCH").Keys(key).
		Args("FROMLONLAT", number(q.Lon), number(q.Lat), "BYRADIUS", number(q.RadiusM), "m", "ASC")
	if q.Count > 0 {
		cmd = cmd.Args("COUNT", strconv.Itoa(q.Count))
	}
	found, err := e.do(ctx, cmd.Args("WITHCOORD", "WITHDIST").ReadOnly()).AsGeosearch()
	if err != nil {
		return nil, fail("GEOSEARCH", key, err)
	}
	hits := make([]cache.GeoHit, len(found))
	for i, g := range found {
		hits[i] = cache.GeoHit{Name: g.Name, Lat: g.Latitude, Lon: g.Longitude, DistanceM: g.Dist}
	}
	return hits, nil
}
