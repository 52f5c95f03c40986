package demo

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/planar"

	"hyperlocal/loadtest"
)

const (
	numStores = 40
	// storeApartM keeps dark stores from crowding in the dense middle of the
	// city: as far apart as a ten-minute delivery reaches.
	storeApartM = 1800.0
)

// Store is a dark store of the demo.
type Store struct {
	ID       string // S1 to S40
	Name     string
	Lat, Lon float64 // degrees, WGS 84
}

// ward is an area with the people in it.
type ward struct {
	name       string
	population int
	area       orb.MultiPolygon
	middle     orb.Point // lies within the area
}

// wards are [Zones], read once: it takes a tenth of a second. The slice must not
// be changed.
var wards = sync.OnceValues(readWards)

func readWards() ([]ward, error) {
	data, err := Zones()
	if err != nil {
		return nil, err
	}
	fc, err := geojson.UnmarshalFeatureCollection(data)
	if err != nil {
		return nil, fmt.Errorf("demo zones: %w", err)
	}
	all := make([]ward, len(fc.Features))
	for i, f := range fc.Features {
		area, ok := f.Geometry.(orb.MultiPolygon)
		if !ok {
			return nil, fmt.Errorf("demo zones: feature %d is no MultiPolygon", i)
		}
		all[i] = ward{
			name:       f.Properties.MustString("name", ""),
			population: f.Properties.MustInt("pop", 0),
			area:       area,
		}
		all[i].middle = middle(area)
	}
	return all, nil
}

// middle is the centroid of the area's largest part, or where that lies outside,
// as in a crescent, the middle of the part's widest stretch on its parallel.
func middle(area orb.MultiPolygon) orb.Point {
	var part orb.Polygon
	var centroid orb.Point
	var largest float64
	for _, p := range area {
		if c, size := planar.CentroidArea(p); size > largest {
			part, centroid, largest = p, c, size
		}
	}
	if planar.PolygonContains(part, centroid) {
		return centroid
	}
	// From the west, the parallel enters the area at the first crossing with
	// its border, leaves it at the second, and so on.
	place, widest := centroid, 0.0
	for pair := range slices.Chunk(crossings(part, centroid.Lat()), 2) {
		if width := pair[1] - pair[0]; width > widest {
			place, widest = orb.Point{(pair[0] + pair[1]) / 2, centroid.Lat()}, width
		}
	}
	return place
}

// crossings returns the longitudes, in order, where a parallel crosses the
// rings of a polygon: an even number, since rings are closed.
func crossings(p orb.Polygon, lat float64) []float64 {
	var lons []float64
	for _, ring := range p {
		for i := 1; i < len(ring); i++ {
			a, b := ring[i-1], ring[i]
			if (a.Lat() > lat) != (b.Lat() > lat) {
				lons = append(lons, a.Lon()+(lat-a.Lat())/(b.Lat()-a.Lat())*(b.Lon()-a.Lon()))
			}
		}
	}
	slices.Sort(lons)
	return lons
}

// Stores returns forty dark stores, always the same: in the middle of the
// most populous wards, of which none is within 1.8 km of another.
func Stores() ([]Store, error) {
	all, err := wards()
	if err != nil {
		return nil, err
	}
	all = slices.SortedStableFunc(slices.Values(all), func(a, b ward) int { return cmp.Compare(b.population, a.population) })
	var stores []Store
	var places []orb.Point
	for _, w := range all {
		crowded := slices.ContainsFunc(places, func(p orb.Point) bool { return geo.Distance(p, w.middle) < storeApartM })
		if crowded {
			continue
		}
		places = append(places, w.middle)
		stores = append(stores, Store{
			ID:   fmt.Sprintf("S%d", len(stores)+1),
			Name: w.name + " dark store",
			Lat:  w.middle.Lat(), Lon: w.middle.Lon(),
		})
		if len(stores) == numStores {
			return stores, nil
		}
	}
	return nil, fmt.Errorf("demo zones: room for %d stores only, want %d", len(stores), numStores)
}

// anchors returns places for n partners, always the same: as many in each ward
// as its share of the people, anywhere within it.
func anchors(n int) ([]loadtest.Anchor, error) {
	all, err := wards()
	if err != nil {
		return nil, err
	}
	people := make([]int, len(all)) // in this ward and those before it
	sum := 0
	for i, w := range all {
		sum += w.population
		people[i] = sum
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	places := make([]loadtest.Anchor, n)
	for i := range places {
		at, _ := slices.BinarySearch(people, 1+rng.IntN(sum))
		p := all[at].somewhere(rng)
		places[i] = loadtest.Anchor{Name: all[at].name, Lat: p.Lat(), Lon: p.Lon()}
	}
	return places, nil
}

// somewhere picks a place within the ward, each as likely as any other: one in
// its bounding box is drawn until it lies within. The least compact ward fills
// a ninth of its box; the bound is for a shape that fills none of it.
func (w ward) somewhere(rng *rand.Rand) orb.Point {
	box := w.area.Bound()
	for range 1000 {
		p := orb.Point{
			box.Min.Lon() + rng.Float64()*(box.Max.Lon()-box.Min.Lon()),
			box.Min.Lat() + rng.Float64()*(box.Max.Lat()-box.Min.Lat()),
		}
		if planar.MultiPolygonContains(w.area, p) {
			return p
		}
	}
	return w.middle
}
