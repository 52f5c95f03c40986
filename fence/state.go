package fence

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// How much it takes to be believed.
const (
	defaultConfirmFixes = 3
	defaultConfirmAfter = 10 * time.Second

	// Accuracies, metres: what a fix that gives none is taken to have, the best
	// that is believed, and the worst that says anything.
	assumedAccuracyM = 20
	bestAccuracyM    = 3
	worstAccuracyM   = 100
	// leaveMarginDM keeps entering and leaving apart by more than rounding.
	leaveMarginDM = 10
	// farDM is where distances end: further is as far.
	farDM = 10_000_000
)

// rules are what a fence's states move by. Lengths are decimetres, so that both
// twins of the script count in whole numbers.
type rules struct {
	depthDM   int64
	dwellMS   int64 // 0: no event
	fixes     int64 // in a row that confirm
	confirmMS int64 // two fixes so far apart do, too
}

// observation is a fix as a fence sees it.
type observation struct {
	ts         int64 // ms since 1970
	distanceDM int64 // to the edge; negative inside
	accuracyDM int64
}

// observe measures a fix. ok is false if it is too inaccurate to say anything.
func (s *shape) observe(f *Fix) (o observation, ok bool) {
	accuracy := float64(f.AccuracyM)
	if accuracy < 0 {
		accuracy = assumedAccuracyM
	}
	if accuracy > worstAccuracyM {
		return o, false
	}
	metres := s.distance(f.Lat, f.Lon)
	return observation{
		ts:         f.TS,
		distanceDM: int64(math.Round(max(-farDM, min(farDM, metres*10)))),
		accuracyDM: int64(math.Ceil(max(accuracy, bestAccuracyM) * 10)),
	}, true
}

// within tells whether the fix says that the driver is inside.
func (o observation) within(r rules) bool { return o.distanceDM <= -min(o.accuracyDM, r.depthDM) }

// Kind is what an event tells.
type Kind string

// The kinds of events.
const (
	Enter Kind = "enter"
	Exit  Kind = "exit"
	Dwell Kind = "dwell" // has been inside for as long as the fence asks
)

// state is what is known of a driver at a fence. The zero value is a driver
// outside, of whom nothing is kept.
type state struct {
	inside bool
	lastTS int64 // of the newest fix that was looked at, ms
	// doubtDM is how far outside the driver may have stood, at most, when the
	// fixes said inside.
	doubtDM int64
	count   int64 // fixes in a row that say it is the other way
	sinceTS int64 // of the first of them
	enterTS int64 // when the driver was found inside
	dwelt   bool  // the event was made
}

// step takes in a fix, and returns what has happened, if anything. step.lua does
// the same.
//
// Let the driver stand at a signed distance D, and each fix be off by at most its
// accuracy a. Entering takes d ≤ -min(a, depth), so D ≤ a - min(a, depth), which
// is the doubt. Leaving takes d > a + doubt, so D > doubt. Both cannot be for
// one D: whoever stands still makes at most one event.
func (s *state) step(r rules, o observation) Kind {
	if o.ts <= s.lastTS {
		return ""
	}
	within, doubt := o.within(r), max(0, o.accuracyDM-r.depthDM)
	if !s.inside {
		if !within {
			*s = state{}
			return ""
		}
		if s.count == 0 || doubt < s.doubtDM {
			s.doubtDM = doubt
		}
		s.lastTS = o.ts
		if !s.confirmed(r, o.ts) {
			return ""
		}
		*s = state{inside: true, lastTS: o.ts, doubtDM: s.doubtDM, enterTS: o.ts}
		return Enter
	}
	s.lastTS = o.ts
	if within {
		s.doubtDM = min(s.doubtDM, doubt)
	}
	if o.distanceDM > o.accuracyDM+s.doubtDM+leaveMarginDM {
		if !s.confirmed(r, o.ts) {
			return ""
		}
		*s = state{}
		return Exit
	}
	s.count = 0
	return s.dwell(r, o.ts)
}

// still takes in that the driver was not heard of until now: whoever stood inside
// still does.
func (s *state) still(r rules, nowMS int64) Kind {
	if !s.inside || s.count > 0 {
		return ""
	}
	return s.dwell(r, nowMS)
}

// dwell takes in that the driver is inside at a time.
func (s *state) dwell(r rules, ms int64) Kind {
	if r.dwellMS == 0 || s.dwelt || ms-s.enterTS < r.dwellMS {
		return ""
	}
	s.dwelt = true
	return Dwell
}

// confirmed counts a fix that says it is the other way.
func (s *state) confirmed(r rules, ts int64) bool {
	if s.count == 0 {
		s.sinceTS = ts
	}
	s.count++
	return s.count >= r.fixes || s.count > 1 && ts-s.sinceTS >= r.confirmMS
}

// kept tells whether the state must be kept.
func (s *state) kept() bool { return s.inside || s.count > 0 }

// stateNumbers is how many numbers a state is kept as.
const stateNumbers = 7

// encode writes a state as its numbers with spaces between, in the order of the
// fields.
func (s *state) encode() string {
	flag := func(b bool) int64 {
		if b {
			return 1
		}
		return 0
	}
	b := make([]byte, 0, 64)
	for i, n := range [stateNumbers]int64{flag(s.inside), s.lastTS, s.doubtDM, s.count, s.sinceTS, s.enterTS, flag(s.dwelt)} {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}

// decodeState reads what encode wrote; anything else is a driver outside.
func decodeState(text string) state {
	fields := strings.Fields(text)
	if len(fields) != stateNumbers {
		return state{}
	}
	var n [stateNumbers]int64
	for i, f := range fields {
		var err error
		if n[i], err = strconv.ParseInt(f, 10, 64); err != nil {
			return state{}
		}
	}
	return state{inside: n[0] == 1, lastTS: n[1], doubtDM: n[2], count: n[3], sinceTS: n[4], enterTS: n[5], dwelt: n[6] == 1}
}
