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

type trackJSON struct {
	DriverID  string         `json:"driver_id"`
	From      int64          `json:"from"`
	To        int64          `json:"to"`
	DistanceM float64        `json:"distance_m"`
	Fixes     []trackFixJSON `json:"fixes"`
}

type trackFixJSON struct {
	TS       int64    `json:"ts"`
	Lat      float64  `json:"lat"`
	Lon      float64  `json:"lon"`
	SpeedMPS *float64 `json:"speed_mps,omitempty"`
}

// MarshalJSON writes the track as the API has it: an unknown speed is left out.
func (t Track) MarshalJSON() ([]byte, error) {
	out := trackJSON{DriverID: t.DriverID, From: t.From, To: t.To, DistanceM: t.DistanceM, Fixes: make([]trackFixJSON, len(t.Fixes))}
	for i, f := range t.Fixes {
		out.Fixes[i] = trackFixJSON{TS: f.TS, Lat: f.Lat, Lon: f.Lon}
		if speed, ok := f.Speed(); ok {
			out.Fixes[i].SpeedMPS = &speed
		}
	}
	return json.Marshal(out)
}

// WriteJSON writes the track as one JSON object.
func (t Track) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(t) }

// WriteGeoJSON writes the track as a GeoJSON Feature, a LineString whose
// property "times" holds the time of each position in ms since 1970. Since a
// LineString has at least two positions, one fix is a Point and none is null.
func (t Track) WriteGeoJSON(w io.Writer) error {
	line := make(orb.LineString, len(t.Fixes))
	times := make([]int64, len(t.Fixes))
	for i, f := range t.Fixes {
		line[i], times[i] = orb.Point{f.Lon, f.Lat}, f.TS
	}
	feature := geojson.NewFeature(line)
	switch len(line) {
	case 0:
		feature.Geometry = nil
	case 1:
		feature.Geometry = line[0]
	}
	feature.Properties = geojson.Properties{"driver_id": t.DriverID, "distance_m": t.DistanceM, "times": times}
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
