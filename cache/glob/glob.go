// Package glob matches Redis's patterns: of keys, of channels, of settings.
package glob

// Match matches as Redis does: '*' any run, '?' any byte, '[a-z]' and
// '[^a-z]' classes, '\' takes the next byte literally. Only the last star is
// ever tried again, so the time is at most len(pattern)·len(s).
func Match(pattern, s string) bool {
	p, i := 0, 0
	star, resume := -1, 0 // after the last star; where its run ends
	for i < len(s) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				p++
				star, resume = p, i
				continue
			}
			if n, ok := matchOne(pattern[p:], s[i]); ok {
				p += n
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		resume++
		p, i = star, resume
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches one byte with the element pattern begins with, which is not
// a star, and returns the element's length.
func matchOne(pattern string, c byte) (n int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return matchClass(pattern, c)
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	}
	return 1, pattern[0] == c
}

// matchClass matches a class. One that is never closed ends with the pattern.
func matchClass(pattern string, c byte) (n int, ok bool) {
	i := 1
	negated := i < len(pattern) && pattern[i] == '^'
	if negated {
		i++
	}
	for i < len(pattern) && pattern[i] != ']' {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			ok = ok || pattern[i+1] == c
			i += 2
		case i+2 < len(pattern) && pattern[i+1] == '-':
			lo, hi := min(pattern[i], pattern[i+2]), max(pattern[i], pattern[i+2])
			ok = ok || lo <= c && c <= hi
			i += 3
		default:
			ok = ok || pattern[i] == c
			i++
		}
	}
	return min(i+1, len(pattern)), ok != negated
}
