package geo

import (
	"math"
	"strings"

	"github.com/mmcloughlin/geohash"

	"hyperlocal/cache/geoscore"
)

// Outside all polygons a geohash cell of five characters is the zone: about
// 4.9 km by 4.9 km at the equator.
const (
	cellPrefix = "cell_"
	cellChars  = 5
	cellBits   = 5 * cellChars // 13 of longitude, 12 of latitude
	cellLon    = 360.0 / (1 << 13)
	cellLat    = 180.0 / (1 << 12)
)

// lastLat and lastLon stand for the upper ends of their ranges, which the
// geohash of the library would wrap to the lower ones. They lie in the last
// cell of every precision in use.
const (
	lastLat = 90 - 1e-7
	lastLon = 180 - 1e-7
)

// oneMeridian gives the antimeridian one name: the engine's cells end before 180 degrees
// east, which is where they begin.
func oneMeridian(lon float64) float64 {
	if lon == 180 {
		return -180
	}
	return lon
}

// cellAt returns the integer geohash of the cell around a place.
func cellAt(lat, lon float64) uint32 {
	return uint32(geohash.EncodeIntWithPrecision(min(lat, lastLat), min(lon, lastLon), cellBits))
}

func cellZone(cell uint32) string {
	return cellPrefix + geohash.ConvertIntToString(uint64(cell), cellChars)
}

// cellOf is the inverse of cellZone.
func cellOf(zone string) (uint32, bool) {
	hash, ok := strings.CutPrefix(zone, cellPrefix)
	if !ok || len(hash) != cellChars || geohash.Validate(hash) != nil {
		return 0, false
	}
	cell, _ := geohash.ConvertStringToInt(hash)
	return uint32(cell), true
}

// Score returns the 52-bit geohash score of a place, equal to GEOADD's. It is
// defined for latitudes within ±MaxLat. The library computes another one for
// some places on the edge of a cell: see package geoscore.
func Score(lat, lon float64) uint64 {
	score, _ := geoscore.Of(lat, lon) // the place has been checked
	return uint64(score)
}

// box is an area between parallels and meridians, in degrees. West may be
// greater than east: such a box crosses the antimeridian.
type box struct{ south, west, north, east float64 }

// circleBox returns the smallest box around a circle on the Earth.
func circleBox(lat, lon, radiusM float64) box {
	r := radiusM / EarthRadiusM // radians
	b := box{south: lat - r/degree, north: lat + r/degree, west: -180, east: 180}
	if b.north >= 90 || b.south <= -90 {
		// A pole is inside, and with it every meridian.
		b.north, b.south = min(b.north, 90), max(b.south, -90)
		return b
	}
	// The meridians that touch the circle do so nearer the pole than its centre.
	half := math.Asin(min(math.Sin(r)/math.Cos(lat*degree), 1)) / degree
	if half >= 180 {
		return b
	}
	b.west, b.east = wrapLon(lon-half), wrapLon(lon+half)
	return b
}

func wrapLon(lon float64) float64 {
	switch {
	case lon < -180:
		return lon + 360
	case lon > 180:
		return lon - 360
	}
	return lon
}

// split returns the one or two parts of a box that do not cross the
// antimeridian.
func (b box) split() []box {
	if b.west <= b.east {
		return []box{b}
	}
	return []box{
		{b.south, b.west, b.north, 180},
		{b.south, -180, b.north, b.east},
	}
}

func (b box) intersects(o box) bool {
	if b.south > o.north || b.north < o.south {
		return false
	}
	for _, x := range b.split() {
		for _, y := range o.split() {
			if x.west <= y.east && y.west <= x.east {
				return true
			}
		}
	}
	return false
}

// away returns a distance, in metres, that no place in the box is nearer than. It is 0
// within.
func (b box) away(lat, lon float64) float64 {
	metres := EarthRadiusM * degree * max(0, b.south-lat, lat-b.north)
	for _, part := range b.split() {
		if lon >= part.west && lon <= part.east {
			return metres
		}
	}
	// Whoever goes there crosses the meridian of its western or eastern side, or a pole.
	side := math.Inf(1)
	for _, edge := range [2]float64{b.west, b.east} {
		apart := math.Abs(math.Mod(lon-edge, 360))
		if apart = min(apart, 360-apart); apart <= 90 {
			side = min(side, math.Asin(math.Cos(lat*degree)*math.Sin(apart*degree)))
		} else {
			side = min(side, (90-math.Abs(lat))*degree)
		}
	}
	return max(metres, EarthRadiusM*side) * (1 - 1e-9) // rounding never makes it too far
}

// cells returns the geohash cells that a box touches, row by row from the
// south-west.
func (b box) cells() []uint32 {
	var out []uint32
	for _, part := range b.split() {
		row, lastRow := gridIndex(part.south, -90, cellLat, 1<<12), gridIndex(part.north, -90, cellLat, 1<<12)
		first, last := gridIndex(part.west, -180, cellLon, 1<<13), gridIndex(part.east, -180, cellLon, 1<<13)
		for ; row <= lastRow; row++ {
			for col := first; col <= last; col++ {
				out = append(out, cellAt(-90+(float64(row)+0.5)*cellLat, -180+(float64(col)+0.5)*cellLon))
			}
		}
	}
	return out
}

// gridIndex returns which of n steps from origin on v lies in.
func gridIndex(v, origin, step float64, n int) int {
	return max(0, min(int((v-origin)/step), n-1))
}

func cellBox(cell uint32) box {
	b := geohash.BoundingBoxIntWithPrecision(uint64(cell), cellBits)
	return box{b.MinLat, b.MinLng, b.MaxLat, b.MaxLng}
}
