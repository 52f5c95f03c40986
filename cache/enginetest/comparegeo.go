package enginetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// compareGeoScores adds places on and right beside the edges of cells, where a
// score is a matter of the last bit.
func compareGeoScores(t *testing.T, a, b cache.Engine) {
	const cells, perCall = 1 << 26, 500
	ctx, tag := t.Context(), Tag(t, a, b)
	rng := rand.New(rand.NewPCG(26, 52))
	edge := func(half float64) float64 {
		v := -half + float64(rng.IntN(cells+1))/cells*2*half
		for range rng.IntN(3) {
			v = math.Nextafter(v, math.Copysign(inf, rng.NormFloat64()))
		}
		return min(max(v, -half), half)
	}
	for round := range 10 {
		places := make([]cache.GeoMember, perCall)
		for i := range places {
			places[i] = cache.GeoMember{Name: fmt.Sprintf("%d-%d", round, i), Lat: edge(maxLat), Lon: edge(180)}
		}
		must(a.GeoAdd(ctx, Key(tag, "edges"), places...))(t)
		must(b.GeoAdd(ctx, Key(tag, "edges"), places...))(t)
	}
	requireSame(ctx, t, tag, a, b)
}

// compareGeoSearches asks for what is about places in fleets over all the world,
// with more of them where maps are awkward: by the antimeridian, in the far north
// and south, and on the edges themselves.
func compareGeoSearches(t *testing.T, a, b cache.Engine) {
	const fleetSize, queries = 400, 60
	ctx, tag := t.Context(), Tag(t, a, b)
	rng := rand.New(rand.NewPCG(9, 9))
	for i, home := range []struct{ lat, lon float64 }{
		{12.97, 77.59}, {0, 0}, {-41.3, 179.99}, {0, -180}, {65.99, 20}, {70, 25}, {81, 180}, {-84.9, 0}, {maxLat, 10}, {-66.5, -60},
	} {
		for _, spread := range []float64{0.01, 1, 25, 120} {
			key := Key(tag, fmt.Sprint("fleet", i, "-", spread))
			place := func() (lat, lon float64) {
				lat = min(max(home.lat+spread*rng.NormFloat64(), -maxLat), maxLat)
				lon = wrapLon(home.lon + spread*rng.NormFloat64())
				if rng.IntN(30) == 0 {
					lon = math.Copysign(180, lon)
				}
				return lat, lon
			}
			fleet := make([]cache.GeoMember, fleetSize)
			for j := range fleet {
				fleet[j].Name = fmt.Sprint(j)
				fleet[j].Lat, fleet[j].Lon = place()
			}
			must(a.GeoAdd(ctx, key, fleet...))(t)
			must(b.GeoAdd(ctx, key, fleet...))(t)
			for range queries {
				q := cache.GeoQuery{Farthest: rng.IntN(4) == 0, Count: rng.IntN(2) * rng.IntN(20)}
				if q.Lat, q.Lon = place(); rng.IntN(4) == 0 {
					q.Member = fleet[rng.IntN(fleetSize)].Name
				}
				reach := func() float64 { return spread * 111e3 * math.Exp2(4*rng.NormFloat64()-1) }
				if rng.IntN(2) == 0 {
					q.WidthM, q.HeightM = reach(), reach()
				} else {
					q.RadiusM = reach()
				}
				first, second := must(a.GeoSearch(ctx, key, q))(t), must(b.GeoSearch(ctx, key, q))(t)
				require.True(t, sameHits(first, second), "fleet about %+v, spread %v, %+v:\n\tfirst  %v\n\tsecond %v", home, spread, q, first, second)
			}
		}
	}
}
