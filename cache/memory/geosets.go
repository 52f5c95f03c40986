package memory

import (
	"context"

	"hyperlocal/cache"
	"hyperlocal/cache/geoscore"
)

// GeoAdd is ZAdd with geohash scores. Nothing is added if one place is refused.
func (e *Engine) GeoAdd(ctx context.Context, key string, places ...cache.GeoMember) (int64, error) {
	return write(ctx, e, "geoadd", key, func(u *unit) (int64, error) {
		members := make([]cache.Member, len(places))
		for i, p := range places {
			score, err := geoscore.Of(p.Lat, p.Lon)
			if err != nil {
				return 0, err
			}
			members[i] = cache.Member{Name: p.Name, Score: score}
		}
		return u.zadd(key, members)
	})
}

// GeoPos returns the middle of each member's cell.
func (e *Engine) GeoPos(ctx context.Context, key string, names ...string) ([]cache.Place, error) {
	places := make([]cache.Place, len(names))
	err := eachScore(ctx, e, "geopos", key, names, func(i int, score float64) {
		lat, lon := geoscore.Centre(geoscore.Cell(score))
		places[i] = cache.Place{Lat: lat, Lon: lon, OK: true}
	})
	if err != nil {
		return nil, err
	}
	return places, nil
}

// GeoHash returns each member's standard geohash.
func (e *Engine) GeoHash(ctx context.Context, key string, names ...string) ([]cache.Optional, error) {
	hashes := make([]cache.Optional, len(names))
	err := eachScore(ctx, e, "geohash", key, names, func(i int, score float64) {
		hashes[i] = cache.Optional{Str: geoscore.Hash(score), OK: true}
	})
	if err != nil {
		return nil, err
	}
	return hashes, nil
}

// GeoDist returns the metres between two members.
func (e *Engine) GeoDist(ctx context.Context, key, a, b string) (metres float64, ok bool, err error) {
	var ends []origin
	err = eachScore(ctx, e, "geodist", key, []string{a, b}, func(_ int, score float64) {
		ends = append(ends, newOrigin(geoscore.Centre(geoscore.Cell(score))))
	})
	if err != nil || len(ends) < 2 {
		return 0, false, err
	}
	return ends[0].distance(ends[1].lat, ends[1].lon), true, nil
}

// eachScore calls fn for those of names that are there.
func eachScore(ctx context.Context, e *Engine, op, key string, names []string, fn func(i int, score float64)) error {
	_, err := read(ctx, e, op, key, func(r reader) (struct{}, error) {
		z, err := lookup[*sortedSet](r, key)
		if z == nil || err != nil {
			return struct{}{}, err
		}
		for i, name := range names {
			if score, ok := z.Score(name); ok {
				fn(i, score)
			}
		}
		return struct{}{}, nil
	})
	return err
}
