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
//	18      2     bearing, 1/100 degree
//	20      2     accuracy, dm
//	22      1     battery, 1/200
//
// All ones is an unknown measure; a larger one than fits is the largest that
// does. It is a value of drivers:last:{Z}. What follows it there is the zone
// the driver left for; see leave.lua.
const fixSize = 23

// A bucket's value is a sequence of such records, in order of arrival:
//
//	offset  size  content
//	0       2     ms since the bucket's start
//	2       14    as bytes 8 to 22 of a compact fix
const (
	bucketFixSize = 16
	bodyStart     = 8  // of a compact fix, the part that a bucket keeps
	bodyEnd       = 22 // its end
)

const (
	unitsPerDegree = 1e7 // of latitude and longitude
	unknown16      = math.MaxUint16
	unknown8       = math.MaxUint8
	batterySteps   = 200
)

// appendFix appends the compact form. The fix has passed check.
func appendFix(b []byte, f *Fix) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(f.TS))
	b = binary.BigEndian.AppendUint32(b, uint32(units(f.Lat)))
	b = binary.BigEndian.AppendUint32(b, uint32(units(f.Lon)))
	b = binary.BigEndian.AppendUint16(b, scale16(f.SpeedMPS, 100))
	b = binary.BigEndian.AppendUint16(b, scaleBearing(f.BearingDeg))
	b = binary.BigEndian.AppendUint16(b, scale16(f.AccuracyM, 10))
	if f.Battery < 0 {
		return append(b, unknown8)
	}
	return append(b, uint8(min(f.Battery*batterySteps+0.5, batterySteps)))
}

func units(deg float64) int32 { return int32(math.Round(deg * unitsPerDegree)) }

func scale16(v, perUnit float32) uint16 {
	if v < 0 {
		return unknown16
	}
	return uint16(min(v*perUnit+0.5, unknown16-1))
}

func scaleBearing(deg float32) uint16 {
	if deg < 0 {
		return unknown16
	}
	return uint16(float32(math.Mod(float64(deg), 360))*100+0.5) % 36000
}

// place is the part of a fix that tells whether another is plausible after it.
type place struct {
	ts       int64
	lat, lon int32 // 1e-7 degree
}

func placeOf(s string) place {
	return place{ts: int64(be64(s)), lat: int32(be32(s[8:])), lon: int32(be32(s[12:]))}
}

// decodeFix reads a compact fix. ok is false if it is too short.
func decodeFix(driver, s string) (f Fix, ok bool) {
	if len(s) < fixSize {
		return Fix{}, false
	}
	f = decodeBody(s[bodyStart:bodyEnd])
	f.DriverID, f.TS, f.Battery = driver, int64(be64(s)), Unknown
	if b := s[22]; b != unknown8 {
		f.Battery = float32(b) / batterySteps
	}
	return f, true
}

// decodeBody reads the 14 bytes that compact fixes and bucket records share.
func decodeBody(s string) Fix {
	return Fix{
		Lat:        float64(int32(be32(s))) / unitsPerDegree,
		Lon:        float64(int32(be32(s[4:]))) / unitsPerDegree,
		SpeedMPS:   unscale16(be16(s[8:]), 100),
		BearingDeg: unscale16(be16(s[10:]), 100),
		AccuracyM:  unscale16(be16(s[12:]), 10),
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
