package geo

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mmcloughlin/geohash"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"github.com/stretchr/testify/require"

	"hyperlocal/cache/enginetest"
)

// open opens a file, unpacked if its name ends in .gz.
func open(t testing.TB, path string) io.Reader {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	if !strings.HasSuffix(path, ".gz") {
		return file
	}
	unpacked, err := gzip.NewReader(file)
	require.NoError(t, err)
	return unpacked
}

// wards returns Bengaluru's wards in full detail. They are read once: zones
// never change.
func wards(t testing.TB) *Zones {
	t.Helper()
	z, err := loadWards()
	require.NoError(t, err)
	return z
}

var loadWards = sync.OnceValues(func() (*Zones, error) {
	file, err := os.Open("../demo/data/zones/bengaluru_wards_198_full.geojson.gz")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	return LoadZones(unpacked)
})

func TestLoadWards(t *testing.T) {
	z := wards(t)
	list := z.List()
	require.Len(t, list, 198)
	require.Equal(t, Zone{ID: "chowdeswari_ward", Name: "Chowdeswari Ward"}, list[0])
	require.Equal(t, "chowdeswari_ward", z.Locate(13.12, 77.58))
	require.Equal(t, "cell_tdqcb", z.Locate(12.97, 77.0), "outside all wards")
	require.True(t, z.Known("chowdeswari_ward"))
	require.True(t, z.Known("cell_tdqcb"))
	for _, unknown := range []string{"", "Chowdeswari Ward", "cell_", "cell_abcde", "cell_tdqc", "nowhere"} {
		require.False(t, z.Known(unknown), unknown)
	}

	var back struct {
		Features []struct{ Properties map[string]string }
	}
	require.NoError(t, json.Unmarshal(z.GeoJSON(), &back))
	require.Len(t, back.Features, 198)
	require.Equal(t, map[string]string{"zone": "chowdeswari_ward", "name": "Chowdeswari Ward"}, back.Features[0].Properties)
	again, err := LoadZones(strings.NewReader(string(z.GeoJSON())))
	require.NoError(t, err)
	require.Equal(t, list, again.List())
}

// The grid is only a shortcut: it must answer as the polygons themselves do,
// also where it matters, close to their borders.
func TestLocateEqualsPolygonTest(t *testing.T) {
	overlapping := `{"type":"FeatureCollection","features":[
		{"type":"Feature","properties":{"id":"ring"},"geometry":{"type":"Polygon","coordinates":[
			[[0,0],[10,0],[10,10],[0,10],[0,0]],[[4,4],[6,4],[6,6],[4,6],[4,4]]]}},
		{"type":"Feature","properties":{"id":"two"},"geometry":{"type":"MultiPolygon","coordinates":[
			[[[5,5],[15,5],[15,9],[5,9],[5,5]]],[[[-5,-5],[-4,-5],[-4,-4],[-5,-5]]]]}},
		{"type":"Feature","properties":{"id":"all"},"geometry":{"type":"Polygon","coordinates":[
			[[-6,-6],[16,-6],[16,12],[-6,12],[-6,-6]]]}}]}`
	small, err := LoadZones(strings.NewReader(overlapping))
	require.NoError(t, err)
	require.Equal(t, "ring", small.Locate(7, 7))
	require.Equal(t, "ring", small.Locate(0, 0), "a border belongs to its area")
	require.Equal(t, "two", small.Locate(5.5, 5.5), "in the first one's hole")
	require.Equal(t, "all", small.Locate(4.5, 4.5))
	require.Equal(t, "two", small.Locate(-4.7, -4.6))

	for name, z := range map[string]*Zones{"wards": wards(t), "overlapping": small} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			var vertices []orb.Point
			var bounds []orb.Bound
			for _, a := range z.areas {
				bounds = append(bounds, a.Bound())
				for _, p := range a {
					for _, ring := range p {
						vertices = append(vertices, ring...)
					}
				}
			}
			b := z.grid.bound
			for range 10_000 {
				lat := b.south + random.Float64()*(b.north-b.south)
				lon := b.west + random.Float64()*(b.east-b.west)
				if random.IntN(3) > 0 { // close to a border, or right on it
					v, w := vertices[random.IntN(len(vertices))], math.Pow(10, -1-8*random.Float64())
					lat, lon = v.Lat()+w*random.NormFloat64(), v.Lon()+w*random.NormFloat64()
				} else if random.IntN(4) == 0 { // on a line of the grid
					lat = b.south + float64(random.IntN(513))/512*z.grid.height
				}
				want := cellZone(cellAt(lat, lon))
				for i, a := range z.areas {
					// The box only saves time; under the race detector it matters.
					if bounds[i].Contains(orb.Point{lon, lat}) && planar.MultiPolygonContains(a, orb.Point{lon, lat}) {
						want = z.zones[i].ID
						break
					}
				}
				require.Equal(t, want, z.Locate(lat, lon), "%v, %v", lat, lon)
			}
		})
	}
}

func feature(properties, geometry string) string {
	return fmt.Sprintf(`{"type":"Feature","properties":%s,"geometry":%s}`, properties, geometry)
}

const square = `{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}`

func collection(features ...string) string {
	return `{"type":"FeatureCollection","features":[` + strings.Join(features, ",") + `]}`
}

