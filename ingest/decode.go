package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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
	d := decoder{pings: pings, room: max}
	err := split(body, lines, &d)
	if n := len(d.pings) - len(pings); err == nil && n > 0 && n == d.broken {
		err = errBroken // nothing to be seen in any element: the body is something else
	}
	return d.pings, err
}

// decoder is what Decode knows so far.
type decoder struct {
	pings  []Ping
	room   int // for more of them
	broken int // elements that are not even JSON
	ids    strings.Builder
}

// next takes the ping at the start of rest if it is written as usual, and returns
// where its comma or bracket is, or, outside of an array, the end of rest. It is 0 if
// it takes none.
func (d *decoder) next(rest []byte, inArray bool) int {
	if d.room == 0 {
		return 0
	}
	last := len(d.pings)
	d.pings = append(d.pings, Ping{})
	end := d.usual(rest, &d.pings[last])
	if end > 0 {
		end = blanks(rest, end)
		if inArray == (end < len(rest)) && (!inArray || rest[end] == ',' || rest[end] == ']') {
			d.room--
			return end
		}
	}
	d.pings = d.pings[:last]
	return 0
}

// element takes any other element.
func (d *decoder) element(element []byte) error {
	if d.room == 0 {
		return errTooMany
	}
	d.room--
	p := decodePing(element)
	if p.Fault == noJSON {
		d.broken++
	}
	d.pings = append(d.pings, p)
	return nil
}

// ErrTooMany is Decode's error for a body of more pings than allowed.
var ErrTooMany = errTooMany

var errBroken = errors.New(notJSON)

// noJSON is the fault of an element of which not even a field can be told.
var noJSON = fault("", notJSON).Fault

// field is one of a ping's fields.
type field uint8

const (
	driverID field = iota
	lat
	lon
	ts
	accuracyM
	speedMPS
	bearingDeg
	battery
	mock
	busy
	numFields
)

var fieldNames = [numFields]string{"driver_id", "lat", "lon", "ts", "accuracy_m", "speed_mps", "bearing_deg", "battery", "mock", "busy"}

// rawPing holds a ping's fields as they stand in the body, so that each can
// fail by itself.
type rawPing [numFields][]byte

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
	var raw rawPing
	if !raw.scan(element) {
		return fault(brokenField(element), notJSON)
	}
	return raw.ping()
}

// scan finds the fields of an object. Of fields that are no ping's it looks
// only for the end. It reports whether the object has the shape of one.
//
// A parser of its own, because it is short and several times cheaper than a
// general one that has to keep numbers as they are.
func (raw *rawPing) scan(object []byte) bool {
	rest := skipBlanks(object[1:])
	if len(rest) > 0 && rest[0] == '}' {
		return len(rest) == 1
	}
	for len(rest) > 0 && rest[0] == '"' {
		n := stringEnd(rest[1:])
		if n < 0 {
			return false
		}
		name := rest[1:n]
		rest = skipBlanks(rest[1+n:])
		if len(rest) == 0 || rest[0] != ':' {
			return false
		}
		rest = skipBlanks(rest[1:])
		if n = valueEnd(rest); n <= 0 {
			return false
		}
		if f, ok := fieldOf(name); ok {
			raw[f] = rest[:n]
		}
		rest = skipBlanks(rest[n:])
		if len(rest) == 0 {
			return false
		}
		if rest[0] == '}' {
			return len(rest) == 1
		}
		if rest[0] != ',' {
			return false
		}
		rest = skipBlanks(rest[1:])
	}
	return false
}

func fieldOf(name []byte) (field, bool) {
	for f := range numFields {
		if string(name) == fieldNames[f] {
			return f, true
		}
	}
	if bytes.IndexByte(name, '\\') >= 0 {
		if plain, ok := unescape(fmt.Appendf(nil, `"%s"`, name)); ok {
			f := slices.Index(fieldNames[:], plain)
			return field(max(f, 0)), f >= 0
		}
	}
	return 0, false
}

func fault(field, detail string) Ping {
	return Ping{Fault: geo.Outcome{Verdict: geo.Invalid, Field: field, Detail: detail}}
}

func (raw *rawPing) ping() Ping {
	p := Ping{OK: true}
	f := &p.Fix
	details := [numFields]string{
		driverID:   readID(raw[driverID], &f.DriverID),
		lat:        readFloat(raw[lat], &f.Lat),
		lon:        readFloat(raw[lon], &f.Lon),
		ts:         readTime(raw[ts], &f.TS),
		accuracyM:  readMeasure(raw[accuracyM], &f.AccuracyM),
		speedMPS:   readMeasure(raw[speedMPS], &f.SpeedMPS),
		bearingDeg: readMeasure(raw[bearingDeg], &f.BearingDeg),
		battery:    readMeasure(raw[battery], &f.Battery),
		mock:       readFlag(raw[mock], &f.Mock),
		busy:       readFlag(raw[busy], &f.Busy),
	}
	for i, detail := range details {
		if detail != "" {
			return fault(fieldNames[i], detail)
		}
	}
	return p
}

// unescape reads a JSON string.
func unescape(quoted []byte) (plain string, ok bool) {
	err := json.Unmarshal(quoted, &plain)
	return plain, err == nil
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
			plain, ok := unescape(raw)
			if !ok {
				return notJSON
			}
			*to = plain
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
	if !decimal(raw) {
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

// decimal reports whether raw has only the characters of a JSON number, which
// keeps out what else strconv reads, such as "0x1p-2" and "inf".
func decimal(raw []byte) bool {
	if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return false
	}
	for _, c := range raw {
		if (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '-' && c != '+' {
			return false
		}
	}
	return true
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

func readFlag(raw []byte, to *bool) string {
	switch {
	case absent(raw), string(raw) == "false":
		*to = false
	case string(raw) == "true":
		*to = true
	default:
		return "must be true or false"
	}
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
	last := ""
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
		if rest := skipBlanks(s); len(rest) > 0 && rest[0] == ':' {
			last = ""
			if f, ok := fieldOf(name); ok {
				last = fieldNames[f]
			}
		}
	}
	return last
}
