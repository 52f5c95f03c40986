package enginetest

import (
	"context"
	"fmt"
	"math"
	"slices"

	"pgregory.net/rapid"

	"hyperlocal/cache"
)

var (
	// Places around three centres, one by the antimeridian. Nobody stands on the
	// meridian itself: Redis puts it beside the map and finds little there.
	drawPlace = rapid.Custom(func(t *rapid.T) cache.GeoMember {
		centre := rapid.SampledFrom([][2]float64{{12.97, 77.59}, {0, 179.87}, {-41.3, 174.8}}).Draw(t, "centre")
		return cache.GeoMember{
			Lat: centre[0] + rapid.Float64Range(-0.5, 0.5).Draw(t, "north"),
			Lon: wrapLon(centre[1] + rapid.Float64Range(-0.5, 0.5).Draw(t, "east")),
		}
	})
	drawRadius = rapid.SampledFrom([]float64{0, 1, 500, 20e3, 100e3, 1000e3})
)

func geoSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	key := keys.Draw(t, "key")
	if rapid.Bool().Draw(t, "add") {
		places := rapid.SliceOfN(drawPlace, 1, 8).Draw(t, "places")
		for i := range places {
			places[i].Name = fmt.Sprint("p", rapid.IntRange(0, 20).Draw(t, "name"))
		}
		return on(fmt.Sprintf("GeoAdd %q %+v", key, places), func(ctx context.Context, e cache.Engine) (int64, error) { return e.GeoAdd(ctx, key, places...) })
	}
	names := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 20), func(i int) string { return fmt.Sprint("p", i) }), 2, 3).Draw(t, "names")
	switch rapid.IntRange(0, 5).Draw(t, "operation") {
	case 0:
		return onLike(fmt.Sprintf("GeoPos %q %q", key, names),
			func(ctx context.Context, e cache.Engine) ([]cache.Place, error) { return e.GeoPos(ctx, key, names...) }, samePlaces)
	case 1:
		return onLike(fmt.Sprintf("GeoDist %q %q", key, names), func(ctx context.Context, e cache.Engine) (distance, error) {
			m, ok, err := e.GeoDist(ctx, key, names[0], names[1])
			return distance{m, ok}, err
		}, func(a, b distance) bool { return a.ok == b.ok && math.Abs(a.metres-b.metres) <= printedM })
	case 2:
		return on(fmt.Sprintf("GeoHash %q %q", key, names), func(ctx context.Context, e cache.Engine) ([]cache.Optional, error) {
			return e.GeoHash(ctx, key, names...)
		})
	}
	at := drawPlace.Draw(t, "centre of the search")
	q := cache.GeoQuery{Lat: at.Lat, Lon: at.Lon, Count: rapid.IntRange(0, 4).Draw(t, "count"), Farthest: rapid.Bool().Draw(t, "farthest")}
	if rapid.IntRange(0, 3).Draw(t, "around a member") == 0 {
		q.Member = names[0]
	}
	if rapid.Bool().Draw(t, "box") {
		q.WidthM, q.HeightM = drawRadius.Draw(t, "width"), drawRadius.Draw(t, "height")
	} else {
		q.RadiusM = drawRadius.Draw(t, "radius")
	}
	return onLike(fmt.Sprintf("GeoSearch %q %+v", key, q),
		func(ctx context.Context, e cache.Engine) ([]cache.GeoHit, error) { return e.GeoSearch(ctx, key, q) }, sameHits)
}

type distance struct {
	metres float64
	ok     bool
}

func samePlaces(a, b []cache.Place) bool {
	return slices.EqualFunc(a, b, func(p, q cache.Place) bool {
		return p.OK == q.OK && math.Abs(p.Lat-q.Lat) <= printedDeg && math.Abs(p.Lon-q.Lon) <= printedDeg
	})
}

// sameHits compares what is in the order of distance: members at the same one
// may change places, and with a count the last may be any of those.
func sameHits(a, b []cache.GeoHit) bool {
	if len(a) != len(b) {
		return false
	}
	byName := map[string]cache.GeoHit{}
	for _, hit := range a {
		byName[hit.Name] = hit
	}
	for i, hit := range b {
		if math.Abs(hit.DistanceM-a[i].DistanceM) > printedM {
			return false
		}
		twin, ok := byName[hit.Name]
		if !ok && math.Abs(hit.DistanceM-a[len(a)-1].DistanceM) > printedM {
			return false
		}
		if ok && (math.Abs(twin.Lat-hit.Lat) > printedDeg || math.Abs(twin.Lon-hit.Lon) > printedDeg) {
			return false
		}
	}
	return true
}
