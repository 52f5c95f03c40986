package geo

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// area is what a zone covers: polygons with holes, their borders included.
type area []polygon

// polygon knows its edges by meridian: of those, the ones that lie over or under a
// place decide whether it is inside.
type polygon struct {
	box   box
	step  float64 // degrees of longitude that a strip is wide
	first []int32 // by strip: where its edges begin among edges; one more ends the last
	edges []edge
}

// edge is a piece of a ring, from west to east.
type edge struct{ lon0, lat0, lon1, lat1 float64 }

// edgesPerStrip is about how many edges a strip gets besides those that pass through.
const edgesPerStrip = 2

func newArea(m orb.MultiPolygon) area {
	a := make(area, len(m))
	for i, rings := range m {
		a[i] = newPolygon(edgesOf(rings))
	}
	return a
}

func edgesOf(rings orb.Polygon) (edges []edge) {
	for _, ring := range rings {
		for i := 1; i < len(ring); i++ {
			p, q := ring[i-1], ring[i]
			if p.Lon() > q.Lon() {
				p, q = q, p
			}
			edges = append(edges, edge{p.Lon(), p.Lat(), q.Lon(), q.Lat()})
		}
	}
	return edges
}

func newPolygon(edges []edge) polygon {
	b := box{south: math.Inf(1), west: math.Inf(1), north: math.Inf(-1), east: math.Inf(-1)}
	for _, e := range edges {
		b.west, b.east = min(b.west, e.lon0), max(b.east, e.lon1)
		b.south, b.north = min(b.south, e.lat0, e.lat1), max(b.north, e.lat0, e.lat1)
	}
	strips := max(1, len(edges)/edgesPerStrip)
	p := polygon{box: b, step: max((b.east-b.west)/float64(strips), math.SmallestNonzeroFloat64)}
	in := make([][]edge, strips)
	for _, e := range edges {
		for s := p.strip(e.lon0, strips); s <= p.strip(e.lon1, strips); s++ {
			in[s] = append(in[s], e)
		}
	}
	for _, es := range in {
		p.first = append(p.first, int32(len(p.edges)))
		p.edges = append(p.edges, es...)
	}
	p.first = append(p.first, int32(len(p.edges)))
	return p
}

// strip grows with longitude, so that an edge is in every strip of a place between its
// ends, however it is rounded.
func (p *polygon) strip(lon float64, strips int) int {
	return clampIndex((lon-p.box.west)/p.step, strips)
}

func clampIndex(v float64, n int) int { return max(0, min(int(v), n-1)) }

func (a area) contains(lat, lon float64) bool {
	for i := range a {
		if a[i].contains(lat, lon) {
			return true
		}
	}
	return false
}

func (p *polygon) contains(lat, lon float64) bool {
	if lat < p.box.south || lat > p.box.north || lon < p.box.west || lon > p.box.east {
		return false
	}
	s := p.strip(lon, len(p.first)-1)
	inside := false
	for i := range p.edges[p.first[s]:p.first[s+1]] {
		switch p.edges[int(p.first[s])+i].under(lat, lon) {
		case onEdge:
			return true
		case edgeUnder:
			inside = !inside
		}
	}
	return inside
}

// side is where an edge lies, seen from a place.
type side int8

const (
	elsewhere side = iota
	edgeUnder
	onEdge
)

// under tells whether the edge is due south of a place. Of two edges that meet at the
// place's meridian one counts: an edge's eastern end is not part of it.
func (e *edge) under(lat, lon float64) side {
	if lon < e.lon0 || lon > e.lon1 {
		return elsewhere
	}
	if e.lon0 == e.lon1 {
		if lat >= min(e.lat0, e.lat1) && lat <= max(e.lat0, e.lat1) {
			return onEdge
		}
		return elsewhere
	}
	switch left := (e.lon1-e.lon0)*(lat-e.lat0) - (e.lat1-e.lat0)*(lon-e.lon0); {
	case left == 0:
		return onEdge
	case left > 0 && lon < e.lon1:
		return edgeUnder
	}
	return elsewhere
}

// touches tells whether an edge may pass through a box that does not cross the
// antimeridian.
func (e *edge) touches(b *box) bool {
	if e.lon1 < b.west || e.lon0 > b.east || max(e.lat0, e.lat1) < b.south || min(e.lat0, e.lat1) > b.north {
		return false
	}
	// Not if all corners are on one side of its line.
	side := func(lat, lon float64) bool {
		return (e.lon1-e.lon0)*(lat-e.lat0) > (e.lat1-e.lat0)*(lon-e.lon0)
	}
	first := side(b.south, b.west)
	return side(b.south, b.east) != first || side(b.north, b.west) != first || side(b.north, b.east) != first
}

// all returns the area's edges, each once or more.
func (a area) all() (edges []edge) {
	for i := range a {
		edges = append(edges, a[i].edges...)
	}
	return slices.Clip(edges)
}
