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

const (
	earthRadiusM  = 6372797.560856 // Redis's sphere, geohash_helper.c
	maxLat        = 85.05112878    // Web Mercator's, the limit of GEOADD
	cellErrorM    = 0.6            // of a 52-bit cell's centre
	distanceSlack = 1e-3           // metres; a server answers to the tenth of a millimetre
)

// geoScores are places with the scores a Redis 7.0.15 gave them.
var geoScores = []struct {
	lat, lon float64
	score    float64
}{
	{38.115556, 13.361389, 3479099956230698},
	{37.502669, 15.087269, 3479447370796909},
	{12.9716, 77.5946, 3574463098297810},
	{12.83, 77.75, 3574456693469720},
	{37.7749, -122.4194, 1367859919124626},
	{-33.8688, 151.2093, 3252046221964352},
	{0, 0, 3377699720527872},
	{-0.000001, 0.000001, 2627099782632789},
	{0, 179.999999, 4128299658422954},
	{0, -179.999999, 1125899906842624},
	// On the edge of a cell, where a score computed in another order of
	// operations falls into the next.
	{58.328073076042479, -168.45609962940219, 1435230534173961},
	{46.907864080150382, -142.33987033367157, 1453340003885159},
	{-maxLat, -180, 0},
	// On the upper edges the cell number does not fit 26 bits and runs over.
	{maxLat, 180, 13510798882111488},
	{-maxLat, 180, 9007199254740992},
	{maxLat, -180, 4503599627370496},
	{0, 179.99999999999997, 10133099161583616},
	{85.051128779999992, 0, 6755399441055744},
}

func testGeoScores(t *testing.T, h *host) {
	k := h.key("geo")
	for _, p := range geoScores {
		name := fmt.Sprintf("%v,%v", p.lat, p.lon)
		require.EqualValues(t, 1, must(h.GeoAdd(h.ctx, k, cache.GeoMember{Name: name, Lat: p.lat, Lon: p.lon}))(t))
		score, ok, err := h.ZScore(h.ctx, k, name)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, p.score, score, "score of %s", name)
	}

	t.Run("is ZAdd", func(t *testing.T) {
		at := cache.GeoMember{Name: "x", Lat: 1, Lon: 2}
		moved := cache.GeoMember{Name: "x", Lat: 3, Lon: 4}
		require.EqualValues(t, 1, must(h.GeoAdd(h.ctx, k, at, at))(t), "new once")
		require.Zero(t, must(h.GeoAdd(h.ctx, k, moved))(t), "moved, not added")
		require.Zero(t, must(h.GeoAdd(h.ctx, k))(t))
		hits := must(h.GeoSearch(h.ctx, k, cache.GeoQuery{Lat: 3, Lon: 4, RadiusM: 5}))(t)
		require.Len(t, hits, 1)
		require.Equal(t, "x", hits[0].Name)
	})
	t.Run("no such place", func(t *testing.T) {
		before := allMembers(t, h, k)
		for _, p := range []cache.GeoMember{
			{Lat: maxLat + 1e-8}, {Lat: -maxLat - 1e-8}, {Lat: 90}, {Lat: -90}, {Lon: 180.000001}, {Lon: -180.000001},
			{Lat: math.NaN()}, {Lon: math.NaN()}, {Lat: inf}, {Lon: negInf},
		} {
			p.Name = "nowhere"
			_, err := h.GeoAdd(h.ctx, k, cache.GeoMember{Name: "good"}, p)
			require.ErrorIs(t, err, cache.ErrInvalidPlace, "%v,%v", p.Lat, p.Lon)
			require.Equal(t, before, allMembers(t, h, k), "nothing of a refused call is written")
			_, err = h.GeoSearch(h.ctx, k, cache.GeoQuery{Lat: p.Lat, Lon: p.Lon, RadiusM: 1})
			require.ErrorIs(t, err, cache.ErrInvalidPlace, "%v,%v", p.Lat, p.Lon)
		}
	})
}

func testGeoSearch(t *testing.T, h *host) {
	t.Run("missing", func(t *testing.T) {
		require.Empty(t, must(h.GeoSearch(h.ctx, h.key("none"), cache.GeoQuery{RadiusM: 1000}))(t))
	})
	t.Run("a radius below zero", func(t *testing.T) {
		must(h.GeoAdd(h.ctx, h.key("one"), cache.GeoMember{Name: "m"}))(t)
		_, err := h.GeoSearch(h.ctx, h.key("one"), cache.GeoQuery{RadiusM: -1})
		require.Error(t, err)
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

func wrapLon(lon float64) float64 { return math.Remainder(lon, 360) }

func hitNames(hits []cache.GeoHit) []string {
	var out []string
	for _, h := range hits {
		out = append(out, h.Name)
	}
	return out
}

func requireNearestFirst(t testing.TB, hits []cache.GeoHit) {
	t.Helper()
	for i := 1; i < len(hits); i++ {
		require.LessOrEqual(t, hits[i-1].DistanceM, hits[i].DistanceM+distanceSlack)
	}
}

// sphereM is the great-circle distance in metres (haversine formula).
func sphereM(lat1, lon1, lat2, lon2 float64) float64 {
	const rad = math.Pi / 180
	u := math.Sin((lat2 - lat1) * rad / 2)
	v := math.Sin((lon2 - lon1) * rad / 2)
	return 2 * earthRadiusM * math.Asin(math.Sqrt(u*u+math.Cos(lat1*rad)*math.Cos(lat2*rad)*v*v))
}
