package ingest

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/bytedance/sonic"

	"hyperlocal/geo"
)

// Ping is one element of a request: a fix, or why it is none.
type Ping struct {
	Fix   geo.Fix
	Fault geo.Outcome // its Field and Detail, if the element is no fix
	OK    bool
}

// Decode appends the pings of a body to pings, at most max of them. lines says
// that the client declared one to a line. The pings keep nothing of body.
//
// An error is about the body as a whole. It is ErrTooMany for more than max.
func Decode(pings []Ping, body []byte, lines bool, max int) ([]Ping, error) {
	before, broken := len(pings), 0
	err := split(body, lines, func(element []byte) error {
		if len(pings)-before == max {
			return errTooMany
		}
		p := decodePing(element)
		if p.Fault == noJSON {
			broken++
		}
		pings = append(pings, p)
		return nil
	})
	if n := len(pings) - before; err == nil && n > 0 && n == broken {
		err = errBroken // nothing to be seen in any element: the body is something else
	}
	return pings, err
}

// ErrTooMany is Decode's error for a body of more pings than allowed.
var ErrTooMany = errTooMany

var errBroken = errors.New(notJSON)

// noJSON is the fault of an element of which not even a field can be told.
var noJSON = fault("", notJSON).Fault

// wirePing holds a ping's fields as they stand in the body, so that each can
// fail by itself.
type wirePing struct {
	DriverID   sonic.NoCopyRawMessage `json:"driver_id"`
	Lat        sonic.NoCopyRawMessage `json:"lat"`
	Lon        sonic.NoCopyRawMessage `json:"lon"`
	TS         sonic.NoCopyRawMessage `json:"ts"`
	AccuracyM  sonic.NoCopyRawMessage `json:"accuracy_m"`
	SpeedMPS   sonic.NoCopyRawMessage `json:"speed_mps"`
	BearingDeg sonic.NoCopyRawMessage `json:"bearing_deg"`
	Battery    sonic.NoCopyRawMessage `json:"battery"`
}

var decoder = sonic.Config{CaseSensitive: true, ValidateString: true}.Froze()

const (
	notJSON    = "is not valid JSON"
	notNumber  = "must be a number"
	notInRange = "is too large a number"
	missing    = "is missing"
)

func decodePing(element []byte) Ping {
	if len(element) == 0 || element[0] != '{' {
		if !json.Valid(element) {
			return fault("", notJSON)
		}
		return fault("", "must be an object")
	}
	var w wirePing
	// The string is only read while element stands still.
	if err := decoder.UnmarshalFromString(unsafe.String(&element[0], len(element)), &w); err != nil {
		return fault(brokenField(element), notJSON)
	}
	return w.ping()
}

func fault(field, detail string) Ping {
	return Ping{Fault: geo.Outcome{Verdict: geo.Invalid, Field: field, Detail: detail}}
}

func (w *wirePing) ping() Ping {
	p := Ping{OK: true}
	f := &p.Fix
	for _, field := range [...]struct {
		name   string
		detail string
	}{
		{"driver_id", readID(w.DriverID, &f.DriverID)},
		{"lat", readFloat(w.Lat, &f.Lat)},
		{"lon", readFloat(w.Lon, &f.Lon)},
		{"ts", readTime(w.TS, &f.TS)},
		{"accuracy_m", readMeasure(w.AccuracyM, &f.AccuracyM)},
		{"speed_mps", readMeasure(w.SpeedMPS, &f.SpeedMPS)},
		{"bearing_deg", readMeasure(w.BearingDeg, &f.BearingDeg)},
		{"battery", readMeasure(w.Battery, &f.Battery)},
	} {
		if field.detail != "" {
			return fault(field.name, field.detail)
		}
	}
	return p
}

func absent(raw []byte) bool { return len(raw) == 0 || string(raw) == "null" }

// The readers return what is wrong with a field, or "".

func readID(raw []byte, to *string) string {
	if absent(raw) {
		return missing
	}
	if raw[0] != '"' || len(raw) < 2 {
		return "must be a string"
	}
	inside := raw[1 : len(raw)-1]
	for _, c := range inside {
		if c == '\\' || c >= utf8.RuneSelf {
			if json.Unmarshal(raw, to) != nil {
				return notJSON
			}
			return ""
		}
	}
	*to = string(inside)
	return ""
}

func readFloat(raw []byte, to *float64) string {
	if absent(raw) {
		return missing
	}
	if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return notNumber
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return notInRange
	case err != nil:
		return notNumber
	}
	*to = v
	return ""
}

// readMeasure reads a number that may be missing. A negative one means
// unknown, as phones send it.
func readMeasure(raw []byte, to *float32) string {
	*to = geo.Unknown
	if absent(raw) {
		return ""
	}
	var v float64
	if detail := readFloat(raw, &v); detail != "" {
		return detail
	}
	if math.Abs(v) > math.MaxFloat32 {
		return notInRange
	}
	*to = float32(v)
	return ""
}

const notTime = "must be milliseconds since 1970, or a time as RFC 3339 has it, such as 2026-01-31T18:30:00+05:30"

func readTime(raw []byte, to *int64) string {
	if absent(raw) {
		return missing
	}
	if raw[0] == '"' {
		t, err := time.Parse(time.RFC3339, string(raw[1:len(raw)-1]))
		if err != nil {
			return notTime
		}
		*to = t.UnixMilli()
		return ""
	}
	if v, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		*to = v
		return ""
	}
	var v float64
	if readFloat(raw, &v) != "" || math.Abs(v) >= 1<<53 {
		return notTime
	}
	*to = int64(v)
	return ""
}

// brokenField guesses which field made an element unreadable: the one whose
// name stands last before the error.
func brokenField(element []byte) string {
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal(element, new(any)), &syntax) {
		return ""
	}
	field := ""
	for s := element[:min(int(syntax.Offset), len(element))]; len(s) > 0; {
		if s[0] != '"' {
			s = s[1:]
			continue
		}
		n := stringEnd(s[1:])
		if n < 0 {
			break
		}
		name := s[1:n]
		s = s[1+n:]
		if rest := s[blanks(s):]; len(rest) > 0 && rest[0] == ':' {
			field = string(name)
		}
	}
	return knownField(field)
}

// knownField keeps a client's own text out of the field's name.
func knownField(name string) string {
	switch name {
	case "driver_id", "lat", "lon", "ts", "accuracy_m", "speed_mps", "bearing_deg", "battery":
		return name
	}
	return ""
}
