package resp

import (
	"bytes"
	"strings"
)

// splitLine appends the words of a line to words, as Redis reads what is typed
// at it: parted by spaces, "quoted" with \n \r \t \b \a and \xff for what is
// hard to type, or 'quoted' with nothing but \'. It is not ok if a quote is left
// open or runs into the next word. A zero byte ends the line.
func splitLine(line []byte, words []string) (_ []string, ok bool) {
	line, _, _ = bytes.Cut(line, []byte{0})
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return words, true
		}
		var word strings.Builder
		for i < len(line) && !endsWord(line[i]) {
			if q := line[i]; q == '"' || q == '\'' {
				n, ok := unquote(line[i:], &word)
				if !ok {
					return words, false
				}
				if i += n; i < len(line) && !isSpace(line[i]) {
					return words, false
				}
				break
			}
			word.WriteByte(line[i])
			i++
		}
		words = append(words, word.String())
		if i < len(line) { // what ended the word
			i++
		}
	}
}

// unquote adds to word what is in the quotes that s begins with, and returns
// their length.
func unquote(s []byte, word *strings.Builder) (n int, ok bool) {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == quote:
			return i + 1, true
		case c != '\\' || i+1 == len(s) || quote == '\'' && s[i+1] != '\'':
			word.WriteByte(c)
		case quote == '"' && s[i+1] == 'x' && i+3 < len(s) && isHex(s[i+2]) && isHex(s[i+3]):
			word.WriteByte(unhex(s[i+2])<<4 | unhex(s[i+3]))
			i += 3
		default:
			i++
			word.WriteByte(escaped(s[i]))
		}
	}
	return 0, false
}

func escaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

// isSpace is C's isspace.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// endsWord is what parts words; unlike isSpace it has no \v and \f.
func endsWord(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
