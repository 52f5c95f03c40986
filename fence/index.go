package fence

import "math"

// levels are the sides of an index's cells, in cells per degree. Small fences
// are in small cells; a fence that would take more than maxCells of them is in
// the next larger ones. Each divides the Earth's circumference.
var levels = [...]float64{2000, 200, 20, 2}

// maxCells is reached by a fence of about 440 m among the smallest cells.
const maxCells = 64

// index finds the fences around a place. At most places there is none, which
// costs a look into one map per level in use.
type index [len(levels)]map[uint64][]*held

// cells returns the level that suits a box, and the cells of it that the box
// touches.
func cells(b *box) (level int, out []uint64) {
	for level = range levels {
		perDegree := levels[level]
		south, north := math.Floor((b.south+90)*perDegree), math.Floor((b.north+90)*perDegree)
		west, east := math.Floor((b.west+180)*perDegree), math.Floor((b.east+180)*perDegree)
		if (north-south+1)*(east-west+1) > maxCells && level < len(levels)-1 {
			continue
		}
		for row := south; row <= north; row++ {
			for col := west; col <= east; col++ {
				out = append(out, cell(row, col, perDegree))
			}
		}
		break
	}
	return level, out
}

// cell numbers a cell; columns go around the Earth.
func cell(row, col, perDegree float64) uint64 {
	around := 360 * perDegree
	if col >= around {
		col -= around
	} else if col < 0 {
		col += around
	}
	return uint64(row)<<32 | uint64(col)
}

// add puts a fence in by its cells; remove takes it out.
func (x *index) add(h *held) {
	h.level, h.cells = cells(&h.shape.around)
	if x[h.level] == nil {
		x[h.level] = map[uint64][]*held{}
	}
	for _, c := range h.cells {
		x[h.level][c] = append(x[h.level][c], h)
	}
}

func (x *index) remove(h *held) {
	for _, c := range h.cells {
		there := x[h.level][c]
		for i := range there {
			if there[i] == h {
				there[i] = there[len(there)-1]
				there[len(there)-1] = nil
				there = there[:len(there)-1]
				break
			}
		}
		if len(there) == 0 {
			delete(x[h.level], c)
		} else {
			x[h.level][c] = there
		}
	}
}

// around calls fn with the fences whose box has the place.
func (x *index) around(lat, lon float64, fn func(*held)) {
	for level := range x {
		if len(x[level]) == 0 {
			continue
		}
		perDegree := levels[level]
		row, col := math.Floor((lat+90)*perDegree), math.Floor((lon+180)*perDegree)
		for _, h := range x[level][cell(row, col, perDegree)] {
			if h.shape.around.contains(lat, lon) {
				fn(h)
			}
		}
	}
}
