package fence

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// Fence is an area that drivers enter and leave: a circle or a polygon.
type Fence struct {
	ID     string  `json:"fence_id"` // 1 to 64 of A-Z a-z 0-9 _ -
	Name   string  `json:"name,omitempty"`
	Circle *Circle `json:"circle,omitempty"`
	// Polygon are the rings of a GeoJSON polygon: positions of longitude and
	// latitude, the first ring around the area, the others around holes in it.
	Polygon [][][]float64 `json:"polygon,omitempty"`
	// DwellS is after how many seconds within the fence there is an event of
	// kind dwell, once per visit. 0: none.
	DwellS int `json:"dwell_s,omitempty"`
}

// Circle is all within a distance of a place.
type Circle struct {
	Lat     float64 `json:"lat"` // WGS 84 degrees
	Lon     float64 `json:"lon"`
	RadiusM float64 `json:"radius_m"` // metres
}

// Bounds of a fence.
const (
	MinRadiusM   = 5
	MaxRadiusM   = 50_000
	MaxPositions = 1000    // of a polygon's rings together
	MaxExtentM   = 100_000 // of a polygon, in either direction
	MaxDwell     = 24 * time.Hour
	// MaxLat is the greatest latitude of a fence, north or south, in degrees.
	MaxLat = 85

	maxID   = 64  // characters
	maxName = 200 // characters
	// minDepthM is how deep a polygon must at least be: less is a line.
	minDepthM = 1
)

const idRule = "must be 1 to 64 of A-Z a-z 0-9 _ -"

// shape checks a fence and returns what it covers.
func (f *Fence) shape() (*shape, error) {
	switch {
	case !isID(f.ID):
		return nil, invalid("id", idRule)
	case !utf8.ValidString(f.Name) || utf8.RuneCountInString(f.Name) > maxName:
		return nil, invalid("name", "must be UTF-8 of at most %d characters", maxName)
	case f.DwellS < 0 || time.Duration(f.DwellS)*time.Second > MaxDwell:
		return nil, invalid("dwell_s", "must be from 0 to %d", int(MaxDwell.Seconds()))
	case f.Circle != nil && f.Polygon != nil:
		return nil, invalid("polygon", "a fence is a circle or a polygon, not both")
	case f.Circle != nil:
		return f.Circle.shape()
	case f.Polygon != nil:
		return polygonShape(f.Polygon)
	}
	return nil, invalid("circle", "a fence needs a circle or a polygon")
}

func (c *Circle) shape() (*shape, error) {
	switch {
	case !(math.Abs(c.Lat) <= MaxLat): // NaN, too
		return nil, invalid("circle.lat", "must be from -%d to %d degrees", MaxLat, MaxLat)
	case !(math.Abs(c.Lon) <= 180):
		return nil, invalid("circle.lon", "must be from -180 to 180 degrees")
	case !(c.RadiusM >= MinRadiusM && c.RadiusM <= MaxRadiusM):
		return nil, invalid("circle.radius_m", "must be from %d to %d metres", MinRadiusM, MaxRadiusM)
	}
	return circleShape(c.Lat, c.Lon, c.RadiusM), nil
}

// checkRings refuses what is no polygon.
func checkRings(rings [][][]float64) error {
	if len(rings) == 0 {
		return invalid("polygon.coordinates", "has no ring")
	}
	positions := 0
	for i, ring := range rings {
		field := fmt.Sprintf("polygon.coordinates[%d]", i)
		if positions += len(ring); positions > MaxPositions {
			return invalid("polygon.coordinates", "must have at most %d positions", MaxPositions)
		}
		if len(ring) < 4 {
			return invalid(field, "must have at least 4 positions, has %d", len(ring))
		}
		for k, p := range ring {
			if len(p) < 2 || !(math.Abs(p[0]) <= 180) || !(math.Abs(p[1]) <= MaxLat) {
				return invalid(fmt.Sprintf("%s[%d]", field, k),
					"must be a longitude from -180 to 180 and a latitude from -%d to %d degrees", MaxLat, MaxLat)
			}
		}
		if last := ring[len(ring)-1]; ring[0][0] != last[0] || ring[0][1] != last[1] {
			return invalid(field, "is not closed: the last position must equal the first")
		}
	}
	return nil
}

// isID tells whether s can be the id of a fence that callers put.
func isID(s string) bool {
	return s != "" && len(s) <= maxID && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// storePrefix begins the ids of the fences around stores, which no caller can
// put.
const storePrefix = "store:"
