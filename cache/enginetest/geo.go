package enginetest

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

const (
	earthRadiusM  = 6372797.560856 // Redis's sphere, geohash_helper.c
	maxLat        = 85.05112878    // Web Mercator's, the limit of GEOADD
	cellErrorM    = 0.6            // of a 52-bit cell's centre
	distanceSlack = 1e-3           // metres
	printedM      = 1.01e-4        // metres; a server prints four decimals
	printedDeg    = 1e-12          // degrees; it prints these whole
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

func testGeoMembers(t *testing.T, h *host) {
	k := h.key("geo")
	must(h.GeoAdd(h.ctx, k, cache.GeoMember{Name: "Palermo", Lat: 38.115556, Lon: 13.361389},
		cache.GeoMember{Name: "Catania", Lat: 37.502669, Lon: 15.087269}))(t)
	for _, p := range geoScores {
		must(h.GeoAdd(h.ctx, k, cache.GeoMember{Name: fmt.Sprintf("%v,%v", p.lat, p.lon), Lat: p.lat, Lon: p.lon}))(t)
	}

	t.Run("GeoPos", func(t *testing.T) {
		places := must(h.GeoPos(h.ctx, k, "Palermo", "nobody", "Catania"))(t)
		require.Len(t, places, 3)
		require.InDelta(t, 38.11555639549629859, places[0].Lat, printedDeg)
		require.InDelta(t, 13.36138933897018433, places[0].Lon, printedDeg)
		require.Equal(t, cache.Place{}, places[1])
		require.InDelta(t, 37.50266842333162032, places[2].Lat, printedDeg)
		require.True(t, places[2].OK)
		require.Equal(t, make([]cache.Place, 2), must(h.GeoPos(h.ctx, h.key("none"), "a", "b"))(t))
		require.Empty(t, must(h.GeoPos(h.ctx, k))(t))
	})
	t.Run("GeoDist", func(t *testing.T) {
		for _, c := range []struct {
			a, b   string
			metres float64
		}{
			{"Palermo", "Catania", 166274.1516},
			{"Catania", "Palermo", 166274.1516},
			{"Palermo", "Palermo", 0},
			{"0,179.999999", "0,-179.999999", 0.5967},
			{"-85.05112878,-180", "85.05112878,-180", 18919844.5891},
		} {
			metres, ok, err := h.GeoDist(h.ctx, k, c.a, c.b)
			require.NoError(t, err)
			require.True(t, ok)
			require.InDelta(t, c.metres, metres, printedM, "%s to %s", c.a, c.b)
		}
		for _, key := range []string{k, h.key("none")} {
			_, ok, err := h.GeoDist(h.ctx, key, "Palermo", "nobody")
			require.NoError(t, err)
			require.False(t, ok)
		}
	})
	t.Run("GeoHash", func(t *testing.T) {
		require.Equal(t, []cache.Optional{got("sqc8b49rny0"), missing, got("sqdtr74hyu0")},
			must(h.GeoHash(h.ctx, k, "Palermo", "nobody", "Catania"))(t))
		require.Equal(t, []cache.Optional{missing}, must(h.GeoHash(h.ctx, h.key("none"), "Palermo"))(t))
		require.Empty(t, must(h.GeoHash(h.ctx, k))(t))
		for name, want := range map[string]string{
			"85.05112878,180": "bp05b5048p0", "-85.05112878,-180": "00bh0hbj200", "0,0": "s0000000000", "12.9716,77.5946": "tdr1v9qtj10",
		} {
			require.Equal(t, []cache.Optional{got(want)}, must(h.GeoHash(h.ctx, k, name))(t), name)
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
