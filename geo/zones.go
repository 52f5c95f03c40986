package geo

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"
)

// ErrZones says that a zone file cannot be used, and why.
var ErrZones = errors.New("zone file")

// The bounds of a zone file.
const (
	MaxZones         = 10_000
	maxZoneFileBytes = 64 << 20
	maxZoneID        = 64
)

// Zone is one area of a zone file.
type Zone struct {
	ID   string // the key's form: lower case, digits and underscores
	Name string // as the file has it
}

// Zones tells which zone a place is in. It never changes, so any number of
// goroutines may ask. Where areas overlap, the one that comes first in the file
// has the place, borders included.
type Zones struct {
	zones  []Zone
	areas  []orb.MultiPolygon
	boxes  []box
	byID   map[string]int
	grid   grid
	source []byte // GeoJSON
}

// NoZones knows no area: every place is in a geohash cell's zone.
func NoZones() *Zones {
	return &Zones{source: []byte(`{"type":"FeatureCollection","features":[]}`)}
}

// LoadZones reads a GeoJSON FeatureCollection of Polygons and MultiPolygons,
// holes included, in WGS 84 degrees.
//
// A zone's id is the feature's property "id", "zone" or "name", the first that
// is there, with letters in lower case and everything but letters and digits as
// single underscores. Features that share an id so made get "_" and their
// property "ward_no" behind it, which must then be there and tell them apart.
//
// Errors wrap ErrZones and name the feature by its place in the file, from 0.
func LoadZones(r io.Reader) (*Zones, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxZoneFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrZones, err)
	}
	if len(data) > maxZoneFileBytes {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrZones, maxZoneFileBytes)
	}
	fc, err := geojson.UnmarshalFeatureCollection(data)
	if err != nil {
		return nil, fmt.Errorf("%w: not a GeoJSON FeatureCollection: %w", ErrZones, err)
	}
	switch n := len(fc.Features); {
	case n == 0:
		return nil, fmt.Errorf("%w: it has no features", ErrZones)
	case n > MaxZones:
		return nil, fmt.Errorf("%w: %d features, at most %d are supported", ErrZones, n, MaxZones)
	}
	z := &Zones{}
	for i, f := range fc.Features {
		area, err := areaOf(f.Geometry)
		if err != nil {
			return nil, featureError(i, err)
		}
		id, name, err := zoneName(f.Properties)
		if err != nil {
			return nil, featureError(i, err)
		}
		z.zones = append(z.zones, Zone{ID: id, Name: name})
		z.areas = append(z.areas, area)
		b := area.Bound()
		z.boxes = append(z.boxes, box{b.Min.Lat(), b.Min.Lon(), b.Max.Lat(), b.Max.Lon()})
	}
	if err := z.tellApart(fc.Features); err != nil {
		return nil, err
	}
	if z.source, err = z.encode(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrZones, err)
	}
	areas := make([]area, len(z.areas))
	for i, m := range z.areas {
		areas[i] = newArea(m)
	}
	z.grid = newGrid(areas)
	return z, nil
}

func featureError(i int, err error) error {
	return fmt.Errorf("%w: feature %d: %w", ErrZones, i, err)
}

func areaOf(g orb.Geometry) (orb.MultiPolygon, error) {
	var area orb.MultiPolygon
	switch g := g.(type) {
	case orb.Polygon:
		area = orb.MultiPolygon{g}
	case orb.MultiPolygon:
		area = g
	case nil:
		return nil, errors.New("it has no geometry")
	default:
		return nil, fmt.Errorf("a %s is not a Polygon or MultiPolygon", g.GeoJSONType())
	}
	if len(area) == 0 {
		return nil, errors.New("it has no polygon")
	}
	for _, p := range area {
		if len(p) == 0 {
			return nil, errors.New("a polygon has no ring")
		}
		for _, ring := range p {
			if err := checkRing(ring); err != nil {
				return nil, err
			}
		}
	}
	return area, nil
}

