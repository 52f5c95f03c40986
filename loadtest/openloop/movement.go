package openloop

import (
	"math"
	"time"

	"hyperlocal/loadtest"
)

// Route is a way that a driver goes to its end, back to its beginning, and so on.
type Route struct {
	steps  []step // one each stepTime
	anchor loadtest.Anchor
	east   float64 // metres per degree of longitude there
}

// step is a place in metres east and north of the anchor, and how the driver moves
// there.
type step struct{ x, y, speedMPS, bearingDeg float32 }

const (
	stepTime        = time.Second
	metresPerDegree = 6371008.8 * math.Pi / 180 // on the IUGG's mean sphere
)

// NewRoute puts a trace down at an anchor, turned by an angle in radians. Between its
// fixes the driver moves evenly.
func NewRoute(t loadtest.Trace, at loadtest.Anchor, turn float64) Route {
	sin, cos := math.Sincos(turn)
	r := Route{anchor: at, east: metresPerDegree * math.Cos(at.Lat*math.Pi/180)}
	i := 0
	for now := time.Duration(0); now <= t.Duration(); now += stepTime {
		for t.Fixes[i+1].At < now {
			i++
		}
		a, b := &t.Fixes[i], &t.Fixes[i+1]
		span := (b.At - a.At).Seconds()
		part := (now - a.At).Seconds() / span
		x, y := a.X+(b.X-a.X)*part, a.Y+(b.Y-a.Y)*part
		dx, dy := (b.X-a.X)*cos-(b.Y-a.Y)*sin, (b.X-a.X)*sin+(b.Y-a.Y)*cos
		r.steps = append(r.steps, step{
			x: float32(x*cos - y*sin), y: float32(x*sin + y*cos),
			speedMPS: float32(math.Hypot(dx, dy) / span), bearingDeg: float32(math.Mod(math.Atan2(dx, dy)*180/math.Pi+360, 360)),
		})
	}
	return r
}

// fix is a ping's content in whole numbers, from which every protocol's text is made.
type fix struct {
	driver       int
	ts           int64 // ms since 1970
	latE7, lonE7 int32
	speedCMPS    int32
	bearingDecD  int32 // tenths of a degree
	accuracyDM   int32
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// at returns where a driver is who has been on the way for a time.
func (r *Route) at(t time.Duration) (f fix) {
	n := time.Duration(len(r.steps)-1) * stepTime
	back := false
	if n > 0 {
		t %= 2 * n
		if back = t > n; back {
			t = 2*n - t
		}
	}
	i := int(t / stepTime)
	s := r.steps[i]
	if part := float32(t%stepTime) / float32(stepTime); part > 0 {
		next := r.steps[i+1]
		s.x, s.y = s.x+(next.x-s.x)*part, s.y+(next.y-s.y)*part
	}
	if back {
		s.bearingDeg += 180
	}
	f.latE7 = int32(math.Round((r.anchor.Lat + float64(s.y)/metresPerDegree) * 1e7))
	f.lonE7 = int32(math.Round((r.anchor.Lon + float64(s.x)/r.east) * 1e7))
	f.speedCMPS = int32(s.speedMPS * 100)
	f.bearingDecD = int32(s.bearingDeg*10) % 3600
	return f
}
