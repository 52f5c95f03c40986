package geo

import (
	"math"
	"time"
	"unicode"
	"unicode/utf8"
)

// Verdict is what became of a fix.
type Verdict uint8

// The verdicts. Accepted, Stationary and Late joined history.
const (
	// Invalid: a field is out of range, or the fix is older than Limits.MaxAge, or
	// there are more of its time than any phone takes. Nothing was recorded.
	Invalid Verdict = iota
	// Accepted: newer than all before it; it is the driver's present now.
	Accepted
	// Late: older than the driver's present. It joined history only.
	Late
	// Duplicate: the driver has a fix of that time already.
	Duplicate
	// Future: further ahead of the server's clock than Limits.MaxAhead.
	Future
	// Implausible: no vehicle gets there in the time since the driver's newest fix, or,
	// if it is older than that one, from there to the newest.
	Implausible
	// Stationary: accepted, and the driver's present; but it is no further from the
	// fix before than both are inexact, so it says nothing of a way.
	Stationary
	// Waiting: the engine did not answer. The fix is judged when it does; until
	// then nothing more is known.
	Waiting
	// Limited: its sender sends more than it may. It was not looked at.
	Limited

	// NumVerdicts is the number of verdicts, for arrays indexed by them.
	NumVerdicts = int(Limited) + 1
)

var verdictNames = [NumVerdicts]string{"invalid", "accepted", "late", "duplicate", "future", "implausible", "stationary", "waiting", "limited"}

// String returns the verdict's name on the wire.
func (v Verdict) String() string {
	if int(v) < NumVerdicts {
		return verdictNames[v]
	}
	return "unknown"
}

// Joined reports whether the fix joined the driver's history.
func (v Verdict) Joined() bool { return v == Accepted || v == Stationary || v == Late }

// Present reports whether the fix is the driver's present now.
func (v Verdict) Present() bool { return v == Accepted || v == Stationary }

// Outcome is a verdict with its reason. Field and Detail are empty for fixes
// that joined history.
type Outcome struct {
	Verdict Verdict
	Field   string // the wire's name of the field at fault, such as "lat"
	Detail  string // a sentence for people
}

// Limits bound what is believed. The zero value of a field stands for its
// default.
type Limits struct {
	MaxSpeedMPS float64 // between two fixes; default 50 m/s
	// PlausibilityWindow is how far apart two fixes may be to be compared. The longer
	// they are, the more is allowed anyway, so it is long: default 24 h.
	PlausibilityWindow time.Duration
	MaxAhead           time.Duration // of the server's clock; default 10 s
	MaxAge             time.Duration // older fixes are invalid; default 24 h
	// BelieveAfter is the length of a run of fixes, each implausible after what is
	// known but plausible after the one before it, that is believed; default 3.
	BelieveAfter int
}

func (l Limits) withDefaults() Limits {
	if l.MaxSpeedMPS <= 0 {
		l.MaxSpeedMPS = 50
	}
	if l.PlausibilityWindow <= 0 {
		l.PlausibilityWindow = 24 * time.Hour
	}
	if l.MaxAhead <= 0 {
		l.MaxAhead = 10 * time.Second
	}
	if l.MaxAge <= 0 {
		l.MaxAge = 24 * time.Hour
	}
	if l.BelieveAfter <= 0 {
		l.BelieveAfter = 3
	}
	return l
}

// maxSpeed is MaxSpeedMPS in 1e-7 degree of arc per second.
func (l Limits) maxSpeed() int64 {
	return int64(math.Ceil(l.MaxSpeedMPS / metresPerDegree * unitsPerDegree))
}

// MaxLat bounds the latitudes of fixes, in degrees: the engine's geohash index
// ends there, as GEOADD's does.
const MaxLat = 85.05112878

// MaxDriverID is the greatest length of a driver's id, in bytes.
const MaxDriverID = 64

// Times outside these bounds are in another unit. As milliseconds they are
// 1973 and 5138; as seconds, 5138 and as microseconds 1973.
const (
	minMS = 100_000_000_000
	maxMS = 100_000_000_000_000
)

