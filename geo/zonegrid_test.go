package geo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// country has 100 zones: in each of 20 cities of India five that share borders, two of
// them with a hole and one of two parts.
func country(t testing.TB) *Zones {
	t.Helper()
	z, err := theCountry() // once for all tests: its grid takes a while
	require.NoError(t, err)
	return z
}

var theCountry = sync.OnceValues(func() (*Zones, error) {
	var features []string
	random := rand.New(rand.NewPCG(11, 12))
	ring := func(lat, lon, radius float64) string {
		var points []string
		const corners = 120
		for i := range corners {
			r := radius * (0.8 + 0.2*random.Float64())
			a := 2 * math.Pi * float64(i) / corners
			points = append(points, fmt.Sprintf("[%.6f,%.6f]", lon+r*math.Cos(a), lat+r*math.Sin(a)))
		}
		return "[" + strings.Join(append(points, points[0]), ",") + "]"
	}
	for i, city := range indianCities {
		lat, lon := city[0], city[1]
		add := func(zone int, kind, coordinates string) {
			features = append(features, feature(fmt.Sprintf(`{"id":"city_%d_%d"}`, i, zone),
				fmt.Sprintf(`{"type":%q,"coordinates":%s}`, kind, coordinates)))
		}
		add(0, "Polygon", "["+ring(lat, lon, 0.05)+"]")
		add(1, "Polygon", "["+ring(lat+0.1, lon, 0.08)+","+ring(lat+0.1, lon, 0.02)+"]")
		add(2, "Polygon", "["+ring(lat-0.1, lon, 0.08)+","+ring(lat-0.1, lon, 0.02)+"]")
		add(3, "MultiPolygon", "[["+ring(lat, lon+0.15, 0.05)+"],["+ring(lat, lon-0.15, 0.05)+"]]")
		add(4, "Polygon", "["+ring(lat, lon, 0.25)+"]")
	}
	return LoadZones(strings.NewReader(collection(features...)))
})

// indianCities are latitudes and longitudes.
var indianCities = [20][2]float64{
	{12.97, 77.59}, {19.08, 72.88}, {28.61, 77.21}, {13.08, 80.27}, {22.57, 88.36}, {17.39, 78.49}, {18.52, 73.86},
	{23.02, 72.57}, {26.91, 75.79}, {21.17, 72.83}, {26.85, 80.95}, {26.45, 80.33}, {21.15, 79.09}, {22.72, 75.86},
	{23.26, 77.41}, {17.69, 83.22}, {25.59, 85.14}, {22.31, 73.18}, {11.02, 76.96}, {9.93, 76.27},
}

// plain is a polygon test without an index.
type plain struct {
	zones *Zones
	edges [][][]edge // by area and polygon
}

func newPlain(z *Zones) *plain {
	p := &plain{zones: z}
	for _, m := range z.areas {
		var polygons [][]edge
		for _, rings := range m {
			polygons = append(polygons, edgesOf(rings))
		}
		p.edges = append(p.edges, polygons)
	}
	return p
}

func (p *plain) index(lat, lon float64) int {
	for i, polygons := range p.edges {
		if b := p.zones.boxes[i]; lat < b.south || lat > b.north || lon < b.west || lon > b.east {
			continue
		}
		for _, edges := range polygons {
			inside := false
			for j := range edges {
				switch edges[j].under(lat, lon) {
				case onEdge:
					return i
				case edgeUnder:
					inside = !inside
				}
			}
			if inside {
				return i
			}
		}
	}
	return outside
}

// The grid and the strips of edges are only shortcuts, down to the last bit: places
// anywhere, close to borders, on corners, between corners, on lines of the grid.
func TestMillionPlaces(t *testing.T) {
	simple, err := LoadZones(open(t, "../demo/data/zones/bengaluru_wards_198.geojson"))
	require.NoError(t, err)
	for name, z := range map[string]*Zones{"wards": simple, "country": country(t)} {
		t.Run(name, func(t *testing.T) {
			var edges []edge
			for _, a := range z.grid.areas {
				edges = append(edges, a.all()...)
			}
			reference := newPlain(z)
			b, found := z.grid.bound, [4]int{}
			var g errgroup.Group
			for part := range len(found) {
				g.Go(func() error {
					random := rand.New(rand.NewPCG(21, uint64(part)))
					for range 500_000 / len(found) {
						lat, lon := somewhere(random, &b, edges)
						want := reference.index(lat, lon)
						if got := z.grid.index(lat, lon); got != want {
							return fmt.Errorf("%v, %v is in area %d, not %d", lat, lon, want, got)
						}
						if want >= 0 {
							found[part]++
						}
					}
					return nil
				})
			}
			require.NoError(t, g.Wait())
			require.Greater(t, found[0], 30_000, "inside")
			require.Less(t, found[0], 120_000, "and outside")
		})
	}
}

