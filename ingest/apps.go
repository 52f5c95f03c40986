package ingest

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// report is a position as an app of others writes it: fields as text, as they
// stand in JSON or in a query, in units of the app's own. A field without text is
// not there.
type report struct {
	driverID                                string
	lat, lon                                []byte
	ts                                      []byte
	accuracyM, speed, bearingDeg, batteryOf []byte
	speedUnit                               float32 // metres per second
	batteryFull                             float32
	mock                                    bool
}

// ping is the report as a ping.
func (r *report) ping() Ping {
	p := Ping{OK: true}
	f := &p.Fix
	for _, field := range []struct{ name, detail string }{
		{"lat", readFloat(unquoted(r.lat), &f.Lat)},
		{"lon", readFloat(unquoted(r.lon), &f.Lon)},
		{"ts", readAppTime(unquoted(r.ts), &f.TS)},
		{"accuracy_m", readMeasure(unquoted(r.accuracyM), &f.AccuracyM)},
		{"speed_mps", readMeasure(unquoted(r.speed), &f.SpeedMPS)},
		{"bearing_deg", readMeasure(unquoted(r.bearingDeg), &f.BearingDeg)},
		{"battery", readMeasure(unquoted(r.batteryOf), &f.Battery)},
	} {
		if field.detail != "" {
			return fault(field.name, field.detail)
		}
	}
	f.DriverID, f.Mock = r.driverID, r.mock
	if f.SpeedMPS > 0 {
		f.SpeedMPS *= r.speedUnit
	}
	if f.Battery > 0 {
		f.Battery /= r.batteryFull
	}
	return p
}

// unquoted is a JSON string's content, as long as it has no escapes, which numbers
// and times need not: some versions of the apps write numbers as strings.
func unquoted(raw []byte) []byte {
	if len(raw) >= 2 && raw[0] == '"' {
		return raw[1 : len(raw)-1]
	}
	return bytes.TrimSpace(raw)
}

const notAppTime = "must be a time in seconds or milliseconds since 1970, or as ISO 8601 has it"

// secondsEnd is the number from which a time is in milliseconds: as seconds it is
// the year 5138, as milliseconds 1973.
const secondsEnd = 1e11

// timeLayouts are how apps write times that are no numbers. Without a zone they
// are UTC.
var timeLayouts = []string{time.RFC3339, "2006-01-02T15:04:05Z0700", time.DateTime, "2006-01-02T15:04:05"}

// readAppTime reads a time of whatever kind.
func readAppTime(raw []byte, to *int64) string {
	if absent(raw) {
		return missing
	}
	if v, err := strconv.ParseFloat(string(raw), 64); err == nil && decimal(raw) {
		if math.Abs(v) < secondsEnd {
			v *= 1000
		}
		if math.Abs(v) >= 1<<53 {
			return notAppTime
		}
		*to = int64(v)
		return ""
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, string(raw)); err == nil {
			*to = t.UnixMilli()
			return ""
		}
	}
	return notAppTime
}
