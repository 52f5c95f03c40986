package geo

import (
	"fmt"
	"slices"
)

// grid answers most questions for a zone without a polygon test. It divides the areas'
// bounding box into equal squares, each of which is known to lie outside all areas,
// inside one, or on a border; and those on a border again, down to leafSide. Only there
// the polygons are asked. So it is fine where borders are, be it in one city or in a
// hundred over a country, and small in between.
type grid struct {
	bound         box
	height, width float64 // degrees
	// squares holds, for each divided square from the root on, row by row from the
	// south-west: an index into areas, or outside, or a divided square, or a border.
	squares []int32
	borders [][]int32 // areas to ask in this order; the last one may be ^area: it has the rest
	areas   []area

	known map[string]int32 // where borders are; only while the grid is made
}

const (
	outside = -1
	// firstDivided-i is a square whose parts begin at squares[i*perSquare], and
	// firstBorder-i is on borders[i].
	firstDivided = -2
	firstBorder  = -1 << 30

	gridBits  = 3 // of each coordinate, at each level
	gridSide  = 1 << gridBits
	perSquare = gridSide * gridSide
	maxLevels = 8

	// leafSide is from which side on, in degrees, a square is not divided any more:
	// some 100 m.
	leafSide = 0.001
	// maxDivided bounds the memory to 16 MiB. Squares are divided level by level, so
	// that what there is of it goes to all borders alike.
	maxDivided = 1 << 16

	// slackPart of the whole widens each square when the grid is made, so that
	// rounding can never leave a place on the wrong side of a border.
	slackPart = 1e-12
)

// part is a square that is to be divided.
type part struct {
	at        int // among squares
	box       box
	level     int
	claimants []claimant
}

// claimant is an area that has a square, or whose border passes through it.
type claimant struct {
	area  int32
	edges []edge // those that may pass through the square; none if the area has all of it
}

func newGrid(areas []area) grid {
	g := grid{bound: areas[0][0].box, areas: areas, known: map[string]int32{}}
	everything := part{at: -1}
	for i, a := range areas {
		for j := range a {
			g.bound = g.bound.union(a[j].box)
		}
		everything.claimants = append(everything.claimants, claimant{int32(i), a.all()})
	}
	// A degenerate bound (a line) still needs a size.
	g.height = max(g.bound.north-g.bound.south, 1e-9)
	g.width = max(g.bound.east-g.bound.west, 1e-9)
	everything.box = g.bound
	for queue := []part{everything}; len(queue) > 0; queue = queue[1:] {
		queue = g.divide(&queue[0], queue)
	}
	g.known, g.squares = nil, slices.Clip(g.squares)
	return g
}

func (b box) union(o box) box {
	return box{min(b.south, o.south), min(b.west, o.west), max(b.north, o.north), max(b.east, o.east)}
}

// divide makes the parts of a square, and appends those that are to be divided, too.
func (g *grid) divide(p *part, queue []part) []part {
	if p.at >= 0 && (len(g.squares) >= maxDivided*perSquare || p.level >= maxLevels ||
		max(p.box.north-p.box.south, p.box.east-p.box.west) <= leafSide) {
		g.squares[p.at] = g.border(p.claimants)
		return queue
	}
	first := len(g.squares)
	if p.at >= 0 {
		g.squares[p.at] = firstDivided - int32(first/perSquare)
	}
	g.squares = append(g.squares, make([]int32, perSquare)...)
	for i := range perSquare {
		b := g.partOf(p, i)
		switch claimants := g.claim(p.claimants, &b); {
		case len(claimants) == 0:
			g.squares[first+i] = outside
		case len(claimants[0].edges) == 0:
			g.squares[first+i] = claimants[0].area
		default:
			queue = append(queue, part{first + i, b, p.level + 1, claimants})
		}
	}
	return queue
}

func (g *grid) partOf(p *part, i int) box {
	side := 1 / float64(int(1)<<(gridBits*(p.level+1)))
	height, width := g.height*side, g.width*side
	south := p.box.south + float64(i/gridSide)*height
	west := p.box.west + float64(i%gridSide)*width
	return box{south, west, south + height, west + width}
}

// claim returns which of the claimants of a square have one of its parts, in their
// order, up to one that has all of it.
func (g *grid) claim(claimants []claimant, b *box) (out []claimant) {
	wide := box{b.south - g.height*slackPart, b.west - g.width*slackPart, b.north + g.height*slackPart, b.east + g.width*slackPart}
	for _, c := range claimants {
		var edges []edge
		for i := range c.edges {
			if c.edges[i].touches(&wide) {
				edges = append(edges, c.edges[i])
			}
		}
		if len(edges) > 0 {
			out = append(out, claimant{c.area, edges})
			continue
		}
		// No edge passes through it: it is where its centre is.
		if len(c.edges) == 0 || g.areas[c.area].contains((b.south+b.north)/2, (b.west+b.east)/2) {
			return append(out, claimant{area: c.area})
		}
	}
	return out
}

func (g *grid) border(claimants []claimant) int32 {
	list := make([]int32, len(claimants))
	for i, c := range claimants {
		if list[i] = c.area; len(c.edges) == 0 {
			list[i] = ^c.area
		}
	}
	key := fmt.Sprint(list) // most borders have many squares
	i, ok := g.known[key]
	if !ok {
		i = int32(len(g.borders))
		g.known[key] = i
		g.borders = append(g.borders, list)
	}
	return firstBorder - i
}

// index returns which area a place is in, or outside.
func (g *grid) index(lat, lon float64) int {
	// NaN fails every comparison, so ask for what is inside.
	if !(len(g.areas) > 0 && lat >= g.bound.south && lat <= g.bound.north && lon >= g.bound.west && lon <= g.bound.east) {
		return outside
	}
	const bits = gridBits * maxLevels
	row := uint32(clampIndex((lat-g.bound.south)/g.height*(1<<bits), 1<<bits))
	col := uint32(clampIndex((lon-g.bound.west)/g.width*(1<<bits), 1<<bits))
	s := int32(firstDivided)
	for shift := bits - gridBits; s <= firstDivided && s > firstBorder; shift -= gridBits {
		at := row >> shift % gridSide * gridSide
		at += col >> shift % gridSide
		s = g.squares[uint32(firstDivided-s)*perSquare+at]
	}
	if s >= outside {
		return int(s)
	}
	for _, i := range g.borders[firstBorder-s] {
		if i < 0 {
			return int(^i)
		}
		if g.areas[i].contains(lat, lon) {
			return int(i)
		}
	}
	return outside
}

// covers reports whether a box lies inside areas altogether.
func (g *grid) covers(b box) bool {
	if len(g.areas) == 0 || b.south < g.bound.south || b.north > g.bound.north || b.west < g.bound.west || b.east > g.bound.east {
		return false
	}
	return g.coversPart(part{box: g.bound}, 0, b)
}

// coversPart reports whether areas have all of a divided square that is in a box.
func (g *grid) coversPart(p part, divided int32, b box) bool {
	for i := range perSquare {
		within := g.partOf(&p, i)
		if within.north < b.south || within.south > b.north || within.east < b.west || within.west > b.east {
			continue
		}
		s := g.squares[int(divided)*perSquare+i]
		if s == outside || s <= firstBorder {
			return false
		}
		if s <= firstDivided && !g.coversPart(part{box: within, level: p.level + 1}, firstDivided-s, b) {
			return false
		}
	}
	return true
}

// bytes is about what the grid takes.
func (g *grid) bytes() int {
	n := 4 * len(g.squares)
	for _, b := range g.borders {
		n += 24 + 4*len(b)
	}
	return n
}
