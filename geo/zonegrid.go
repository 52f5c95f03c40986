package geo

import (
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
)

// grid answers most questions for a zone without a polygon test: it divides
// the areas' bounding box into equal squares, each of which is known to lie
// outside all areas, inside one, or on a border. Only there the polygons are
// asked, and only those that touch the square.
type grid struct {
	bound      box
	stepLat    float64 // degrees
	stepLon    float64
	rows, cols int
	// squares holds, row by row from the south-west, an index into areas, or
	// outside, or firstBorder-i for borders[i].
	squares []int32
	borders [][]int32 // areas to test, in their order
	areas   []orb.MultiPolygon
}

const (
	outside     = -1
	firstBorder = -2
	// gridSide is the number of squares along each side. Over a city of 40 km
	// a square is 80 m wide, and one in ten is on a border of a ward.
	gridSide = 512
	// gridSlack, in squares, widens what a border touches, so that rounding
	// can never leave a place on the wrong side of it.
	gridSlack = 1e-6
)

func newGrid(areas []orb.MultiPolygon) grid {
	bound := areas[0].Bound()
	for _, a := range areas {
		bound = bound.Union(a.Bound())
	}
	g := grid{
		bound: box{bound.Min.Lat(), bound.Min.Lon(), bound.Max.Lat(), bound.Max.Lon()},
		rows:  gridSide, cols: gridSide,
		areas: areas,
	}
	// A degenerate bound (a line) still needs a step.
	g.stepLat = max(bound.Max.Lat()-bound.Min.Lat(), 1e-9) / gridSide
	g.stepLon = max(bound.Max.Lon()-bound.Min.Lon(), 1e-9) / gridSide
	g.squares = make([]int32, g.rows*g.cols)
	for i := range g.squares {
		g.squares[i] = outside
	}
	// From the last area to the first, so that what is written last wins.
	touched := make([]bool, len(g.squares))
	for i := len(areas) - 1; i >= 0; i-- {
		g.add(int32(i), touched)
	}
	return g
}

// add lays an area over those after it in the file. touched is scratch, all
// false before and after.
func (g *grid) add(area int32, touched []bool) {
	var marked []int
	for _, polygon := range g.areas[area] {
		for _, ring := range polygon {
			for k := 1; k < len(ring); k++ {
				marked = g.trace(ring[k-1], ring[k], touched, marked)
			}
		}
	}
	b := g.areas[area].Bound()
	r0, r1 := g.row(b.Min.Lat()), g.row(b.Max.Lat())
	c0, c1 := g.col(b.Min.Lon()), g.col(b.Max.Lon())
	for r := r0; r <= r1; r++ {
		g.fill(area, r, c0, c1, touched)
	}
	for _, s := range marked {
		touched[s] = false
		g.squares[s] = g.border(area, g.squares[s])
	}
}

// fill gives an area those squares of a part of a row that lie inside it. No
// edge passes through them, so a whole run of them is where one's centre is.
func (g *grid) fill(area int32, row, first, last int, touched []bool) {
	inside, known := false, false
	for c := first; c <= last; c++ {
		s := row*g.cols + c
		if touched[s] {
			known = false
			continue
		}
		if !known {
			inside, known = planar.MultiPolygonContains(g.areas[area], g.centre(row, c)), true
		}
		if inside {
			g.squares[s] = area
		}
	}
}

// border makes a square on the area's border out of what it was before.
func (g *grid) border(area, before int32) int32 {
	candidates := []int32{area}
	switch {
	case before >= 0:
		candidates = append(candidates, before)
	case before <= firstBorder:
		candidates = append(candidates, g.borders[firstBorder-before]...)
	}
	g.borders = append(g.borders, candidates)
	return firstBorder - int32(len(g.borders)-1)
}

// trace marks the squares that a segment may pass through: row by row, from
// where it enters the row to where it leaves it.
func (g *grid) trace(p, q orb.Point, touched []bool, marked []int) []int {
	// In units of squares from the south-west corner.
	x0, y0 := (p.Lon()-g.bound.west)/g.stepLon, (p.Lat()-g.bound.south)/g.stepLat
	x1, y1 := (q.Lon()-g.bound.west)/g.stepLon, (q.Lat()-g.bound.south)/g.stepLat
	if y0 > y1 {
		x0, y0, x1, y1 = x1, y1, x0, y0
	}
	for r := clampIndex(y0-gridSlack, g.rows); r <= clampIndex(y1+gridSlack, g.rows); r++ {
		a, b := x0, x1
		if y1 > y0 {
			low, high := max(y0, float64(r)-gridSlack), min(y1, float64(r+1)+gridSlack)
			a = x0 + (x1-x0)*(low-y0)/(y1-y0)
			b = x0 + (x1-x0)*(high-y0)/(y1-y0)
		}
		if a > b {
			a, b = b, a
		}
		for c := clampIndex(a-gridSlack, g.cols); c <= clampIndex(b+gridSlack, g.cols); c++ {
			if s := r*g.cols + c; !touched[s] {
				touched[s] = true
				marked = append(marked, s)
			}
		}
	}
	return marked
}

func clampIndex(v float64, n int) int { return max(0, min(int(math.Floor(v)), n-1)) }

func (g *grid) row(lat float64) int { return clampIndex((lat-g.bound.south)/g.stepLat, g.rows) }
func (g *grid) col(lon float64) int { return clampIndex((lon-g.bound.west)/g.stepLon, g.cols) }

func (g *grid) centre(row, col int) orb.Point {
	return orb.Point{
		g.bound.west + (float64(col)+0.5)*g.stepLon,
		g.bound.south + (float64(row)+0.5)*g.stepLat,
	}
}

// covers reports whether a box lies inside areas altogether.
func (g *grid) covers(b box) bool {
	if len(g.areas) == 0 || b.south < g.bound.south || b.north > g.bound.north || b.west < g.bound.west || b.east > g.bound.east {
		return false
	}
	for r := g.row(b.south); r <= g.row(b.north); r++ {
		for c := g.col(b.west); c <= g.col(b.east); c++ {
			if g.squares[r*g.cols+c] < 0 {
				return false
			}
		}
	}
	return true
}

// index returns which area a place is in, or -1.
func (z *Zones) index(lat, lon float64) int {
	g := &z.grid
	// NaN fails every comparison, so ask for what is inside.
	if !(len(g.areas) > 0 && lat >= g.bound.south && lat <= g.bound.north && lon >= g.bound.west && lon <= g.bound.east) {
		return outside
	}
	s := g.squares[g.row(lat)*g.cols+g.col(lon)]
	if s >= outside {
		return int(s)
	}
	for _, area := range g.borders[firstBorder-s] {
		if planar.MultiPolygonContains(g.areas[area], orb.Point{lon, lat}) {
			return int(area)
		}
	}
	return outside
}