func checkRing(ring orb.Ring) error {
	if len(ring) < 4 || !ring.Closed() {
		return fmt.Errorf("a ring of %d positions is not closed: the last must equal the first, with at least 4 in all", len(ring))
	}
	for _, p := range ring {
		if !(math.Abs(p.Lon()) <= 180 && math.Abs(p.Lat()) <= 90) {
			return fmt.Errorf("position [%v, %v] is not longitude, latitude in degrees", p.Lon(), p.Lat())
		}
	}
	return nil
}

// zoneName finds a feature's id and name in its properties.
func zoneName(props geojson.Properties) (id, name string, err error) {
	for _, key := range []string{"id", "zone", "name"} {
		text, ok := propertyText(props[key])
		if !ok {
			continue
		}
		id = slug(text)
		if n, ok := propertyText(props["name"]); ok {
			text = n
		}
		if _, isCell := cellOf(id); isCell {
			return "", "", fmt.Errorf("the id %q is that of a geohash cell", id)
		}
		if id == "" || len(id) > maxZoneID {
			return "", "", fmt.Errorf("property %q makes no id of 1 to %d bytes", key, maxZoneID)
		}
		return id, text, nil
	}
	return "", "", errors.New(`it has none of the properties "id", "zone" and "name"`)
}

func propertyText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, strings.TrimSpace(v) != ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

func slug(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte('_')
			gap = false
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// tellApart gives zones that share an id their ward number. It depends on
// nothing but the features themselves, so reordering a file renames nothing.
func (z *Zones) tellApart(features []*geojson.Feature) error {
	count := make(map[string]int, len(z.zones))
	for _, zone := range z.zones {
		count[zone.ID]++
	}
	taken := make(map[string]int, len(z.zones))
	for i := range z.zones {
		id := &z.zones[i].ID
		if count[*id] > 1 {
			ward, ok := propertyText(features[i].Properties["ward_no"])
			if !ok {
				return featureError(i, fmt.Errorf("the id %q is that of another feature too, and there is no ward_no to tell them apart", *id))
			}
			*id += "_" + slug(ward)
		}
		if first, ok := taken[*id]; ok {
			return featureError(i, fmt.Errorf("the id %q is that of feature %d too", *id, first))
		}
		taken[*id] = i
	}
	z.byID = taken
	return nil
}

func (z *Zones) encode() ([]byte, error) {
	fc := geojson.NewFeatureCollection()
	for i, zone := range z.zones {
		var g orb.Geometry = z.areas[i]
		if len(z.areas[i]) == 1 {
			g = z.areas[i][0]
		}
		f := geojson.NewFeature(g)
		f.Properties["zone"], f.Properties["name"] = zone.ID, zone.Name
		fc.Append(f)
	}
	return fc.MarshalJSON()
}

// List returns the zones of the file in its order.
func (z *Zones) List() []Zone { return append([]Zone(nil), z.zones...) }

// Known reports whether a zone can be, that is, whether it is in the file or is
// the zone of a geohash cell.
func (z *Zones) Known(zone string) bool {
	if _, ok := z.byID[zone]; ok {
		return true
	}
	_, ok := cellOf(zone)
	return ok
}

// GeoJSON returns the areas as a FeatureCollection, each feature with its
// "zone" and "name". The caller must not change it.
func (z *Zones) GeoJSON() []byte { return z.source }

// Locate returns the zone of a place in WGS 84 degrees: a zone of the file, or
// "cell_" and the geohash of five characters.
func (z *Zones) Locate(lat, lon float64) string {
	if i := z.grid.index(lat, lon); i >= 0 {
		return z.zones[i].ID
	}
	return cellZone(cellAt(lat, lon))
}

// Covering returns the zones that may touch a circle, and possibly a few that
// do not: those of the file in its order, then geohash cells. Circles around a
// pole or over the antimeridian are fine. The number of cells grows with the
// square of the radius, about 1,800 for 100 km, so callers bound it.
func (z *Zones) Covering(lat, lon, radiusM float64) []string {
	around := circleBox(lat, lon, radiusM)
	var out []string
	for i, b := range z.boxes {
		if b.intersects(around) {
			out = append(out, z.zones[i].ID)
		}
	}
	for _, c := range around.cells() {
		if !z.grid.covers(cellBox(c)) {
			out = append(out, cellZone(c))
		}
	}
	return out
}
