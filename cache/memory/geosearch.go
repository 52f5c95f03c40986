package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"hyperlocal/cache"
	"hyperlocal/cache/geoscore"
	"hyperlocal/cache/memory/internal/dict"
)

// GeoSearch answers in the order of distance, and of names where that is equal.
// The nearest are found so soon that a query for any gets them as well.
func (e *Engine) GeoSearch(ctx context.Context, key string, q cache.GeoQuery) ([]cache.GeoHit, error) {
	return read(ctx, e, "geosearch", key, func(r reader) ([]cache.GeoHit, error) {
		z, err := lookup[*sortedSet](r, key)
		if err != nil {
			return nil, err
		}
		if q, err = checkQuery(z, q); z == nil || err != nil {
			return nil, err
		}
		return z.search(q), nil
	})
}

// checkQuery refuses what is no query, and puts a member's place into it. z is
// nil if there is no set.
func checkQuery(z *sortedSet, q cache.GeoQuery) (cache.GeoQuery, error) {
	if q.Member == "" {
		if err := geoscore.Check(q.Lat, q.Lon); err != nil {
			return q, err
		}
	} else if z != nil {
		score, ok := z.Score(q.Member)
		if !ok {
			return q, fmt.Errorf("member %q: %w", q.Member, cache.ErrNoMember)
		}
		q.Lat, q.Lon = geoscore.Centre(geoscore.Cell(score))
	}
	for _, metres := range []float64{q.RadiusM, q.WidthM, q.HeightM} {
		if !(metres >= 0) { // false for NaN
			return q, fmt.Errorf("%v metres: %w", metres, cache.ErrSyntax)
		}
	}
	return q, nil
}

// firstFraction of the radius is searched first when only the nearest few are
// wanted; it doubles until it has them. Where places are dense this looks at a
// small part of the circle, and where they are sparse the small rings cost
// little.
const firstFraction = 1.0 / 32

func (z *sortedSet) search(q cache.GeoQuery) []cache.GeoHit {
	keep := q.Count
	if q.Farthest {
		keep = 0 // which are the farthest shows only at the end
	}
	if q.WidthM != 0 || q.HeightM != 0 {
		centre := newOrigin(q.Lat, q.Lon)
		near := nearest{origin: &centre, radiusM: math.Inf(1), rect: &rect{q.WidthM, q.HeightM}, count: keep}
		return near.searchCells(z, cellsOf(&centre, q.WidthM/2, q.HeightM/2, math.Hypot(q.WidthM/2, q.HeightM/2)), q)
	}
	whole := newCircle(q.Lat, q.Lon, q.RadiusM)
	if cells := cellsOf(&whole.origin, q.RadiusM, q.RadiusM, q.RadiusM); !cells.hold(whole.box) {
		near := nearest{origin: &whole.origin, radiusM: q.RadiusM, count: keep}
		return near.searchCells(z, cells, q)
	}
	if keep > 0 {
		for f := firstFraction; f < 1; f *= 2 {
			part := newCircle(q.Lat, q.Lon, q.RadiusM*f)
			near := nearest{origin: &part.origin, radiusM: part.radiusM, count: keep}
			if near.searchCircle(z, &part); len(near.found) == keep {
				return near.hits(q)
			}
		}
	}
	near := nearest{origin: &whole.origin, radiusM: whole.radiusM, count: keep}
	near.searchCircle(z, &whole)
	return near.hits(q)
}

// searchCircle looks at what is in or about a circle.
func (n *nearest) searchCircle(z *sortedSet, c *circle) {
	n.limit = havLimit(c.radiusM)
	var buf [maxCellsAcross * maxCellsAcross]scoreRange
	for _, r := range c.cover(buf[:0]) {
		z.Scores(float64(r.lo), float64(r.hi), func(ref dict.Ref, score float64) {
			y, x := geoscore.Cell(score)
			if c.havBound(y, x) <= n.limit {
				n.offer(z, ref, y, x)
			}
		})
	}
}

// searchCells looks at all that is in a server's cells.
func (n *nearest) searchCells(z *sortedSet, cells nineCells, q cache.GeoQuery) []cache.GeoHit {
	for _, r := range cells.ranges() {
		z.Scores(float64(r.lo), float64(r.hi), func(ref dict.Ref, score float64) {
			y, x := geoscore.Cell(score)
			n.offer(z, ref, y, x)
		})
		if q.Any && q.Count > 0 && len(n.found) >= q.Count {
			break
		}
	}
	return n.hits(q)
}

// hits is the answer to a query.
func (n *nearest) hits(q cache.GeoQuery) []cache.GeoHit {
	if len(n.found) == 0 {
		return nil
	}
	slices.SortFunc(n.found, compareFound)
	if q.Farthest {
		slices.Reverse(n.found)
		if q.Count > 0 {
			n.found = n.found[:min(q.Count, len(n.found))]
		}
	}
	hits := make([]cache.GeoHit, len(n.found))
	for i, f := range n.found {
		lat, lon := geoscore.Centre(f.y, f.x)
		hits[i] = cache.GeoHit{Name: string(f.name), Lat: lat, Lon: lon, DistanceM: f.metres}
	}
	return hits
}

// nearest keeps the best of a search: all of them, or with a count a heap with
// the farthest on top, whose distance then narrows the search.
type nearest struct {
	*origin
	radiusM float64
	rect    *rect // in place of the circle
	count   int
	limit   float64
	found   []found
}

// found is a member inside the circle; its name is a view.
type found struct {
	metres float64
	name   []byte
	y, x   uint32
}

func (n *nearest) offer(z *sortedSet, ref dict.Ref, y, x uint32) {
	lat, lon := geoscore.Centre(y, x)
	if n.rect != nil && !n.rect.holds(n.origin, lat, lon) {
		return
	}
	d := n.distance(lat, lon)
	if !(d <= n.radiusM) {
		return
	}
	f := found{metres: d, name: z.Name(ref), y: y, x: x}
	switch {
	case n.count <= 0:
		n.found = append(n.found, f)
		return
	case len(n.found) < n.count:
		n.found = append(n.found, f)
		n.up(len(n.found) - 1)
	case compareFound(f, n.found[0]) < 0:
		n.found[0] = f
		n.down()
	}
	if len(n.found) == n.count {
		n.limit = havLimit(n.found[0].metres)
	}
}

func (n *nearest) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if compareFound(n.found[parent], n.found[i]) >= 0 {
			return
		}
		n.found[parent], n.found[i] = n.found[i], n.found[parent]
		i = parent
	}
}

func (n *nearest) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(n.found) {
			return
		}
		if r := child + 1; r < len(n.found) && compareFound(n.found[r], n.found[child]) > 0 {
			child = r
		}
		if compareFound(n.found[i], n.found[child]) >= 0 {
			return
		}
		n.found[i], n.found[child] = n.found[child], n.found[i]
		i = child
	}
}

func compareFound(a, b found) int {
	return cmp.Or(cmp.Compare(a.metres, b.metres), bytes.Compare(a.name, b.name))
}