func somewhere(random *rand.Rand, b *box, edges []edge) (lat, lon float64) {
	e := &edges[random.IntN(len(edges))]
	switch random.IntN(6) {
	case 0:
		return b.south + random.Float64()*(b.north-b.south), b.west + random.Float64()*(b.east-b.west)
	case 1: // a corner
		return e.lat0, e.lon0
	case 2: // between corners, as well as a float can be
		f := random.Float64()
		return e.lat0 + f*(e.lat1-e.lat0), e.lon0 + f*(e.lon1-e.lon0)
	case 3: // a line of the grid
		return e.lat0, b.west + float64(random.IntN(1<<12+1))/(1<<12)*(b.east-b.west)
	case 4: // due north or south of a corner
		return e.lat1 + random.NormFloat64()*0.01, e.lon1
	}
	w := math.Pow(10, -1-12*random.Float64())
	return e.lat0 + w*random.NormFloat64(), e.lon0 + w*random.NormFloat64()
}

// The polygon test itself agrees with the library's, which knows no index.
func TestPolygonTest(t *testing.T) {
	z := country(t)
	random := rand.New(rand.NewPCG(31, 32))
	inside := 0
	for range 20_000 {
		i := random.IntN(len(z.areas))
		b := z.boxes[i]
		lat, lon := b.south+random.Float64()*(b.north-b.south), b.west+random.Float64()*(b.east-b.west)
		want := planar.MultiPolygonContains(z.areas[i], orb.Point{lon, lat})
		require.Equal(t, want, z.grid.areas[i].contains(lat, lon), "%v, %v", lat, lon)
		if want {
			inside++
		}
	}
	require.Greater(t, inside, 5000)
	hole, err := LoadZones(strings.NewReader(collection(feature(`{"id":"a"}`,
		`{"type":"Polygon","coordinates":[[[0,0],[3,0],[3,3],[0,3],[0,0]],[[1,1],[2,1],[2,2],[1,2],[1,1]]]}`))))
	require.NoError(t, err)
	for place, want := range map[[2]float64]bool{
		{0, 0}: true, {0, 1.5}: true, {3, 3}: true, {1, 1}: true, {1, 1.5}: true, {1.5, 2}: true, {0.5, 0}: true,
		{1.5, 1.5}: false, {3.1, 1}: false, {-0.1, 0}: false, {1.5, -1e-9}: false, {1.5, 1e-9}: true,
	} {
		require.Equal(t, want, hole.grid.areas[0].contains(place[0], place[1]), place)
	}
}

// A country of cities takes about as much as its borders are long.
func TestGridIsSmall(t *testing.T) {
	require.Less(t, country(t).grid.bytes(), 12<<20)
	require.Less(t, wards(t).grid.bytes(), 12<<20)
}

func BenchmarkLocate(b *testing.B) {
	for _, c := range []struct {
		name  string
		zones *Zones
	}{{"wards", wards(b)}, {"country", country(b)}} {
		z := c.zones
		var edges []edge
		for _, a := range z.grid.areas {
			edges = append(edges, a.all()...)
		}
		for _, near := range []float64{1, 0.02, 0.0001} { // degrees from some border
			b.Run(fmt.Sprintf("%s/within_%v", c.name, near), func(b *testing.B) {
				random := rand.New(rand.NewPCG(1, 1))
				places := make([][2]float64, 4096)
				for i := range places {
					e := &edges[random.IntN(len(edges))]
					places[i] = [2]float64{e.lat0 + near*(random.Float64()-0.5), e.lon0 + near*(random.Float64()-0.5)}
				}
				i := 0
				for b.Loop() {
					p := &places[i%len(places)]
					z.grid.index(p[0], p[1])
					i++
				}
				b.ReportMetric(float64(z.grid.bytes())/(1<<20), "MiB")
			})
		}
	}
}