func TestLoadZonesRefuses(t *testing.T) {
	for _, c := range []struct{ name, file, says string }{
		{"not JSON", "<xml/>", "not a GeoJSON FeatureCollection"},
		{"no features", collection(), "no features"},
		{"no geometry", collection(feature(`{"id":"a"}`, `null`)), "feature 0: it has no geometry"},
		{"a line", collection(feature(`{"id":"a"}`, square), feature(`{"id":"b"}`, `{"type":"LineString","coordinates":[[0,0],[1,1]]}`)), "feature 1: a LineString is not a Polygon"},
		{"no name", collection(feature(`{"x":1}`, square)), `feature 0: it has none of the properties`},
		{"no letters", collection(feature(`{"name":"--"}`, square)), "makes no id"},
		{"too long", collection(feature(`{"name":"`+strings.Repeat("x", 65)+`"}`, square)), "makes no id"},
		{"a cell's name", collection(feature(`{"id":"cell_tdqcb"}`, square)), "geohash cell"},
		{"degrees swapped", collection(feature(`{"id":"a"}`, `{"type":"Polygon","coordinates":[[[12,91],[13,91],[13,92],[12,91]]]}`)), "feature 0: position [12, 91]"},
		{"open ring", collection(feature(`{"id":"a"}`, `{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}`)), "not closed"},
		{"empty", collection(feature(`{"id":"a"}`, `{"type":"MultiPolygon","coordinates":[]}`)), "no polygon"},
		{"same name", collection(feature(`{"name":"A B"}`, square), feature(`{"name":"a-b"}`, square)), `feature 0: the id "a_b"`},
		{"same name and ward", collection(feature(`{"name":"A","ward_no":1}`, square), feature(`{"name":"A","ward_no":1}`, square)), `feature 1: the id "a_1" is that of feature 0 too`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := LoadZones(strings.NewReader(c.file))
			require.ErrorIs(t, err, ErrZones)
			require.ErrorContains(t, err, c.says)
		})
	}
	many := make([]string, MaxZones+1)
	for i := range many {
		many[i] = feature(fmt.Sprintf(`{"id":"z%d"}`, i), square)
	}
	_, err := LoadZones(strings.NewReader(collection(many...)))
	require.ErrorContains(t, err, "10001 features")
}

func TestZoneIDs(t *testing.T) {
	z, err := LoadZones(strings.NewReader(collection(
		feature(`{"id":7,"name":"Seven"}`, square),
		feature(`{"zone":"North-East  (old)"}`, square),
		feature(`{"name":"{Braces}"}`, square),
		feature(`{"name":"ಕೋರಮಂಗಲ"}`, square),
		feature(`{"name":"Twin","ward_no":12}`, square),
		feature(`{"name":"twin","ward_no":"13a"}`, square),
	)))
	require.NoError(t, err)
	require.Equal(t, []Zone{
		{"7", "Seven"}, {"north_east_old", "North-East  (old)"}, {"braces", "{Braces}"}, {"ಕೋರಮಂಗಲ", "ಕೋರಮಂಗಲ"},
		{"twin_12", "Twin"}, {"twin_13a", "twin"},
	}, z.List())
}

func TestCoveringHoldsEveryPlaceOfTheCircle(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, z := range []*Zones{wards(t), NoZones()} {
		for _, c := range []struct{ lat, lon, radius float64 }{
			{12.97, 77.59, 2000}, {12.83, 77.46, 5000}, {0, 0, 1}, {0, 179.999, 20_000}, {60, -180, 100_000},
			{89.9, 10, 50_000}, {-90, 0, 10_000}, {85, 30, 100_000}, {12.97, 77.59, 100_000},
		} {
			covering := map[string]bool{}
			for _, zone := range z.Covering(c.lat, c.lon, c.radius) {
				require.False(t, covering[zone], "%s twice", zone)
				covering[zone] = true
			}
			for range 500 {
				lat, lon := destination(c.lat, c.lon, random.Float64()*360, c.radius*math.Sqrt(random.Float64()))
				zone := z.Locate(lat, lon)
				require.True(t, covering[zone], "%v, %v within %v m of %v, %v is in %s", lat, lon, c.radius, c.lat, c.lon, zone)
			}
		}
	}
	require.Less(t, len(NoZones().Covering(12.97, 77.59, 2000)), 5)
}

// The table was made by other libraries.
func TestCellsAgainstTheTable(t *testing.T) {
	rows, err := csv.NewReader(open(t, "../testdata/geohash/geohash_encode.csv.gz")).ReadAll()
	require.NoError(t, err)
	for _, row := range rows[1:] {
		lat, _ := strconv.ParseFloat(row[2], 64)
		lon, _ := strconv.ParseFloat(row[3], 64)
		require.Equal(t, cellPrefix+row[1][:cellChars], cellZone(cellAt(lat, lon)))
	}
	require.Greater(t, len(rows), 4000)
	require.Equal(t, geohash.EncodeWithPrecision(89.99, 179.99, 5), strings.TrimPrefix(cellZone(cellAt(90, 180)), cellPrefix), "the ends of the ranges do not wrap")
}

// GEOADD is the referee.
func TestScoreEqualsGEOADD(t *testing.T) {
	e := enginetest.Redis(t)
	key := enginetest.Key(enginetest.Tag(t, e), "geo")
	random := rand.New(rand.NewPCG(5, 6))
	place := func(i int) (lat, lon float64) {
		if i%2 == 0 { // anywhere
			return (random.Float64()*2 - 1) * MaxLat, (random.Float64()*2 - 1) * 180
		}
		return 12.9 + random.Float64()*0.2, 77.5 + random.Float64()*0.2
	}
	for i := range 2000 {
		lat, lon := place(i)
		_, err := e.GeoAdd(t.Context(), key, geoMember("m", lat, lon))
		require.NoError(t, err)
		score, ok, err := e.ZScore(t.Context(), key, "m")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, uint64(score), Score(lat, lon), "%v, %v", lat, lon)
	}
}
