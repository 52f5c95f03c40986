package loadtest

import (
	"math"
	"math/rand/v2"
	"time"
)

// directedMPS is how fast a partner drives who was told where to: a scooter in
// traffic, 29 km/h.
const directedMPS = 8.0

// mode is what a partner is about.
type mode uint8

const (
	walking   mode = iota // along its trace
	directed              // straight towards a place, then waiting there
	returning             // straight back to its trace
)

// partner is one of a fleet, guarded by the fleet's lock.
type partner struct {
	id   string
	rng  *rand.Rand
	walk walk

	mode  mode
	clock time.Duration // how far along the walk; stands still while off it
	goal  point         // of directed and returning

	at         point // the newest report's place
	time       time.Time
	bearingDeg float64
	due        time.Time // the next report's time
}

// report moves the partner to its newest due time up to now and reports there.
func (p *partner) report(now time.Time) Ping {
	at := p.due
	for !p.due.After(now) {
		at = p.due
		p.due = p.due.Add(minInterval + time.Duration(p.rng.Int64N(int64(maxInterval-minInterval))))
	}
	speed := p.move(at.Sub(p.time))
	p.time = at
	lat, lon := p.walk.place.onGlobe(p.at)
	return Ping{
		DriverID:   p.id,
		Lat:        round(lat, 1e6),
		Lon:        round(lon, 1e6),
		TS:         at.UnixMilli(),
		AccuracyM:  round(3+9*p.rng.Float64(), 10),
		SpeedMPS:   round(speed, 100),
		BearingDeg: math.Mod(round(p.bearingDeg, 10), 360),
	}
}

// round keeps as many steps to the unit: a ping of 17 digits a number would
// claim what no phone knows.
func round(v, steps float64) float64 { return math.Round(v*steps) / steps }

// move lets time pass and returns the speed at its end, in m/s. The bearing of
// a partner who stands still is that of its last movement.
func (p *partner) move(d time.Duration) (speedMPS float64) {
	if p.mode != walking {
		left := p.drive(d)
		if p.mode == directed || left == 0 {
			if p.at == p.goal {
				return 0
			}
			return directedMPS
		}
		p.mode, d = walking, left
	}
	p.clock += d
	at, speed, bearing := p.walk.at(p.clock)
	p.at = at
	if speed > 0 {
		p.bearingDeg = bearing
	}
	return speed
}

// drive moves straight towards the goal and returns the time left on arrival.
func (p *partner) drive(d time.Duration) (left time.Duration) {
	distance := p.at.distance(p.goal)
	reach := directedMPS * d.Seconds()
	if distance > 0 {
		p.bearingDeg = p.at.bearing(p.goal)
	}
	if reach < distance {
		part := reach / distance
		p.at = point{p.at.x + (p.goal.x-p.at.x)*part, p.at.y + (p.goal.y-p.at.y)*part}
		return 0
	}
	p.at = p.goal
	return max(0, d-time.Duration(distance/directedMPS*1e9))
}

func (p *partner) direct(lat, lon float64) {
	p.mode, p.goal = directed, p.walk.place.onPlane(lat, lon)
}

func (p *partner) release() {
	if p.mode != directed {
		return
	}
	p.mode = returning
	p.goal, _, _ = p.walk.at(p.clock)
}
