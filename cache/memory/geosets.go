package memory

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"hyperlocal/cache"
	"hyperlocal/cache/geoscore"
)

var errRadius = errors.New("radius is negative or not a number")

// GeoAdd is ZAdd with geohash scores. Nothing is added if one place is refused.
func (e *Engine) GeoAdd(ctx context.Context, key string, places ...cache.GeoMember) (int64, error) {
	return write(ctx, e, "geoadd", key, func(u *unit) (int64, error) {
		members := make([]cache.Member, len(places))
		for i, p := range places {
			score, err := geoscore.Of(p.Lat, p.Lon)
			if err != nil {
				return 0, err
			}
			members[i] = cache.Member{Name: p.Name, Score: score}
		}
		return u.zadd(key, members)
	})
}

// GeoSearch answers nearest first; at equal distance by name.
func (e *Engine) GeoSearch(ctx context.Context, key string, q cache.GeoQuery) ([]cache.GeoHit, error) {
	return read(ctx, e, "geosearch", key, func(r reader) ([]cache.GeoHit, error) {
		if err := geoscore.Check(q.Lat, q.Lon); err != nil {
			return nil, err
		}
		if !(q.RadiusM >= 0) {
			return nil, errRadius
		}
		z, err := lookup[*zset](r, key)
		if z == nil || err != nil {
			return nil, err
		}
		return z.search(q), nil
	})
}

// firstFraction of the radius is searched first when only the nearest few are
// wanted; it doubles until it has them. Where places are dense this looks at a
// small part of the circle, and where they are sparse the small rings cost
// little.
const firstFraction = 1.0 / 32

func (z *zset) search(q cache.GeoQuery) []cache.GeoHit {
	if q.Count > 0 {
		for f := firstFraction; f < 1; f *= 2 {
			if hits := z.within(newCircle(q.Lat, q.Lon, q.RadiusM*f), q.Count); len(hits) == q.Count {
				return hits
			}
		}
	}
	return z.within(newCircle(q.Lat, q.Lon, q.RadiusM), q.Count)
}

// within finds the count nearest members (0: all) inside a circle.
func (z *zset) within(c circle, count int) []cache.GeoHit {
	near := nearest{circle: &c, count: count, limit: havLimit(c.radiusM)}
	var buf [maxCellsAcross * maxCellsAcross]scoreRange
	for _, r := range c.cover(buf[:0]) {
		z.scan(r, func(e zentry) {
			y, x := geoscore.Cell(e.score)
			if c.havBound(y, x) <= near.limit {
				near.offer(z.slots[e.slot].name, y, x)
			}
		})
	}
	// The closed ends of both ranges, whose cells lie beyond all others.
	z.scan(scoreRange{1 << (2 * geoscore.Bits), 1 << (2*geoscore.Bits + 2)}, func(e zentry) {
		y, x := geoscore.Cell(e.score)
		near.offer(z.slots[e.slot].name, y, x)
	})
	slices.SortFunc(near.hits, compareHits)
	return near.hits
}

// scan calls fn with each entry in a range of scores.
func (z *zset) scan(r scoreRange, fn func(zentry)) {
	hi := float64(r.hi)
	p := z.from(float64(r.lo))
	for ; p.block < len(z.index.blocks); p = (zpos{block: p.block + 1}) {
		b := z.index.blocks[p.block]
		for _, e := range b.entries[p.i:b.n] {
			if e.score >= hi {
				return
			}
			fn(e)
		}
	}
}

// nearest keeps the best hits of a search: all of them, or with a count a heap
// with the farthest on top, whose distance then narrows the search.
type nearest struct {
	circle *circle
	count  int
	limit  float64
	hits   []cache.GeoHit
}

func (n *nearest) offer(name string, y, x uint32) {
	lat, lon := geoscore.Centre(y, x)
	d := n.circle.distance(lat, lon)
	if !(d <= n.circle.radiusM) {
		return
	}
	hit := cache.GeoHit{Name: name, Lat: lat, Lon: lon, DistanceM: d}
	switch {
	case n.count <= 0:
		n.hits = append(n.hits, hit)
		return
	case len(n.hits) < n.count:
		n.hits = append(n.hits, hit)
		n.up(len(n.hits) - 1)
	case compareHits(hit, n.hits[0]) < 0:
		n.hits[0] = hit
		n.down()
	}
	if len(n.hits) == n.count {
		n.limit = havLimit(n.hits[0].DistanceM)
	}
}

func (n *nearest) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if compareHits(n.hits[parent], n.hits[i]) >= 0 {
			return
		}
		n.hits[parent], n.hits[i] = n.hits[i], n.hits[parent]
		i = parent
	}
}

func (n *nearest) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(n.hits) {
			return
		}
		if r := child + 1; r < len(n.hits) && compareHits(n.hits[r], n.hits[child]) > 0 {
			child = r
		}
		if compareHits(n.hits[i], n.hits[child]) >= 0 {
			return
		}
		n.hits[i], n.hits[child] = n.hits[child], n.hits[i]
		i = child
	}
}

func compareHits(a, b cache.GeoHit) int {
	if c := cmp.Compare(a.DistanceM, b.DistanceM); c != 0 {
		return c
	}
	return cmp.Compare(a.Name, b.Name)
}
