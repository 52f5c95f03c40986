package resp

import (
	"math"
	"strconv"
	"strings"
)

// spillAt is how many bytes of replies gather before they are sent, even though
// more commands wait to be answered.
const spillAt = 32 << 10

// writer builds replies in the protocol that the client has chosen. Where RESP2
// has no form of its own for a reply, the methods use the one Redis uses: a map
// is a flat array, a double is a bulk string.
type writer struct {
	buf   []byte
	resp3 bool
	spill func() // sends what is in buf and empties it; nil: never
}

// header writes a line such as "*3\r\n". There is one wherever a long reply
// goes on, so here is where it is sent in parts.
func (w *writer) header(kind byte, n int64) {
	if len(w.buf) >= spillAt && w.spill != nil {
		w.spill()
	}
	w.buf = append(w.buf, kind)
	w.buf = strconv.AppendInt(w.buf, n, 10)
	w.buf = append(w.buf, '\r', '\n')
}

func (w *writer) array(n int) { w.header('*', int64(n)) }

// mapping begins n pairs.
func (w *writer) mapping(n int) {
	if w.resp3 {
		w.header('%', int64(n))
	} else {
		w.array(2 * n)
	}
}

func (w *writer) set(n int) {
	if w.resp3 {
		w.header('~', int64(n))
	} else {
		w.array(n)
	}
}

// push begins what the client has not asked for just now.
func (w *writer) push(n int) {
	if w.resp3 {
		w.header('>', int64(n))
	} else {
		w.array(n)
	}
}

func (w *writer) integer(n int64) { w.header(':', n) }

func (w *writer) boolean(b bool) {
	if b {
		w.integer(1)
	} else {
		w.integer(0)
	}
}

func (w *writer) bulk(s string) {
	w.header('$', int64(len(s)))
	w.buf = append(append(w.buf, s...), '\r', '\n')
}

// bulks is an array of strings.
func (w *writer) bulks(list []string) {
	w.array(len(list))
	for _, s := range list {
		w.bulk(s)
	}
}

// status is a short word of the server's own.
func (w *writer) status(s string) {
	w.buf = append(append(append(w.buf, '+'), s...), '\r', '\n')
}

func (w *writer) ok() { w.status("OK") }

// fault is an error: a code in capitals and a sentence. What a client sent may
// be part of it, so it is kept to one line.
func (w *writer) fault(text string) {
	w.buf = append(w.buf, '-')
	for i := range len(text) {
		c := text[i]
		if c == '\r' || c == '\n' {
			c = ' '
		}
		w.buf = append(w.buf, c)
	}
	w.buf = append(w.buf, '\r', '\n')
}

// verbatim is a text for people.
func (w *writer) verbatim(s string) {
	if !w.resp3 {
		w.bulk(s)
		return
	}
	w.header('=', int64(len("txt:")+len(s)))
	w.buf = append(append(append(w.buf, "txt:"...), s...), '\r', '\n')
}

// null stands for a missing string or number.
func (w *writer) null() {
	if w.resp3 {
		w.buf = append(w.buf, "_\r\n"...)
	} else {
		w.buf = append(w.buf, "$-1\r\n"...)
	}
}

// nullArray stands for a missing list.
func (w *writer) nullArray() {
	if w.resp3 {
		w.buf = append(w.buf, "_\r\n"...)
	} else {
		w.buf = append(w.buf, "*-1\r\n"...)
	}
}

// double writes a score as Redis 7.0 does, by C's %.17g. A zero has no sign, as
// in Redis's small sorted sets.
func (w *writer) double(f float64) {
	if f == 0 {
		f = 0 // for -0
	}
	var text [32]byte
	digits := text[:0]
	switch {
	case math.IsInf(f, 1):
		digits = append(digits, "inf"...)
	case math.IsInf(f, -1):
		digits = append(digits, "-inf"...)
	default:
		digits = strconv.AppendFloat(digits, f, 'g', 17, 64)
	}
	w.number(digits)
}

// degrees writes a coordinate as Redis does: 17 digits after the point without
// the zeros at the end.
func (w *writer) degrees(f float64) {
	text := strconv.FormatFloat(f, 'f', 17, 64)
	w.number([]byte(strings.TrimSuffix(strings.TrimRight(text, "0"), ".")))
}

// number writes the digits of a float.
func (w *writer) number(digits []byte) {
	if w.resp3 {
		w.buf = append(w.buf, ',')
	} else {
		w.header('$', int64(len(digits)))
	}
	w.buf = append(append(w.buf, digits...), '\r', '\n')
}

// distance is a bulk string in both protocols, to the tenth of a millimetre if
// the unit is a metre.
func (w *writer) distance(f float64) {
	var text [64]byte
	digits := strconv.AppendFloat(text[:0], f, 'f', 4, 64)
	w.header('$', int64(len(digits)))
	w.buf = append(append(w.buf, digits...), '\r', '\n')
}
