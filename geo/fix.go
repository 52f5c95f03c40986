package geo

import (
	"encoding/binary"
	"math"
)

// Fix is one GPS position of one driver. The optional measures are [Unknown]
// where the phone did not give them; every negative value means the same.
type Fix struct {
	DriverID   string  // 1 to 64 printable bytes without braces; kept, so not part of a larger buffer
	Lat, Lon   float64 // WGS 84 degrees
	TS         int64   // when the position was taken: ms since 1970-01-01 UTC
	AccuracyM  float32 // radius of confidence, metres
	SpeedMPS   float32 // metres per second
	BearingDeg float32 // degrees clockwise from north
	Battery    float32 // charge, 0 empty to 1 full
	Mock       bool    // the phone says that an app made the position up
	Busy       bool    // the driver takes no orders now
}

// Unknown is the value of a measure that was not given.
const Unknown float32 = -1

// The compact form of a fix, big-endian:
//
//	offset  size  content
//	0       8     time, ms
//	8       4     latitude, 1e-7 degree, signed
//	12      4     longitude, 1e-7 degree, signed
//	16      2     speed, cm/s
//	18      2     accuracy, dm, and mockBit: then unknownMocked is an unknown one
//	20      2     busyBit, and bearing, 1/80 degree
//	22      1     battery, 1/100
//
// All ones is an unknown measure; a larger one than fits is the largest that
// does. It is a value of drivers:last:{Z}; see signpost.
const fixSize = 23

// A bucket's value is a sequence of parts of compact fixes, in order of arrival.
// They begin with the lower half of the time's lower half: together with the
// bucket's start it tells the time.
const (
	bucketFixSize = bodyEnd - bodyStart
	bodyStart     = 6  // of a compact fix, the part that a bucket keeps
	bodyEnd       = 20 // its end
)

const (
	unitsPerDegree = 1e7 // of latitude and longitude
	unknown16      = math.MaxUint16
	unknownBattery = 0x7f
	batterySteps   = 100
	mockBit        = 0x8000
	unknownMocked  = unknown16 - 1
	bearingSteps   = 80 // per degree
	unknownBearing = 0x7fff
	busyBit        = 0x8000
)

// appendFix appends the compact form. The fix has passed check.
func appendFix(b []byte, f *Fix) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(f.TS))
	b = binary.BigEndian.AppendUint32(b, uint32(units(f.Lat)))
	b = binary.BigEndian.AppendUint32(b, uint32(units(f.Lon)))
	b = binary.BigEndian.AppendUint16(b, scale16(f.SpeedMPS, 100))
	b = binary.BigEndian.AppendUint16(b, packAccuracy(f.AccuracyM, f.Mock))
	bearing := scaleBearing(f.BearingDeg)
	if f.Busy {
		bearing |= busyBit
	}
	b = binary.BigEndian.AppendUint16(b, bearing)
	battery := uint8(unknownBattery)
	if f.Battery >= 0 {
		battery = uint8(min(f.Battery*batterySteps+0.5, batterySteps))
	}
	return append(b, battery)
}

func units(deg float64) int32 { return int32(math.Round(deg * unitsPerDegree)) }

func scale16(v, perUnit float32) uint16 {
	if v < 0 {
		return unknown16
	}
	return uint16(min(v*perUnit+0.5, unknown16-1))
}

func packAccuracy(m float32, mock bool) uint16 {
	switch {
	case m < 0 && mock:
		return unknownMocked
	case m < 0:
		return unknown16
	}
	dm := min(scale16(m, 10), unknownMocked&^mockBit-1)
	if mock {
		dm |= mockBit
	}
	return dm
}

// unpackAccuracy returns the accuracy in dm, or unknown16.
func unpackAccuracy(v uint16) (dm uint16, mock bool) {
	if v >= unknownMocked {
		return unknown16, v == unknownMocked
	}
	return v &^ mockBit, v&mockBit != 0
}

func scaleBearing(deg float32) uint16 {
	if deg < 0 {
		return unknownBearing
	}
	return uint16(math.Mod(float64(deg), 360)*bearingSteps+0.5) % (360 * bearingSteps)
}

// place is the part of a fix that tells whether another is plausible after it.
type place struct {
	ts       int64
	lat, lon int32 // 1e-7 degree
	accuracy int32 // dm, or unknown16
}

func placeOf(s string) place {
	accuracy, _ := unpackAccuracy(be16(s[18:]))
	return place{ts: int64(be64(s)), lat: int32(be32(s[8:])), lon: int32(be32(s[12:])), accuracy: int32(accuracy)}
}

// An entry of drivers:last:{Z} is a compact fix and, behind it, what became of the
// driver: nothing if he stands in this zone; unsettled if he came and the zone that
// he came from may not know; asleep if he was settled here and went stale; else a
// signpost, the zone that he left for, and the fix is the one that took him there.
// See move.go. No zone's name begins with these.
const (
	unsettled = "\x00"
	asleep    = "\x01"
)

// present reports whether an entry is of a driver who stands in the zone, or did when
// he was last heard of.
func present(entry string) bool {
	return len(entry) == fixSize || len(entry) == fixSize+1 && entry[fixSize:] <= asleep
}

// settledIn reports whether an entry is of a driver of whom all know that he is in the
// zone.
func settledIn(entry string) bool {
	return len(entry) == fixSize || len(entry) == fixSize+1 && entry[fixSize:] == asleep
}

// signpost returns the zone that the driver left for, or "".
func signpost(entry string) string {
	if len(entry) <= fixSize || present(entry) {
		return ""
	}
	return entry[fixSize:]
}

// decodeFix reads a compact fix. ok is false if it is too short.
func decodeFix(driver, s string) (f Fix, ok bool) {
	if len(s) < fixSize {
		return Fix{}, false
	}
	f = decodeBody(0, s[bodyStart:bodyEnd])
	f.DriverID, f.TS = driver, int64(be64(s))
	bearing := be16(s[20:])
	f.Busy = bearing&busyBit != 0
	if bearing &^= busyBit; bearing != unknownBearing {
		f.BearingDeg = float32(bearing) / bearingSteps
	}
	if b := s[22]; b != unknownBattery {
		f.Battery = float32(b) / batterySteps
	}
	return f, true
}

// decodeBody reads what a bucket that starts at start, ms, keeps of a fix.
func decodeBody(start int64, s string) Fix {
	accuracy, mock := unpackAccuracy(be16(s[12:]))
	return Fix{
		TS:         start + int64(be16(s)-uint16(start)),
		Lat:        float64(int32(be32(s[2:]))) / unitsPerDegree,
		Lon:        float64(int32(be32(s[6:]))) / unitsPerDegree,
		SpeedMPS:   unscale16(be16(s[10:]), 100),
		AccuracyM:  unscale16(accuracy, 10),
		BearingDeg: Unknown,
		Battery:    Unknown,
		Mock:       mock,
	}
}

func unscale16(v uint16, perUnit float32) float32 {
	if v == unknown16 {
		return Unknown
	}
	return float32(v) / perUnit
}

// The readers of big-endian numbers out of strings, which encoding/binary has
// only for slices.
func be16(s string) uint16 { return uint16(s[1]) | uint16(s[0])<<8 }

func be32(s string) uint32 {
	_ = s[3]
	return uint32(s[3]) | uint32(s[2])<<8 | uint32(s[1])<<16 | uint32(s[0])<<24
}

func be64(s string) uint64 { return uint64(be32(s))<<32 | uint64(be32(s[4:])) }
