package demo

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the data
	"fmt"
	"io"

	"hyperlocal/loadtest"
)

var (
	//go:embed data/zones/bengaluru_wards_198_full.geojson.gz
	wardsGZ []byte
	//go:embed data/movement/goal_traces.csv.gz
	tracesGZ []byte
	//go:embed data/roads/bengaluru_arterials.geojson
	roads []byte
	//go:embed data/catalogue/zepto_v2.csv
	catalogue []byte
)

// Attribution is what a page that shows the demo's data has to say, in plain
// text, one line a source.
var Attribution = []string{
	"Roads © OpenStreetMap contributors (ODbL 1.0)",
	"Wards © DataMeet, adapted (CC BY-SA 2.5 IN)",
	"Movement: GOAL, © Amazon.com, adapted (CC BY 4.0)",
	"Catalogue: Abhii58/Zepto-Inventory-Analysis-Visualization (MIT)",
}

// Zones returns Bengaluru's 198 wards as a GeoJSON FeatureCollection of
// MultiPolygons, in full detail, with the properties ward_no, name and pop.
func Zones() ([]byte, error) { return unzip("zones", wardsGZ) }

// Roads returns the main roads as a GeoJSON FeatureCollection of LineStrings
// with the properties id, highway (its class), name and oneway. The slice must
// not be changed.
func Roads() []byte { return roads }

// Catalogue returns the products with their stock, as CSV in Windows-1252 with
// prices in paise. The slice must not be changed.
func Catalogue() []byte { return catalogue }

// Traces returns the recorded journeys that the partners follow.
func Traces() ([]loadtest.Trace, error) {
	z, err := gzip.NewReader(bytes.NewReader(tracesGZ))
	if err != nil {
		return nil, fmt.Errorf("demo traces: %w", err)
	}
	traces, err := loadtest.LoadTraces(z)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	return traces, nil
}

func unzip(name string, data []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("demo %s: %w", name, err)
	}
	content, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("demo %s: %w", name, err)
	}
	return content, nil
}
