package ingest

import (
	"bytes"
	"errors"
)

// How a body can fail as a whole.
var (
	errEmpty    = errors.New("the body is empty")
	errNotPings = errors.New("must be a ping, an array of pings, or a ping to a line")
	errUnclosed = errors.New("the JSON ends before its last bracket")
	errTrailing = errors.New("something follows the end of the array")
	errTooMany  = errors.New("too many pings in one request")
)

// split gives every element of a body to d. An array's elements stand between its
// commas, whatever they are; in a body of lines every line that is not blank is one;
// any other body is one element. lines says that the client declared lines; without
// that a body that starts with an object is taken for lines if something follows the
// object.
func split(body []byte, lines bool, d *decoder) error {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return errEmpty
	case lines:
		return splitLines(body, d)
	case body[0] == '[':
		return splitArray(body[1:], d)
	case body[0] != '{':
		return errNotPings
	}
	if d.next(body, false) > 0 {
		return nil
	}
	end := elementEnd(body)
	if end < 0 {
		return errUnclosed
	}
	if end == len(body) {
		return d.element(body)
	}
	return splitLines(body, d)
}

// takeWhole gives d an element of which the end is known.
func takeWhole(element []byte, d *decoder) error {
	if d.next(element, false) > 0 {
		return nil
	}
	return d.element(element)
}

func splitLines(body []byte, d *decoder) error {
	for line := range bytes.Lines(body) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := takeWhole(line, d); err != nil {
			return err
		}
	}
	return nil
}

// splitArray splits what follows the opening bracket.
func splitArray(rest []byte, d *decoder) error {
	if rest = skipBlanks(rest); len(rest) > 0 && rest[0] == ']' {
		return nothingAfter(rest[1:])
	}
	for {
		rest = skipBlanks(rest)
		end := d.next(rest, true)
		if end == 0 {
			if end = elementEnd(rest); end < 0 || end == len(rest) {
				return errUnclosed
			}
			if err := d.element(bytes.TrimSpace(rest[:end])); err != nil {
				return err
			}
		}
		if rest[end] == ']' {
			return nothingAfter(rest[end+1:])
		}
		rest = rest[end+1:]
	}
}

func nothingAfter(rest []byte) error {
	if len(skipBlanks(rest)) > 0 {
		return errTrailing
	}
	return nil
}

// elementEnd returns the length of the element at the start of s: up to the
// comma or bracket that ends it in an array, or to the bracket that closes it.
// It is -1 if s ends within brackets or a string.
func elementEnd(s []byte) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			n := stringEnd(s[i+1:])
			if n < 0 {
				return -1
			}
			i += n
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return len(s) - len(skipBlanks(s[i+1:]))
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	if depth > 0 {
		return -1
	}
	return len(s)
}

// stringEnd returns the length of a string's rest with its closing quote.
func stringEnd(s []byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// valueEnd returns the length of the value at the start of s, or -1.
func valueEnd(s []byte) int {
	if len(s) == 0 {
		return -1
	}
	switch s[0] {
	case '"':
		if n := stringEnd(s[1:]); n >= 0 {
			return 1 + n
		}
		return -1
	case '{', '[':
		return elementEnd(s)
	}
	for i, c := range s {
		switch c {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			return i
		}
	}
	return len(s)
}

func skipBlanks(s []byte) []byte {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\n' || s[0] == '\t' || s[0] == '\r') {
		s = s[1:]
	}
	return s
}