// Reasons, as values so that refusing costs no allocation.
var (
	badID              = Outcome{Invalid, "driver_id", "must be 1 to 64 bytes of printable text without braces"}
	badLat             = Outcome{Invalid, "lat", "must be a number between -85.05112878 and 85.05112878"}
	badLon             = Outcome{Invalid, "lon", "must be a number between -180 and 180"}
	nullIsland         = Outcome{Invalid, "lat", "latitude and longitude are both 0, which phones send when they have no position"}
	badTS              = Outcome{Invalid, "ts", "must be a time in milliseconds since 1970"}
	secondsTS          = Outcome{Invalid, "ts", "looks like seconds; milliseconds since 1970 are expected"}
	microsTS           = Outcome{Invalid, "ts", "looks like microseconds or nanoseconds; milliseconds since 1970 are expected"}
	expiredTS          = Outcome{Invalid, "ts", "is older than the server accepts"}
	futureTS           = Outcome{Future, "ts", "lies ahead of the server's clock"}
	badAccuracy        = Outcome{Invalid, "accuracy_m", "must be a finite number"}
	badSpeed           = Outcome{Invalid, "speed_mps", "must be a finite number"}
	badBearing         = Outcome{Invalid, "bearing_deg", "must be a finite number"}
	badBattery         = Outcome{Invalid, "battery", "must be a number between 0 and 1"}
	duplicateTS        = Outcome{Duplicate, "ts", "the driver has a fix of this time already"}
	implausibleAt      = Outcome{Implausible, "lat", "too far from the driver's newest fix for the time between them"}
	bucketFull         = Outcome{Invalid, "ts", "more fixes of this half minute than any phone takes"}
	duplicateElsewhere = Outcome{Duplicate, "ts", "the driver has a fix of this time already, at another place"}
	accepted           = Outcome{Verdict: Accepted}
	stationary         = Outcome{Verdict: Stationary}
	late               = Outcome{Verdict: Late}
)

// check judges a fix on its own. Accepted means that nothing speaks against
// it so far. now is in ms since 1970.
func (l *Limits) check(f *Fix, now int64) Outcome {
	switch {
	case !validID(f.DriverID):
		return badID
	case !(math.Abs(f.Lat) <= MaxLat): // NaN, too
		return badLat
	case !(math.Abs(f.Lon) <= 180):
		return badLon
	case f.Lat == 0 && f.Lon == 0:
		return nullIsland
	case !finite(f.AccuracyM):
		return badAccuracy
	case !finite(f.SpeedMPS):
		return badSpeed
	case !finite(f.BearingDeg):
		return badBearing
	case !(f.Battery <= 1):
		return badBattery
	}
	return l.checkTime(f.TS, now)
}

func (l *Limits) checkTime(ts, now int64) Outcome {
	switch {
	case ts <= 0:
		return badTS
	case ts < minMS:
		return secondsTS
	case ts >= maxMS:
		return microsTS
	case ts > now+l.MaxAhead.Milliseconds():
		return futureTS
	case ts < now-l.MaxAge.Milliseconds():
		return expiredTS
	}
	return accepted
}

func finite(v float32) bool { return math.Abs(float64(v)) <= math.MaxFloat32 }

// validID reports whether a driver's id may be part of a key: a brace would
// change the key's slot.
func validID(id string) bool {
	if len(id) == 0 || len(id) > MaxDriverID {
		return false
	}
	for i := 0; i < len(id); i++ {
		c := id[i]
		if c >= utf8.RuneSelf {
			return validUnicodeID(id)
		}
		if c < ' ' || c > '~' || c == '{' || c == '}' {
			return false
		}
	}
	return true
}

func validUnicodeID(id string) bool {
	if !utf8.ValidString(id) {
		return false
	}
	for _, r := range id {
		if !unicode.IsPrint(r) || r == '{' || r == '}' {
			return false
		}
	}
	return true
}
