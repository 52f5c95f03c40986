package geo

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"
)

// WriteGeoJSON writes the track as a GeoJSON Feature, a LineString whose
// property "times" holds the time of each position in ms since 1970, and "mocks" the
// times of those that an app made up. Since a LineString has at least two positions,
// one fix is a Point and none is null.
func (t Track) WriteGeoJSON(w io.Writer) error {
	line := make(orb.LineString, len(t.Fixes))
	times, mocks := make([]int64, len(t.Fixes)), make([]int64, 0, t.MockFixes())
	for i, f := range t.Fixes {
		line[i], times[i] = orb.Point{f.Lon, f.Lat}, f.TS
		if f.Mock {
			mocks = append(mocks, f.TS)
		}
	}
	feature := geojson.NewFeature(line)
	switch len(line) {
	case 0:
		feature.Geometry = nil
	case 1:
		feature.Geometry = line[0]
	}
	feature.Properties = geojson.Properties{"driver_id": t.DriverID, "distance_m": t.DistanceM, "times": times}
	if len(mocks) > 0 {
		feature.Properties["mocks"] = mocks
	}
	return json.NewEncoder(w).Encode(feature)
}

// The elements of GPX 1.1 (https://www.topografix.com/GPX/1/1/). A point has no
// element for its speed there.
type gpxFile struct {
	XMLName xml.Name   `xml:"gpx"`
	XMLNS   string     `xml:"xmlns,attr"`
	Version string     `xml:"version,attr"`
	Creator string     `xml:"creator,attr"`
	Name    string     `xml:"trk>name"`
	Points  []gpxPoint `xml:"trk>trkseg>trkpt"`
}

type gpxPoint struct {
	Lat  string `xml:"lat,attr"`
	Lon  string `xml:"lon,attr"`
	Time string `xml:"time"`
}

// WriteGPX writes the track as GPX 1.1: one track of one segment.
func (t Track) WriteGPX(w io.Writer) error {
	out := gpxFile{XMLNS: "http://www.topografix.com/GPX/1/1", Version: "1.1", Creator: "hyperlocal", Name: t.DriverID}
	for _, f := range t.Fixes {
		out.Points = append(out.Points, gpxPoint{
			Lat:  strconv.FormatFloat(f.Lat, 'f', 5, 64),
			Lon:  strconv.FormatFloat(f.Lon, 'f', 5, 64),
			Time: time.UnixMilli(f.TS).UTC().Format("2006-01-02T15:04:05.000Z"),
		})
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write GPX: %w", err)
	}
	if err := xml.NewEncoder(w).Encode(out); err != nil {
		return fmt.Errorf("write GPX: %w", err)
	}
	return nil
}

// Speed returns the speed as it was measured, in metres per second; ok is false
// if it was not.
func (f TrackFix) Speed() (mps float64, ok bool) {
	if f.SpeedMPS < 0 {
		return 0, false
	}
	// The digits of single precision, which a conversion would follow by noise.
	mps, _ = strconv.ParseFloat(strconv.FormatFloat(float64(f.SpeedMPS), 'f', 2, 32), 64) // a number, since it was one
	return mps, true
}
