package memory

import (
	"strconv"

	"hyperlocal/cache"
)

// parseInteger accepts what Redis does: decimal digits with an optional minus,
// no plus, no blanks, no leading zeros.
func parseInteger(s string) (int64, error) {
	digits := s
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	canonical := s == "0" || len(digits) > 0 && digits[0] >= '1' && digits[0] <= '9'
	if !canonical {
		return 0, cache.ErrNotInteger
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, cache.ErrNotInteger
	}
	return n, nil
}

// addInteger adds delta to the integer that s spells.
func addInteger(s string, delta int64) (int64, error) {
	n, err := parseInteger(s)
	if err != nil {
		return 0, err
	}
	return addBounded(n, delta)
}

// addBounded refuses a sum that does not fit.
func addBounded(n, delta int64) (int64, error) {
	sum := n + delta
	if (sum > n) != (delta > 0) && delta != 0 {
		return 0, cache.ErrNotInteger
	}
	return sum, nil
}
