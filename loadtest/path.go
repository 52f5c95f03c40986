package loadtest

import (
	"math"
	"sort"
	"time"
)

// point is a place on a plane, in metres east and north of an origin.
type point struct{ x, y float64 }

func (p point) distance(q point) float64 { return math.Hypot(q.x-p.x, q.y-p.y) }

// bearing is the direction from p to q in degrees clockwise from north, 0 to
// under 360; 0 where they are the same place.
func (p point) bearing(q point) float64 {
	deg := math.Atan2(q.x-p.x, q.y-p.y) * 180 / math.Pi
	if deg < 0 {
		deg += 360
	}
	return deg
}

// placement puts a trace's plane onto the globe: turned about its origin, which
// comes to lie on the anchor. Within the few kilometres of a trace the globe is
// flat to well under the noise of a phone's fix.
type placement struct {
	sin, cos float64
	anchor   Anchor
}

func (p placement) turn(f TraceFix) point {
	return point{f.X*p.cos - f.Y*p.sin, f.X*p.sin + f.Y*p.cos}
}

const (
	earthRadiusM    = 6371008.8 // the IUGG's mean radius
	metresPerDegree = earthRadiusM * math.Pi / 180
)

func (p placement) onGlobe(q point) (lat, lon float64) {
	return p.anchor.Lat + q.y/metresPerDegree, p.anchor.Lon + q.x/p.metresPerDegreeEast()
}

func (p placement) onPlane(lat, lon float64) point {
	return point{(lon - p.anchor.Lon) * p.metresPerDegreeEast(), (lat - p.anchor.Lat) * metresPerDegree}
}

func (p placement) metresPerDegreeEast() float64 {
	return metresPerDegree * math.Cos(p.anchor.Lat*math.Pi/180)
}

// walk follows a trace to its end, back to its beginning, and so on for ever: a
// journey without an end and without a jump.
type walk struct {
	trace Trace
	place placement
}

// at returns where the walk is after a time, and in which direction and how
// fast it moves there. Between two fixes it moves evenly.
func (w walk) at(t time.Duration) (p point, speedMPS, bearingDeg float64) {
	length := w.trace.Duration()
	t %= 2 * length
	back := t > length
	if back {
		t = 2*length - t
	}
	fixes := w.trace.Fixes
	i := sort.Search(len(fixes)-2, func(i int) bool { return fixes[i+1].At > t })
	a, b := w.place.turn(fixes[i]), w.place.turn(fixes[i+1])
	span := fixes[i+1].At - fixes[i].At
	part := float64(t-fixes[i].At) / float64(span)
	p = point{a.x + (b.x-a.x)*part, a.y + (b.y-a.y)*part}
	speedMPS = a.distance(b) / span.Seconds()
	if back {
		a, b = b, a
	}
	return p, speedMPS, a.bearing(b)
}
