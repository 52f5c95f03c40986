package memory

import (
	"cmp"
	"math"
	"slices"

	"hyperlocal/cache/geoscore"
)

const (
	earthM   = 6372797.560856 // Redis's sphere
	degToRad = math.Pi / 180
)

// origin is a place from which others are measured.
type origin struct {
	lat, lon       float64 // degrees
	latRad, lonRad float64
	cosLat         float64
}

func newOrigin(lat, lon float64) origin {
	latRad := lat * degToRad
	return origin{lat: lat, lon: lon, latRad: latRad, lonRad: lon * degToRad, cosLat: math.Cos(latRad)}
}

// distance is Redis's in metres: haversine, on its sphere, and shorter where one
// is north of the other.
func (o *origin) distance(lat, lon float64) float64 {
	latRad, lonRad := lat*degToRad, lon*degToRad
	v := math.Sin((lonRad - o.lonRad) / 2)
	if v == 0 {
		return earthM * math.Abs(latRad-o.latRad)
	}
	u := math.Sin((latRad - o.latRad) / 2)
	return 2 * earthM * math.Asin(min(1, math.Sqrt(u*u+o.cosLat*math.Cos(latRad)*v*v)))
}

// rect is a box on the sphere as Redis has it: its height along the meridian,
// its width along the parallel of the place in question.
type rect struct{ widthM, heightM float64 }

func (r rect) holds(centre *origin, lat, lon float64) bool {
	if earthM*math.Abs(lat*degToRad-centre.latRad) > r.heightM/2 {
		return false
	}
	abreast := newOrigin(lat, centre.lon)
	return abreast.distance(lat, lon) <= r.widthM/2
}

// circle is a disc on the sphere, prepared for testing many places.
type circle struct {
	origin
	radiusM float64
	box     geoBox

	// A lower bound of the haversine from differences in cells, for refusing
	// most places without trigonometry; see within.
	fy, fx         float64 // the centre, in cells
	perDy2, perDx2 float64
}

// slackM makes up for rounding where a place is refused by a bound.
const slackM = 1e-3

// geoBox is a range of cells; x may run out of [0, geoscore.CellsAcross) at either side
// and is to be taken modulo geoscore.CellsAcross.
type geoBox struct{ yLo, yHi, xLo, xHi int64 }

func newCircle(lat, lon, radiusM float64) circle {
	c := circle{origin: newOrigin(lat, lon), radiusM: radiusM}

	angle := min((radiusM+slackM)/earthM, math.Pi)
	south, north := c.latRad-angle, c.latRad+angle
	dLon, cosFar := math.Pi, 0.0
	if south > -math.Pi/2 && north < math.Pi/2 { // no pole inside
		dLon = math.Asin(min(1, math.Sin(angle)/c.cosLat))
		cosFar = min(math.Cos(south), math.Cos(north))
	}
	const latCell, lonCell = 2 * geoscore.MaxLat / geoscore.CellsAcross, 2 * geoscore.MaxLon / geoscore.CellsAcross // degrees
	c.fy, c.fx = (lat+geoscore.MaxLat)/latCell, (lon+geoscore.MaxLon)/lonCell
	dy, dx := angle/degToRad/latCell, dLon/degToRad/lonCell
	c.box = geoBox{
		yLo: clampCell(c.fy - dy), yHi: clampCell(c.fy + dy),
		xLo: int64(math.Floor(c.fx - dx)), xHi: int64(math.Floor(c.fx + dx)),
	}
	if c.box.xHi-c.box.xLo >= geoscore.CellsAcross {
		c.box.xLo, c.box.xHi = 0, geoscore.CellsAcross-1
	}
	c.perDy2 = havPerCell2(latCell, angle)
	c.perDx2 = havPerCell2(lonCell, dLon) * c.cosLat * cosFar
	return c
}

// havPerCell2 is k such that sin²(d/2) ≥ k·n² for a difference d of n cells,
// as long as d ≤ most. From sin(d/2) ≥ d/2·(1-d²/24).
func havPerCell2(cellDeg, most float64) float64 {
	k := cellDeg * degToRad / 2 * (1 - most*most/24)
	return k * k
}

func clampCell(f float64) int64 {
	return int64(max(0, min(geoscore.CellsAcross-1, math.Floor(f))))
}

// havLimit is what havBound is compared with to refuse places beyond m metres.
func havLimit(m float64) float64 {
	s := math.Sin(min((m+slackM)/earthM, math.Pi) / 2)
	return s * s
}

// havBound is a lower bound of the haversine of the distance to a cell's
// centre, true for every place inside c.box; outside it nothing is within c.
func (c *circle) havBound(y, x uint32) float64 {
	dy := float64(y) + 0.5 - c.fy
	dx := math.Abs(float64(x) + 0.5 - c.fx)
	if dx > geoscore.CellsAcross/2 {
		dx = geoscore.CellsAcross - dx
	}
	return dy*dy*c.perDy2 + dx*dx*c.perDx2
}

// scoreRange is from lo up to but without hi.
type scoreRange struct{ lo, hi uint64 }

// maxCellsAcross bounds the cells of a cover along each coordinate: more cells
// fit the circle better and cost a search each.
const maxCellsAcross = 4

// cover appends the ranges of scores whose cells hold everything within the
// circle, ascending and disjoint.
func (c *circle) cover(ranges []scoreRange) []scoreRange {
	shift := 0
	for c.box.yHi>>shift-c.box.yLo>>shift >= maxCellsAcross ||
		c.box.xHi>>shift-c.box.xLo>>shift >= maxCellsAcross {
		shift++
	}
	mask := int64(geoscore.CellsAcross>>shift - 1)
	for y := c.box.yLo >> shift; y <= c.box.yHi>>shift; y++ {
		for x := c.box.xLo >> shift; x <= c.box.xHi>>shift; x++ {
			code := geoscore.Join(uint32(y), uint32(x&mask))
			ranges = append(ranges, scoreRange{code << (2 * shift), (code + 1) << (2 * shift)})
		}
	}
	slices.SortFunc(ranges, func(a, b scoreRange) int { return cmp.Compare(a.lo, b.lo) })
	merged := ranges[:1]
	for _, r := range ranges[1:] {
		if tail := &merged[len(merged)-1]; r.lo <= tail.hi {
			tail.hi = max(tail.hi, r.hi)
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}
