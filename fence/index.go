package fence

import "math"

// levels are the sides of an index's cells, in cells per degree. Small fences
// are in small cells; a fence that would take more than maxCells of them is in
// the next larger ones. Each divides the Earth's circumference.
var levels = [...]float64{2000, 200, 20, 2}

// maxCells is reached by a fence of about 440 m among the smallest cells.
const maxCells = 64

// index finds the fences around a place. At most places there is none, which
// costs a look into one map per level in use. The fences of a cell are a chain of
// links: the collector has nothing to follow in the cells of 25,000 fences.
type index struct {
	cells  [len(levels)]map[uint64]uint32 // the first link of each
	links  []link                         // the first is nobody's
	unused uint32                         // the first of a chain of links
	fences []*held                        // by number; nil if it is not in use
	spare  []uint32                       // numbers not in use
}

type link struct {
	fence uint32 // its number
	next  uint32 // link, or 0
}

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
	if n := len(x.spare); n > 0 {
		h.number, x.spare = x.spare[n-1], x.spare[:n-1]
		x.fences[h.number] = h
	} else {
		h.number = uint32(len(x.fences))
		x.fences = append(x.fences, h)
	}
	level, in := cells(&h.shape.around)
	if x.cells[level] == nil {
		x.cells[level] = map[uint64]uint32{}
	}
	for _, c := range in {
		x.cells[level][c] = x.newLink(link{h.number, x.cells[level][c]})
	}
}

func (x *index) newLink(l link) (at uint32) {
	if at = x.unused; at != 0 {
		x.unused = x.links[at].next
		x.links[at] = l
		return at
	}
	if len(x.links) == 0 {
		x.links = append(x.links, link{})
	}
	x.links = append(x.links, l)
	return uint32(len(x.links) - 1)
}

func (x *index) remove(h *held) {
	level, in := cells(&h.shape.around)
	for _, c := range in {
		first := x.cells[level][c]
		for at, before := first, uint32(0); at != 0; before, at = at, x.links[at].next {
			if x.links[at].fence != h.number {
				continue
			}
			next := x.links[at].next
			switch {
			case before != 0:
				x.links[before].next = next
			case next != 0:
				x.cells[level][c] = next
			default:
				delete(x.cells[level], c)
			}
			x.links[at], x.unused = link{next: x.unused}, at
			break
		}
	}
	x.fences[h.number] = nil
	x.spare = append(x.spare, h.number)
}

// around calls fn with the fences whose box has the place.
func (x *index) around(lat, lon float64, fn func(*held)) {
	for level := range x.cells {
		if len(x.cells[level]) == 0 {
			continue
		}
		perDegree := levels[level]
		row, col := math.Floor((lat+90)*perDegree), math.Floor((lon+180)*perDegree)
		for at := x.cells[level][cell(row, col, perDegree)]; at != 0; at = x.links[at].next {
			if h := x.fences[x.links[at].fence]; h.shape.around.contains(lat, lon) {
				fn(h)
			}
		}
	}
}
