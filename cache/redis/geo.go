package redis

import (
	"context"
	"math"
	"strconv"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// GeoAdd implements cache.Geo.
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

// GeoPos implements cache.Geo.
func (e *Engine) GeoPos(ctx context.Context, key string, names ...string) ([]cache.Place, error) {
	if len(names) == 0 {
		return nil, nil
	}
	list, err := e.do(ctx, e.client.B().Geopos().Key(key).Member(names...).Build()).ToArray()
	if err == nil && len(list) != len(names) {
		err = errReply
	}
	if err != nil {
		return nil, fail("GEOPOS", key, err)
	}
	places := make([]cache.Place, len(list))
	for i := range list {
		if list[i].IsNil() {
			continue
		}
		if places[i], err = place(list[i]); err != nil {
			return nil, fail("GEOPOS", key, err)
		}
	}
	return places, nil
}

// place reads [longitude, latitude].
func place(m rueidis.RedisMessage) (cache.Place, error) {
	pair, err := m.AsFloatSlice()
	if err == nil && len(pair) != 2 {
		err = errReply
	}
	if err != nil {
		return cache.Place{}, err
	}
	return cache.Place{Lat: pair[1], Lon: pair[0], OK: true}, nil
}

// GeoDist implements cache.Geo. The server answers to a tenth of a millimetre.
func (e *Engine) GeoDist(ctx context.Context, key, a, b string) (float64, bool, error) {
	return score("GEODIST", key, e.do(ctx, e.client.B().Geodist().Key(key).Member1(a).Member2(b).M().Build()))
}

// GeoHash implements cache.Geo.
func (e *Engine) GeoHash(ctx context.Context, key string, names ...string) ([]cache.Optional, error) {
	if len(names) == 0 {
		return nil, nil
	}
	return optionals("GEOHASH", key, e.do(ctx, e.client.B().Geohash().Key(key).Member(names...).Build()), len(names))
}

// GeoSearch implements cache.Geo.
func (e *Engine) GeoSearch(ctx context.Context, key string, q cache.GeoQuery) ([]cache.GeoHit, error) {
	if q.Member == "" && (math.IsNaN(q.Lat) || math.IsNaN(q.Lon)) {
		return nil, refuse("GEOSEARCH", key, cache.ErrInvalidPlace)
	}
	cmd := e.client.B().Arbitrary("GEOSEARCH").Keys(key)
	if q.Member != "" {
		cmd = cmd.Args("FROMMEMBER", q.Member)
	} else {
		cmd = cmd.Args("FROMLONLAT", number(q.Lon), number(q.Lat))
	}
	if q.WidthM != 0 || q.HeightM != 0 {
		cmd = cmd.Args("BYBOX", number(q.WidthM), number(q.HeightM), "m")
	} else {
		cmd = cmd.Args("BYRADIUS", number(q.RadiusM), "m")
	}
	if q.Farthest {
		cmd = cmd.Args("DESC")
	} else {
		cmd = cmd.Args("ASC")
	}
	if q.Count > 0 {
		cmd = cmd.Args("COUNT", strconv.Itoa(q.Count))
		if q.Any {
			cmd = cmd.Args("ANY")
		}
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
