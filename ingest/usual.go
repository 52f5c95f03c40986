package ingest

import (
	"bytes"
	"strings"

	"hyperlocal/geo"
)

// usual reads a ping that is written as nearly all are: an object of plain strings,
// short decimal numbers, and true or false. It returns the ping's length, or 0 for
// everything else, right or wrong: that is for decodePing to read and to judge. What
// both can read they read alike.
//
// It exists because decoding was a fifth of what a ping costs. This passes over each
// byte once.
func (d *decoder) usual(s []byte, p *Ping) int {
	if len(s) == 0 || s[0] != '{' {
		return 0
	}
	*p = Ping{Fix: geo.Fix{AccuracyM: geo.Unknown, SpeedMPS: geo.Unknown, BearingDeg: geo.Unknown, Battery: geo.Unknown}}
	given := uint(0)
	for i := 1; ; i++ {
		name, end := plainString(s, blanks(s, i))
		i = blanks(s, end)
		if end == 0 || i == len(s) || s[i] != ':' {
			return 0
		}
		f, end := d.usualField(string(name), s, blanks(s, i+1), &p.Fix)
		i = blanks(s, end)
		if end == 0 || i == len(s) {
			return 0
		}
		given |= 1 << f
		switch s[i] {
		case ',':
		case '}':
			const needed = 1<<driverID | 1<<lat | 1<<lon | 1<<ts
			if given&needed != needed {
				return 0
			}
			p.OK = true
			return i + 1
		default:
			return 0
		}
	}
}

// usualField reads the value at s[i:] into the fix, and returns which field it was
// and where the value ends, 0 if it is not for usual. Fields that are no ping's are
// passed over.
func (d *decoder) usualField(name string, s []byte, i int, f *geo.Fix) (field, int) {
	switch name {
	case "driver_id":
		id, end := plainString(s, i)
		f.DriverID = d.keep(id, len(s))
		return driverID, end
	case "lat":
		return lat, shortDecimal(s, i, &f.Lat)
	case "lon":
		return lon, shortDecimal(s, i, &f.Lon)
	case "ts":
		return ts, shortInteger(s, i, &f.TS)
	case "accuracy_m":
		return accuracyM, shortMeasure(s, i, &f.AccuracyM)
	case "speed_mps":
		return speedMPS, shortMeasure(s, i, &f.SpeedMPS)
	case "bearing_deg":
		return bearingDeg, shortMeasure(s, i, &f.BearingDeg)
	case "battery":
		return battery, shortMeasure(s, i, &f.Battery)
	case "mock":
		return mock, flag(s, i, &f.Mock)
	case "busy":
		return busy, flag(s, i, &f.Busy)
	}
	if _, end := plainString(s, i); end > 0 {
		return numFields, end
	}
	var ignored float64
	return numFields, shortDecimal(s, i, &ignored)
}

// keep returns a copy of an id. Ids of a request share memory, which is cheaper than
// an allocation for each; rest is how many bytes of it there are.
func (d *decoder) keep(id []byte, rest int) string {
	const chunk = 1024
	if d.ids.Cap()-d.ids.Len() < len(id) {
		d.ids = strings.Builder{}
		d.ids.Grow(min(chunk, rest))
	}
	start := d.ids.Len()
	d.ids.Write(id)
	return d.ids.String()[start:]
}

// The readers return where the value at s[i:] ends, or 0.

func blanks(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// plainString reads a string of printable ASCII without escapes.
func plainString(s []byte, i int) (inside []byte, end int) {
	if i >= len(s) || s[i] != '"' {
		return nil, 0
	}
	for j := i + 1; j < len(s); j++ {
		switch c := s[j]; {
		case c == '"':
			return s[i+1 : j], j + 1
		case c == '\\', c < ' ', c > '~':
			return nil, 0
		}
	}
	return nil, 0
}

// maxExact is how many decimal digits a float64 holds exactly, all of them.
const maxExact = 15

// powersOf10 are exact, too.
var powersOf10 = [maxExact + 1]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// shortDecimal reads digits with a point among them, or none. Since both digits and
// power are exact, their quotient is rounded once, as the nearest number to what
// was written: what strconv.ParseFloat returns, too.
func shortDecimal(s []byte, i int, to *float64) int {
	negative := i < len(s) && s[i] == '-'
	if negative {
		i++
	}
	digits, count, behind := int64(0), 0, -1
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && behind < 0 && count > 0 {
			behind = 0
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits = digits*10 + int64(c-'0')
		count++
		if behind >= 0 {
			behind++
		}
	}
	if count == 0 || count > maxExact || behind == 0 || !ends(s, i) {
		return 0
	}
	v := float64(digits)
	if behind > 0 {
		v /= powersOf10[behind]
	}
	if negative {
		v = -v
	}
	*to = v
	return i
}

func shortMeasure(s []byte, i int, to *float32) int {
	var v float64
	end := shortDecimal(s, i, &v)
	*to = float32(v)
	return end
}

func shortInteger(s []byte, i int, to *int64) int {
	start, v := i, int64(0)
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		v = v*10 + int64(s[i]-'0')
	}
	if i == start || i-start > 18 || !ends(s, i) {
		return 0
	}
	*to = v
	return i
}

func flag(s []byte, i int, to *bool) int {
	switch {
	case bytes.HasPrefix(s[i:], []byte("true")):
		*to = true
		i += len("true")
	case bytes.HasPrefix(s[i:], []byte("false")):
		*to = false
		i += len("false")
	default:
		return 0
	}
	if !ends(s, i) {
		return 0
	}
	return i
}

// ends reports whether a number may end at s[i].
func ends(s []byte, i int) bool {
	if i == len(s) {
		return false
	}
	switch s[i] {
	case ',', '}', ' ', '\n', '\t', '\r':
		return true
	}
	return false
}
