// Package geoscore turns places into the scores of geo sets and back, bit for
// bit as Redis does: latitude and longitude each scaled to 26 bits over their
// ranges, longitude in the odd bits. Formulas and their order: Redis 7.0,
// geohash.c and geohash_helper.c. Another order, such as a geohash library's on
// a scaled latitude, puts some places on the edge of a cell into the next one.
package geoscore

import (
	"fmt"

	"hyperlocal/cache"
)

// The ranges, and how finely they are cut.
const (
	MaxLat      = 85.05112878 // degrees; the square of Web Mercator
	MaxLon      = 180.0       // degrees
	Bits        = 26          // per coordinate
	CellsAcross = 1 << Bits   // per coordinate
)

// Of is GEOADD's score of a place in degrees. It fails with
// cache.ErrInvalidPlace outside the ranges.
func Of(lat, lon float64) (float64, error) {
	if err := Check(lat, lon); err != nil {
		return 0, err
	}
	return float64(Join(CellOf(lat, lon))), nil
}

// CellOf returns the indexes along latitude and longitude of the cell of a place
// within the ranges.
func CellOf(lat, lon float64) (y, x uint32) { return cellOf(lat, MaxLat), cellOf(lon, MaxLon) }

// Join makes a score of a cell's indexes along latitude and longitude.
func Join(y, x uint32) uint64 { return spread(y) | spread(x)<<1 }

// cellOf numbers the cells over [-half, half]. What rounds to the upper end is
// in a cell of its own, one past the last.
func cellOf(degrees, half float64) uint32 {
	return uint32((degrees - -half) / (half - -half) * CellsAcross)
}

// Check fails with cache.ErrInvalidPlace outside the ranges.
func Check(lat, lon float64) error {
	inside := lat >= -MaxLat && lat <= MaxLat && lon >= -MaxLon && lon <= MaxLon // false for NaN
	if !inside {
		return fmt.Errorf("latitude %v, longitude %v: %w", lat, lon, cache.ErrInvalidPlace)
	}
	return nil
}

// Cell returns the indexes of a score's cell along latitude and longitude.
func Cell(score float64) (y, x uint32) {
	h := uint64(score)
	return squash(h), squash(h >> 1)
}

// Centre is GEOPOS: the middle of the cell, within the ranges.
func Centre(y, x uint32) (lat, lon float64) {
	return centreOf(y, MaxLat), centreOf(x, MaxLon)
}

// centreOf computes in Redis's order. The conversions forbid fused operations,
// which would differ in the last bit on some machines.
func centreOf(i uint32, half float64) float64 {
	scale := half - -half
	lo := -half + float64(float64(i)/CellsAcross*scale)
	hi := -half + float64(float64(i+1)/CellsAcross*scale)
	return min((lo+hi)/2, half)
}

// alphabet is the standard geohash's.
const alphabet = "0123456789bcdefghjkmnpqrstuvwxyz"

// Hash is GEOHASH: the cell's middle in the standard geohash, whose latitudes
// reach from -90 to 90. The 52 bits are ten characters and a rest; the eleventh,
// which they would not fill, is always "0".
func Hash(score float64) string {
	const chars, bitsEach = 11, 5
	lat, lon := Centre(Cell(score))
	bits := Join(cellOf(lat, 90), cellOf(lon, MaxLon))
	var b [chars]byte
	for i := range chars - 1 {
		b[i] = alphabet[bits>>(2*Bits-bitsEach*(i+1))&(1<<bitsEach-1)]
	}
	b[chars-1] = alphabet[0]
	return string(b[:])
}

// squash gathers the even bits of h.
func squash(h uint64) uint32 {
	h &= 0x5555555555555555
	h = (h | h>>1) & 0x3333333333333333
	h = (h | h>>2) & 0x0f0f0f0f0f0f0f0f
	h = (h | h>>4) & 0x00ff00ff00ff00ff
	h = (h | h>>8) & 0x0000ffff0000ffff
	h = (h | h>>16) & 0x00000000ffffffff
	return uint32(h)
}

// spread puts the bits of i at the even positions.
func spread(i uint32) uint64 {
	h := uint64(i)
	h = (h | h<<16) & 0x0000ffff0000ffff
	h = (h | h<<8) & 0x00ff00ff00ff00ff
	h = (h | h<<4) & 0x0f0f0f0f0f0f0f0f
	h = (h | h<<2) & 0x3333333333333333
	h = (h | h<<1) & 0x5555555555555555
	return h
}
