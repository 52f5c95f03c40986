package memory

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/mmcloughlin/geohash"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
	"hyperlocal/cache/geoscore"
)

var inf, negInf = math.Inf(1), math.Inf(-1)

// bruteForce measures every member of the cells a server looks into.
func bruteForce(z *sortedSet, q cache.GeoQuery) []cache.GeoHit {
	c := newCircle(q.Lat, q.Lon, q.RadiusM)
	cells := cellsOf(&c.origin, q.RadiusM, q.RadiusM, q.RadiusM)
	looked := func(score float64) bool {
		return slices.ContainsFunc(cells.ranges(), func(r scoreRange) bool {
			return uint64(score) >= r.lo && uint64(score) < r.hi
		})
	}
	var hits []cache.GeoHit
	for _, m := range z.rangeByScore(cache.ScoreRange{Min: negInf, Max: inf}) {
		lat, lon := geoscore.Centre(geoscore.Cell(m.Score))
		if d := c.distance(lat, lon); d <= q.RadiusM && looked(m.Score) {
			hits = append(hits, cache.GeoHit{Name: m.Name, Lat: lat, Lon: lon, DistanceM: d})
		}
	}
	slices.SortFunc(hits, func(a, b cache.GeoHit) int {
		return cmp.Or(cmp.Compare(a.DistanceM, b.DistanceM), cmp.Compare(a.Name, b.Name))
	})
	if q.Count > 0 {
		hits = hits[:min(q.Count, len(hits))]
	}
	return hits
}

// latitudes and longitudes where things go wrong, and all others.
func drawPlace(t *rapid.T, lat, lon, spread float64) (float64, float64) {
	lat += rapid.Float64Range(-spread, spread).Draw(t, "lat")
	lon += rapid.Float64Range(-spread, spread).Draw(t, "lon")
	if rapid.IntRange(0, 19).Draw(t, "edge") == 0 {
		lat = rapid.SampledFrom([]float64{geoscore.MaxLat, -geoscore.MaxLat, 0, lat}).Draw(t, "edge lat")
		lon = rapid.SampledFrom([]float64{180, -180, 0, lon}).Draw(t, "edge lon")
	}
	return max(-geoscore.MaxLat, min(geoscore.MaxLat, lat)), math.Remainder(lon, 360)
}

func TestGeoSearchAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		homeLat := rapid.SampledFrom([]float64{12.97, 0, 84.9, -85, 60}).Draw(t, "home lat")
		homeLon := rapid.SampledFrom([]float64{77.59, 0, 179.99, -180, 90}).Draw(t, "home lon")
		spread := rapid.SampledFrom([]float64{0.001, 0.1, 3, 180}).Draw(t, "spread")
		z := newSortedSet()
		for i := range rapid.IntRange(0, 120).Draw(t, "places") {
			lat, lon := drawPlace(t, homeLat, homeLon, spread)
			score, err := geoscore.Of(lat, lon)
			require.NoError(t, err)
			z.Put(fmt.Sprint(i), score)
		}
		q := cache.GeoQuery{
			RadiusM: spread * 111_000 * rapid.SampledFrom([]float64{0, 0.01, 0.3, 1, 3, 200}).Draw(t, "radius"),
			Count:   rapid.SampledFrom([]int{0, 1, 3, 10}).Draw(t, "count"),
		}
		q.Lat, q.Lon = drawPlace(t, homeLat, homeLon, spread)
		require.Equal(t, bruteForce(z, q), z.search(q))
	})
}

// A bound that were not one would lose members at the rim of large circles.
func TestHavBoundIsALowerBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lat, lon := drawPlace(t, 0, 0, 180)
		c := newCircle(lat, lon, math.Pow(10, rapid.Float64Range(-1, 7.4).Draw(t, "radius")))
		placeLat, placeLon := drawPlace(t, lat, lon, 1e-5*c.radiusM)
		score, err := geoscore.Of(placeLat, placeLon)
		require.NoError(t, err)
		y, x := geoscore.Cell(score)
		cellLat, cellLon := geoscore.Centre(y, x)
		if d := c.distance(cellLat, cellLon); d <= c.radiusM && y < geoscore.CellsAcross && x < geoscore.CellsAcross {
			require.LessOrEqual(t, c.havBound(y, x), havLimit(d))
		}
	})
}

// On scaled latitudes an independent library makes the same scores, except for
// places whose two computations round to different sides of a cell's edge.
func TestGeoScoreAgainstLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lat := float64(rapid.IntRange(-85_000_000, 85_000_000).Draw(t, "lat")) / 1e6
		lon := float64(rapid.IntRange(-179_999_999, 179_999_999).Draw(t, "lon")) / 1e6
		score, err := geoscore.Of(lat, lon)
		require.NoError(t, err)
		y, x := geoscore.Cell(score)
		theirs := float64(geohash.EncodeIntWithPrecision(lat/geoscore.MaxLat*90, lon, 52))
		theirY, theirX := geoscore.Cell(theirs)
		require.LessOrEqual(t, math.Abs(float64(y)-float64(theirY)), 1.0)
		require.LessOrEqual(t, math.Abs(float64(x)-float64(theirX)), 1.0)
		cellLat, cellLon := geoscore.Centre(y, x)
		require.InDelta(t, lat, cellLat, 2*geoscore.MaxLat/geoscore.CellsAcross)
		require.InDelta(t, lon, cellLon, 2*geoscore.MaxLon/geoscore.CellsAcross)
	})
}

// The vectors are cells of the plain ±90° grid from an independent library.
// Latitudes scaled to Redis's grid must fall into the same cells.
func TestGeoScoreAgainstVectors(t *testing.T) {
	f, err := os.Open("../../testdata/geohash/geohash_encode.csv.gz")
	require.NoError(t, err)
	defer f.Close()
	plain, err := gzip.NewReader(f)
	require.NoError(t, err)
	rows, err := csv.NewReader(plain).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(rows), 100)
	for _, row := range rows[1:] {
		code, err := strconv.ParseUint(row[0], 0, 64)
		require.NoError(t, err)
		lat, err := strconv.ParseFloat(row[2], 64)
		require.NoError(t, err)
		lon, err := strconv.ParseFloat(row[3], 64)
		require.NoError(t, err)
		score, err := geoscore.Of(lat/90*geoscore.MaxLat, lon)
		require.NoError(t, err)
		require.Equal(t, float64(code>>12), score, "%v", row)
	}
}
