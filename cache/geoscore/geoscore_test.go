package geoscore_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/cache/geoscore"
)

// GEOADD is the referee, on the edges of cells above all: there the order of
// the operations decides.
func TestOfEqualsGEOADD(t *testing.T) {
	e := enginetest.Redis(t)
	key := enginetest.Key(enginetest.Tag(t, e), "geo")
	random := rand.New(rand.NewPCG(7, 8))
	edge := func(half float64) float64 {
		return float64(random.IntN(geoscore.CellsAcross))/geoscore.CellsAcross*2*half - half
	}
	for i := range 3000 {
		lat, lon := edge(geoscore.MaxLat), edge(geoscore.MaxLon)
		if i%3 == 0 {
			lat, lon = (random.Float64()*2-1)*geoscore.MaxLat, (random.Float64()*2-1)*geoscore.MaxLon
		}
		_, err := e.GeoAdd(t.Context(), key, cache.GeoMember{Name: "m", Lat: lat, Lon: lon})
		require.NoError(t, err)
		want, _, err := e.ZScore(t.Context(), key, "m")
		require.NoError(t, err)
		got, err := geoscore.Of(lat, lon)
		require.NoError(t, err)
		require.Equal(t, want, got, "%v, %v", lat, lon)
	}
}

func TestCellIsTheInverse(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 10_000 {
		y, x := random.Uint32N(geoscore.CellsAcross), random.Uint32N(geoscore.CellsAcross)
		gotY, gotX := geoscore.Cell(float64(geoscore.Join(y, x)))
		require.Equal(t, [2]uint32{y, x}, [2]uint32{gotY, gotX})
		score, err := geoscore.Of(geoscore.Centre(y, x))
		require.NoError(t, err)
		require.Equal(t, float64(geoscore.Join(y, x)), score, "a cell's centre is in the cell")
	}
}

func TestPlacesOutsideAreRefused(t *testing.T) {
	for _, place := range [][2]float64{{85.06, 0}, {-90, 0}, {0, 180.1}, {0, -181}, {math.NaN(), 0}, {0, math.NaN()}, {0, math.Inf(1)}} {
		_, err := geoscore.Of(place[0], place[1])
		require.ErrorIs(t, err, cache.ErrInvalidPlace, "%v", place)
	}
}
