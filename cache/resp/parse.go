package resp

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// parseInt reads a 64-bit integer as Redis does: no plus sign, no leading
// zeros, nothing around it.
func parseInt[T string | []byte](s T) (int64, bool) {
	digits := s
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(s) > 1 {
		return 0, false
	}
	var n uint64 // 19 digits fit
	for i := range len(digits) {
		c := digits[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	switch {
	case negative && n <= 1<<63:
		return -int64(n), true // also for 1<<63, whose negative is itself
	case !negative && n <= math.MaxInt64:
		return int64(n), true
	}
	return 0, false
}

func integer(s string) (int64, error) {
	n, ok := parseInt(s)
	if !ok {
		return 0, errNotInteger
	}
	return n, nil
}

// parseFloat reads a float as C's strtod does where Redis asks for one: decimal,
// hexadecimal or inf, never NaN, and nothing that is too large or too small to
// be told from infinity or zero.
func parseFloat(s string) (float64, bool) {
	f, ok := scanFloat(s)
	if !ok || math.IsInf(f, 0) && !strings.ContainsAny(s, "iI") {
		return 0, false
	}
	if f == 0 && strings.ContainsAny(mantissa(s), "123456789abcdfABCDF") {
		return 0, false
	}
	return f, true
}

// scanFloat is parseFloat without the errors of range.
func scanFloat(s string) (float64, bool) {
	if strings.Contains(s, "_") { // Go's own
		return 0, false
	}
	if unsigned := strings.TrimLeft(s, "+-"); len(unsigned) > 2 && (unsigned[:2] == "0x" || unsigned[:2] == "0X") &&
		!strings.ContainsAny(unsigned, "pP") {
		s += "p0" // which Go insists on
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, !math.IsNaN(f)
}

// mantissa is a number without its exponent.
func mantissa(s string) string {
	exponent := "eE"
	if strings.ContainsAny(s, "xX") {
		exponent = "pP"
	}
	if i := strings.IndexAny(s, exponent); i >= 0 {
		return s[:i]
	}
	return s
}

// parseBound reads one end of a range of scores: "(5" is without 5 itself.
// Redis is lax here: spaces in front are skipped, and nothing at all is zero.
func parseBound(s string) (f float64, open, ok bool) {
	s, open = strings.CutPrefix(s, "(")
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	if s == "" {
		return 0, open, true
	}
	f, ok = scanFloat(s)
	return f, open, ok
}

// is tells whether an argument is the option, whatever its case.
func is(arg, option string) bool { return len(arg) == len(option) && strings.EqualFold(arg, option) }

// maxTTL is the longest time to live that a time.Duration holds, 292 years, in
// ms. What is asked for beyond it becomes it.
const maxTTL = math.MaxInt64 / int64(time.Millisecond)

func ttlOf(ms int64) time.Duration { return time.Duration(min(ms, maxTTL)) * time.Millisecond }
