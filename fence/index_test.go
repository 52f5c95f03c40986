package fence

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/planar"
	"github.com/stretchr/testify/require"
)

// insideByOrb asks another library. A place within a metre of the edge is nobody's
// to say: sure is false then.
func insideByOrb(f *Fence, s *shape, lat, lon float64) (inside, sure bool) {
	sure = math.Abs(s.distance(lat, lon)) > 1
	if f.Circle != nil {
		d := geo.DistanceHaversine(orb.Point{f.Circle.Lon, f.Circle.Lat}, orb.Point{lon, lat})
		d *= earthRadiusM / orb.EarthRadius
		return d < f.Circle.RadiusM, sure && math.Abs(d-f.Circle.RadiusM) > 1
	}
	var polygon orb.Polygon
	for _, ring := range f.Polygon {
		var r orb.Ring
		for _, p := range ring {
			r = append(r, orb.Point{near(p[0], s.lon), p[1]})
		}
		polygon = append(polygon, r)
	}
	return planar.PolygonContains(polygon, orb.Point{near(lon, s.lon), lat}), sure
}

// near is the same longitude, within half a turn of another.
func near(lon, of float64) float64 { return of + math.Remainder(lon-of, 360) }

// randomFence is a circle, or a star with a hole perhaps, around a place.
func randomFence(random *rand.Rand, id string, lat, lon float64) Fence {
	size := 10 * math.Pow(10, random.Float64()*3) // 10 m to 10 km
	if random.IntN(2) == 0 {
		return Fence{ID: id, Circle: &Circle{lat, lon, size}}
	}
	ring := func(most, least float64) (out [][]float64) {
		n := 3 + random.IntN(12)
		for k := range n {
			angle := 2 * math.Pi * float64(k) / float64(n)
			r := size * (least + (most-least)*random.Float64())
			out = append(out, []float64{
				wrap(lon + r*math.Sin(angle)/metresPerDegree/math.Cos(lat*degree)),
				lat + r*math.Cos(angle)/metresPerDegree,
			})
		}
		return append(out, out[0])
	}
	f := Fence{ID: id, Polygon: [][][]float64{ring(1, 0.6)}}
	if random.IntN(2) == 0 {
		f.Polygon = append(f.Polygon, ring(0.25, 0.1))
	}
	return f
}

func wrap(lon float64) float64 { return math.Remainder(lon, 360) }

// The index finds for each place exactly the fences around it: as many as asking
// all of them, and another library.
func TestIndexEqualsBruteForce(t *testing.T) {
	for name, corner := range map[string]Place{
		"a city": {12.97, 77.59}, "the antimeridian": {-16.8, 179.99}, "far north": {84.5, 179.7}, "the origin": {0, 0}, "far south": {-84.6, -60},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(7, uint64(len(name))))
			spread := 0.2
			somewhere := func() (lat, lon float64) {
				return corner.Lat + spread*(random.Float64()-0.5), wrap(corner.Lon + spread*(random.Float64()-0.5)/math.Cos(corner.Lat*degree))
			}
			var x index
			fences, all := []Fence{}, []*held{}
			for i := range 300 {
				lat, lon := somewhere()
				f := randomFence(random, fmt.Sprint("f", i), lat, lon)
				s, err := f.shape()
				require.NoError(t, err)
				h := &held{id: f.ID, shape: s}
				x.add(h)
				_, in := cells(&s.around)
				require.LessOrEqual(t, len(in), maxCells)
				fences, all = append(fences, f), append(all, h)
			}
			for n, i := range random.Perm(len(all))[:90] { // some go, and of these some come again
				x.remove(all[i])
				if all[i] = nil; n >= 60 {
					s, err := fences[i].shape()
					require.NoError(t, err)
					all[i] = &held{id: fences[i].ID, shape: s}
					x.add(all[i])
				}
			}
			hits := 0
			for range 400 {
				lat, lon := somewhere()
				found := map[*held]bool{}
				x.around(lat, lon, func(h *held) {
					require.False(t, found[h], "twice")
					found[h] = true
				})
				for i, h := range all {
					if h == nil {
						continue
					}
					inside := h.shape.distance(lat, lon) < 0
					if inside {
						require.True(t, found[h], "%v at %v %v", fences[i], lat, lon)
						hits++
					}
					if want, sure := insideByOrb(&fences[i], h.shape, lat, lon); sure {
						require.Equal(t, want, inside, "%v at %v %v", fences[i], lat, lon)
					}
				}
			}
			require.Greater(t, hits, 100)
			for _, h := range all {
				if h != nil {
					x.remove(h)
				}
			}
			unused := 1 // the first is nobody's
			for at := x.unused; at != 0; at = x.links[at].next {
				unused++
			}
			require.Len(t, x.links, unused, "nothing is left behind")
			require.Len(t, x.spare, len(x.fences))
			for _, cells := range x.cells {
				require.Empty(t, cells)
			}
		})
	}
}

