package memory

import (
	"math"

	"hyperlocal/cache/geoscore"
)

// nineCells is where a server looks for what is within a shape: in the geohash
// cell of its centre and the eight about it, of a size that it estimates from
// the radius. Some sides it leaves out. By the poles, where cells are narrow,
// that may be too little, and members on the closed ends of the ranges (at
// longitude 180, say) are beside the map. Searches here look elsewhere only where
// they can show that it makes no difference, so that all hosts answer the same.
//
// The estimate and what is left out are those of Redis 7.0, geohash_helper.c.
type nineCells struct {
	step                     int    // bits per coordinate
	y, x                     uint32 // of the cell in the middle, at step
	south, north, west, east bool   // the cells on this side are looked at
}

// cellsOf returns the cells for a shape that reaches halfWidthM and halfHeightM
// from its centre along the parallel and the meridian, and radiusM at most.
func cellsOf(centre *origin, halfWidthM, halfHeightM, radiusM float64) nineCells {
	dLat := halfHeightM / earthM / degToRad
	// The longer of the two parallels that bound the shape is the wider one in
	// degrees: the one nearer to the pole.
	edge := centre.lat + dLat
	if centre.lat < 0 {
		edge = centre.lat - dLat
	}
	dLon := halfWidthM / earthM / math.Cos(edge*degToRad) / degToRad
	south, north := centre.lat-dLat, centre.lat+dLat
	west, east := centre.lon-dLon, centre.lon+dLon

	n := cellsAt(centre, estimateStep(radiusM, centre.lat))
	_, northEnd := latOf(n.beside(n.y, 1), n.step)
	southEnd, _ := latOf(n.beside(n.y, -1), n.step)
	_, eastEnd := lonOf(n.beside(n.x, 1), n.step)
	westEnd, _ := lonOf(n.beside(n.x, -1), n.step)
	if n.step > 1 && (northEnd < north || southEnd > south || eastEnd < east || westEnd > west) {
		n = cellsAt(centre, n.step-1)
	}
	if n.step == 1 { // there are four cells; what is south is north, too
		n.north, n.east = true, true
		return n
	}
	southEnd, northEnd = latOf(n.y, n.step)
	westEnd, eastEnd = lonOf(n.x, n.step)
	n.south, n.north = !(southEnd < south), !(northEnd > north)
	n.west, n.east = !(westEnd < west), !(eastEnd > east)
	return n
}

func cellsAt(centre *origin, step int) nineCells {
	y, x := geoscore.CellOf(centre.lat, centre.lon)
	shift := geoscore.Bits - step
	return nineCells{step: step, y: y >> shift, x: x >> shift}
}

// estimateStep is how finely to cut the map for a search within a radius.
func estimateStep(radiusM, lat float64) int {
	const mercatorMax = 20037726.37 // metres
	if radiusM == 0 {
		return geoscore.Bits
	}
	step := -1
	for ; radiusM < mercatorMax; radiusM *= 2 {
		step++
	}
	if math.Abs(lat) > 66 {
		step--
	}
	if math.Abs(lat) > 80 {
		step--
	}
	return max(1, min(geoscore.Bits, step))
}

// beside is the number of the cell d further on, around the world.
func (n *nineCells) beside(i uint32, d int) uint32 {
	if d == 0 {
		return i // even if it is one past the last
	}
	return uint32(int64(i)+int64(d)) & (1<<n.step - 1)
}

// latOf and lonOf are the ends of a cell, in Redis's order of operations.
func latOf(i uint32, step int) (lo, hi float64) { return endsOf(i, step, geoscore.MaxLat) }
func lonOf(i uint32, step int) (lo, hi float64) { return endsOf(i, step, geoscore.MaxLon) }

func endsOf(i uint32, step int, half float64) (lo, hi float64) {
	across := float64(uint64(1) << step)
	scale := half - -half
	return -half + float64(float64(i)/across*scale), -half + float64(float64(i+1)/across*scale)
}

// hold says whether the cells hold all of a box.
func (n *nineCells) hold(b geoBox) bool {
	if n.y>>n.step != 0 || n.x>>n.step != 0 {
		return false // the centre is beside the map
	}
	if n.step == 1 {
		return true
	}
	shift := geoscore.Bits - n.step
	y, x := int64(n.y), int64(n.x)
	return b.yLo>>shift >= y-one(n.south) && b.yHi>>shift <= y+one(n.north) &&
		b.xLo>>shift >= x-one(n.west) && b.xHi>>shift <= x+one(n.east)
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// ranges are the scores in the cells.
func (n *nineCells) ranges() []scoreRange {
	shift := 2 * (geoscore.Bits - n.step)
	ranges := make([]scoreRange, 0, 9)
	for dy := -one(n.south); dy <= one(n.north); dy++ {
		for dx := -one(n.west); dx <= one(n.east); dx++ {
			code := geoscore.Join(n.beside(n.y, int(dy)), n.beside(n.x, int(dx)))
			ranges = append(ranges, scoreRange{code << shift, (code + 1) << shift})
		}
	}
	return ranges
}
