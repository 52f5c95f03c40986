package enginetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func testGeoSearch(t *testing.T, h *host) {
	t.Run("missing", func(t *testing.T) {
		require.Empty(t, must(h.GeoSearch(h.ctx, h.key("none"), cache.GeoQuery{RadiusM: 1000}))(t))
	})
	t.Run("no such size", func(t *testing.T) {
		must(h.GeoAdd(h.ctx, h.key("one"), cache.GeoMember{Name: "m"}))(t)
		for _, q := range []cache.GeoQuery{
			{RadiusM: -1}, {WidthM: -1}, {HeightM: -1, WidthM: 1}, {RadiusM: math.NaN()}, {WidthM: math.NaN()},
		} {
			for _, name := range []string{"one", "none"} {
				_, err := h.GeoSearch(h.ctx, h.key(name), q)
				require.ErrorIs(t, err, cache.ErrSyntax, "%+v", q)
			}
		}
	})
	t.Run("nearest first, so many", func(t *testing.T) {
		k := h.key("line")
		for i := range 20 {
			// Eastwards along the equator, a hundredth of a degree (1,112 m) apart.
			must(h.GeoAdd(h.ctx, k, cache.GeoMember{Name: fmt.Sprint(i), Lon: float64(i) / 100}))(t)
		}
		hits := must(h.GeoSearch(h.ctx, k, cache.GeoQuery{RadiusM: 3500}))(t)
		require.Equal(t, []string{"0", "1", "2", "3"}, hitNames(hits))
		hits = must(h.GeoSearch(h.ctx, k, cache.GeoQuery{RadiusM: 1e6, Lon: 0.101, Count: 3}))(t)
		require.Equal(t, []string{"10", "11", "9"}, hitNames(hits))
		require.Len(t, must(h.GeoSearch(h.ctx, k, cache.GeoQuery{RadiusM: 1e6, Count: 99}))(t), 20)
		require.Empty(t, must(h.GeoSearch(h.ctx, k, cache.GeoQuery{Lon: 0.005, RadiusM: 1}))(t))
	})
	t.Run("farthest first", func(t *testing.T) {
		k := h.key("line")
		hits := must(h.GeoSearch(h.ctx, k, cache.GeoQuery{RadiusM: 3500, Farthest: true}))(t)
		require.Equal(t, []string{"3", "2", "1", "0"}, hitNames(hits))
		hits = must(h.GeoSearch(h.ctx, k, cache.GeoQuery{RadiusM: 3500, Farthest: true, Count: 2}))(t)
		require.Equal(t, []string{"3", "2"}, hitNames(hits), "of all, not of the nearest")
	})
	t.Run("any", func(t *testing.T) {
		for _, q := range []cache.GeoQuery{
			{RadiusM: 1e6}, {RadiusM: 1e6, Farthest: true}, {WidthM: 2e5, HeightM: 2e5}, {WidthM: 2e5, HeightM: 2e5, Farthest: true},
		} {
			q.Count, q.Any = 5, true
			hits := must(h.GeoSearch(h.ctx, h.key("line"), q))(t)
			require.Len(t, hits, 5)
			if q.Farthest {
				slices.Reverse(hits)
			}
			requireNearestFirst(t, hits)
		}
	})
	t.Run("around a member", func(t *testing.T) {
		k := h.key("line")
		hits := must(h.GeoSearch(h.ctx, k, cache.GeoQuery{Member: "7", Lat: math.NaN(), RadiusM: 1200}))(t)
		require.Equal(t, "7", hits[0].Name)
		require.ElementsMatch(t, []string{"6", "7", "8"}, hitNames(hits))
		_, err := h.GeoSearch(h.ctx, k, cache.GeoQuery{Member: "nobody", RadiusM: 1200})
		require.ErrorIs(t, err, cache.ErrNoMember)
		require.Empty(t, must(h.GeoSearch(h.ctx, h.key("none"), cache.GeoQuery{Member: "nobody", RadiusM: 1}))(t))
	})
	t.Run("box", func(t *testing.T) {
		k := h.key("line")
		hits := must(h.GeoSearch(h.ctx, k, cache.GeoQuery{Lon: 0.1, WidthM: 4500, HeightM: 10}))(t)
		require.Equal(t, "10", hits[0].Name)
		require.ElementsMatch(t, []string{"8", "9", "10", "11", "12"}, hitNames(hits), "half the width to either side")
		require.Empty(t, must(h.GeoSearch(h.ctx, k, cache.GeoQuery{Lat: 1, Lon: 0.1, WidthM: 1e6, HeightM: 2e5}))(t))
		require.Len(t, must(h.GeoSearch(h.ctx, k, cache.GeoQuery{Lat: 1, Lon: 0.1, WidthM: 1e6, HeightM: 3e5, Count: 7}))(t), 7)
		require.Empty(t, must(h.GeoSearch(h.ctx, k, cache.GeoQuery{Lat: 1, Lon: 0.1, RadiusM: 1e6, HeightM: 3e5}))(t), "no width at all")
	})
	t.Run("what a hit says", func(t *testing.T) {
		k := h.key("hit")
		must(h.GeoAdd(h.ctx, k, cache.GeoMember{Name: "m", Lat: 12.9716, Lon: 77.5946}))(t)
		hits := must(h.GeoSearch(h.ctx, k, cache.GeoQuery{Lat: 12.98, Lon: 77.6, RadiusM: 2000}))(t)
		require.Len(t, hits, 1)
		hit := hits[0]
		require.Less(t, sphereM(hit.Lat, hit.Lon, 12.9716, 77.5946), cellErrorM)
		require.InDelta(t, sphereM(hit.Lat, hit.Lon, 12.98, 77.6), hit.DistanceM, distanceSlack)
	})
	t.Run("across the antimeridian", func(t *testing.T) {
		k := h.key("antimeridian")
		for name, lon := range map[string]float64{"e1": 179.9, "e2": 179.99, "w1": -179.9, "w2": -179.99} {
			must(h.GeoAdd(h.ctx, k, cache.GeoMember{Name: name, Lon: lon}))(t)
		}
		for _, c := range []struct {
			lon, radiusM float64
			want         []string
		}{
			{179.95, 30e3, []string{"e2", "e1", "w2", "w1"}},
			{-179.95, 30e3, []string{"w2", "w1", "e2", "e1"}},
			{179.999, 5e3, []string{"e2", "w2"}},
			{-179.999, 5e3, []string{"w2", "e2"}},
			{179.96, 5000e3, []string{"e2", "w2", "e1", "w1"}},
		} {
			hits := must(h.GeoSearch(h.ctx, k, cache.GeoQuery{Lon: c.lon, RadiusM: c.radiusM}))(t)
			require.ElementsMatch(t, c.want, hitNames(hits), "around %v", c.lon)
			requireNearestFirst(t, hits)
		}
	})
	t.Run("nothing within the circle is missed", func(t *testing.T) {
		// Against every member's distance, at all scales, in the range where a
		// city may be: near the poles Redis itself misses some.
		rng := rand.New(rand.NewPCG(7, 52))
		for _, scale := range []float64{0.001, 0.1, 3, 40} {
			k := h.key(fmt.Sprint("scale", scale))
			centre := cache.GeoQuery{Lat: rng.Float64()*120 - 60, Lon: rng.Float64()*360 - 180}
			var places []cache.GeoMember
			for i := range 300 {
				places = append(places, cache.GeoMember{
					Name: fmt.Sprint(i),
					Lat:  min(max(centre.Lat+scale*rng.NormFloat64(), -70), 70),
					Lon:  wrapLon(centre.Lon + scale*rng.NormFloat64()),
				})
			}
			must(h.GeoAdd(h.ctx, k, places...))(t)
			for range 40 {
				p := places[rng.IntN(len(places))]
				q := cache.GeoQuery{Lat: p.Lat, Lon: p.Lon, RadiusM: scale * 111e3 * rng.Float64()}
				var want []string
				edge := map[string]bool{} // too near the circle to say
				for _, place := range places {
					d := sphereM(q.Lat, q.Lon, place.Lat, place.Lon)
					if math.Abs(d-q.RadiusM) <= cellErrorM {
						edge[place.Name] = true
					} else if d < q.RadiusM {
						want = append(want, place.Name)
					}
				}
				hits := must(h.GeoSearch(h.ctx, k, q))(t)
				requireNearestFirst(t, hits)
				found := slices.DeleteFunc(hitNames(hits), func(n string) bool { return edge[n] })
				require.ElementsMatch(t, want, found, "%+v", q)
			}
		}
	})
}
