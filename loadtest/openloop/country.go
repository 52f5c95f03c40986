package openloop

import (
	"fmt"
	"io"
	"math"
	"strings"

	"hyperlocal/loadtest"
)

// cities are the middles of India's twenty largest, in degrees.
var cities = []loadtest.Anchor{
	{Name: "mumbai", Lat: 19.08, Lon: 72.88}, {Name: "delhi", Lat: 28.61, Lon: 77.21}, {Name: "bengaluru", Lat: 12.97, Lon: 77.59},
	{Name: "hyderabad", Lat: 17.39, Lon: 78.49}, {Name: "ahmedabad", Lat: 23.02, Lon: 72.57}, {Name: "chennai", Lat: 13.08, Lon: 80.27},
	{Name: "kolkata", Lat: 22.57, Lon: 88.36}, {Name: "surat", Lat: 21.17, Lon: 72.83}, {Name: "pune", Lat: 18.52, Lon: 73.86},
	{Name: "jaipur", Lat: 26.91, Lon: 75.79}, {Name: "lucknow", Lat: 26.85, Lon: 80.95}, {Name: "kanpur", Lat: 26.45, Lon: 80.33},
	{Name: "nagpur", Lat: 21.15, Lon: 79.09}, {Name: "indore", Lat: 22.72, Lon: 75.86}, {Name: "thane", Lat: 19.52, Lon: 73.28},
	{Name: "bhopal", Lat: 23.26, Lon: 77.41}, {Name: "visakhapatnam", Lat: 17.69, Lon: 83.22}, {Name: "patna", Lat: 25.59, Lon: 85.14},
	{Name: "vadodara", Lat: 22.31, Lon: 73.18}, {Name: "coimbatore", Lat: 11.02, Lon: 76.96},
}

// parts are where a city's zones lie around its middle, in zoneSide.
var parts = []struct {
	name     string
	lat, lon float64
}{{"middle", 0, 0}, {"north", 1, 0}, {"south", -1, 0}, {"east", 0, 1}, {"west", 0, -1}}

// zoneSide is a zone's height and width, in degrees: some 13 km.
const zoneSide = 0.12

// countryAnchors are the middles of the country's hundred zones, city by city.
func countryAnchors() (anchors []loadtest.Anchor) {
	for _, c := range cities {
		for _, p := range parts {
			anchors = append(anchors, loadtest.Anchor{Name: c.Name + "_" + p.name, Lat: c.Lat + p.lat*zoneSide, Lon: c.Lon + p.lon*zoneSide})
		}
	}
	return anchors
}

// CountryRoutes puts traces into each of a hundred zones over twenty cities.
func CountryRoutes(traces []loadtest.Trace) (routes []Route) {
	const perZone = 3
	for i, a := range countryAnchors() {
		for j := range perZone {
			n := i*perZone + j
			routes = append(routes, NewRoute(traces[n%len(traces)], a, 2*math.Pi*share(1, uint64(n), 0)))
		}
	}
	return routes
}

// WriteCountryZones writes these zones as GeoJSON, for the server.
func WriteCountryZones(w io.Writer) error {
	var features []string
	for _, a := range countryAnchors() {
		s, n, west, e := a.Lat-zoneSide/2, a.Lat+zoneSide/2, a.Lon-zoneSide/2, a.Lon+zoneSide/2
		features = append(features, fmt.Sprintf(`{"type":"Feature","properties":{"id":%q},"geometry":{"type":"Polygon","coordinates":[[[%.4f,%.4f],[%.4f,%.4f],[%.4f,%.4f],[%.4f,%.4f],[%.4f,%.4f]]]}}`,
			a.Name, west, s, e, s, e, n, west, n, west, s))
	}
	_, err := fmt.Fprintf(w, "{\"type\":\"FeatureCollection\",\"features\":[\n%s\n]}\n", strings.Join(features, ",\n"))
	return err
}

// lineSpeedMPS is how fast drivers go along a line: a scooter in traffic.
const lineSpeedMPS = 8

// LineRoute goes along a line of longitudes and latitudes in degrees, such as a road.
// ok is false if it has no length.
func LineRoute(line [][2]float64) (r Route, ok bool) {
	anchor := loadtest.Anchor{Lat: line[0][1], Lon: line[0][0]}
	east := metresPerDegree * math.Cos(anchor.Lat*math.Pi/180)
	t := loadtest.Trace{Fixes: []loadtest.TraceFix{{}}}
	for _, p := range line[1:] {
		last := t.Fixes[len(t.Fixes)-1]
		x, y := (p[0]-anchor.Lon)*east, (p[1]-anchor.Lat)*metresPerDegree
		if metres := math.Hypot(x-last.X, y-last.Y); metres > 0.1 {
			t.Fixes = append(t.Fixes, loadtest.TraceFix{At: last.At + seconds(metres/lineSpeedMPS), X: x, Y: y})
		}
	}
	if len(t.Fixes) < 2 {
		return Route{}, false
	}
	return NewRoute(t, anchor, 0), true
}