// The distance to an edge is that of the nearest of many points along it.
func TestDistance(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for i := range 50 {
		f := randomFence(random, "f", 40+20*random.Float64(), 179.99)
		s, err := f.shape()
		require.NoError(t, err)
		for range 20 {
			lat := s.lat + 0.02*(random.Float64()-0.5)
			lon := wrap(s.lon + 0.02*(random.Float64()-0.5))
			nearest := math.Inf(1)
			walk(&f, func(p orb.Point) {
				nearest = min(nearest, geo.DistanceHaversine(p, orb.Point{near(lon, p.Lon()), lat})*earthRadiusM/orb.EarthRadius)
			})
			require.InDelta(t, nearest, math.Abs(s.distance(lat, lon)), 0.01*nearest+5, "%d %v", i, f)
		}
	}
}

// walk goes along a fence's edge in small steps.
func walk(f *Fence, visit func(orb.Point)) {
	if f.Circle != nil {
		for k := range 2000 {
			visit(geo.PointAtBearingAndDistance(orb.Point{f.Circle.Lon, f.Circle.Lat}, 0.18*float64(k), f.Circle.RadiusM*orb.EarthRadius/earthRadiusM))
		}
		return
	}
	for _, ring := range f.Polygon {
		for k := 1; k < len(ring); k++ {
			a, b := ring[k-1], ring[k]
			lon := near(b[0], a[0])
			for step := range 1001 {
				part := float64(step) / 1000
				visit(orb.Point{a[0] + part*(lon-a[0]), a[1] + part*(b[1]-a[1])})
			}
		}
	}
}

func TestRefusedFences(t *testing.T) {
	square := func(side float64) [][]float64 {
		return [][]float64{{77, 12}, {77 + side, 12}, {77 + side, 12 + side}, {77, 12 + side}, {77, 12}}
	}
	var long [][]float64
	for i := range MaxPositions {
		long = append(long, []float64{77 + float64(i)/1e5, 12})
	}
	ok := &Circle{12.97, 77.59, 100}
	for field, f := range map[string]Fence{
		"id":                           {ID: "a b", Circle: ok},
		"name":                         {ID: "a", Name: string(make([]rune, 201)), Circle: ok},
		"dwell_s":                      {ID: "a", Circle: ok, DwellS: 86_401},
		"circle":                       {ID: "a"},
		"polygon":                      {ID: "a", Circle: ok, Polygon: [][][]float64{square(0.01)}},
		"circle.lat":                   {ID: "a", Circle: &Circle{86, 0, 100}},
		"circle.lon":                   {ID: "a", Circle: &Circle{0, math.NaN(), 100}},
		"circle.radius_m":              {ID: "a", Circle: &Circle{0, 0, 4}},
		"polygon.coordinates":          {ID: "a", Polygon: [][][]float64{}},
		"polygon.coordinates[1]":       {ID: "a", Polygon: [][][]float64{square(0.01), {{77, 12}, {77, 12}}}},
		"polygon.coordinates[0]":       {ID: "a", Polygon: [][][]float64{square(0.01)[:4]}},
		"polygon.coordinates[0][2]":    {ID: "a", Polygon: [][][]float64{{{77, 12}, {78, 12}, {77, 92}, {77, 12}}}},
		"polygon.coordinates too long": {ID: "a", Polygon: [][][]float64{append(long, []float64{77, 12.1}, []float64{77, 12})}},
		"polygon.coordinates too wide": {ID: "a", Polygon: [][][]float64{square(1)}},
		"polygon.coordinates no room":  {ID: "a", Polygon: [][][]float64{{{77, 12}, {77.01, 12}, {77.02, 12}, {77, 12}}}},
		"polygon.coordinates a point":  {ID: "a", Polygon: [][][]float64{{{77, 12}, {77, 12}, {77, 12}, {77, 12}}}},
	} {
		t.Run(field, func(t *testing.T) {
			_, err := f.shape()
			require.ErrorIs(t, err, ErrInvalid)
			var e *FieldError
			require.ErrorAs(t, err, &e)
			require.Regexp(t, "^"+regexp.QuoteMeta(e.Field)+"( |$)", field)
			require.NotEmpty(t, e.Detail)
		})
	}
}
