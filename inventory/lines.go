package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"hyperlocal/persist"
)

// Bounds of a request.
const (
	MaxUnits            = 1_000_000 // of one line, either way
	MaxMovementLines    = 500
	MaxReservationLines = 100
	MaxProducts         = 200 // of one question for stock
	maxReference        = 200 // characters
	maxIdempotencyKey   = 128 // bytes
	maxID               = 64  // bytes
)

// checkLines returns an error for the first line whose units are not in
// [least, MaxUnits] or whose product id cannot be one.
func checkLines(lines []persist.Line, most int, least int64) error {
	if len(lines) == 0 || len(lines) > most {
		return invalid("lines", "there must be 1 to %d lines, there are %d", most, len(lines))
	}
	for i, l := range lines {
		if !isProductID(l.ProductID) {
			return invalid(fmt.Sprintf("lines[%d].product_id", i), "%s", productIDRule)
		}
		if l.Units < least || l.Units > MaxUnits {
			return invalid(fmt.Sprintf("lines[%d].units", i), "must be from %d to %d, is %d", least, MaxUnits, l.Units)
		}
	}
	return nil
}

// merge sums the lines of each product, keeping the order of first mention.
func merge(lines []persist.Line) []persist.Line {
	merged := make([]persist.Line, 0, len(lines))
	at := make(map[string]int, len(lines))
	for _, l := range lines {
		if i, ok := at[l.ProductID]; ok {
			merged[i].Units += l.Units
			continue
		}
		at[l.ProductID] = len(merged)
		merged = append(merged, l)
	}
	return merged
}

// joinLines writes lines as scripts read them: "product units product units".
func joinLines(lines []persist.Line) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(l.ProductID + " " + decimal(l.Units))
	}
	return b.String()
}

// splitLines reads what joinLines wrote.
func splitLines(joined string) []persist.Line {
	words := strings.Fields(joined)
	lines := make([]persist.Line, 0, len(words)/2)
	for i := 0; i+1 < len(words); i += 2 {
		lines = append(lines, persist.Line{ProductID: words[i], Units: whole(words[i+1])})
	}
	return lines
}

// fingerprint tells requests apart that come with the same idempotency key.
func fingerprint(parts ...any) (string, error) {
	text, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("fingerprint of a request: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}

// checkIdempotencyKey wants what fits a header: printable ASCII. Without a key
// a request is carried out each time.
func checkIdempotencyKey(key string) error {
	if len(key) > maxIdempotencyKey {
		return invalid("Idempotency-Key", "must have at most %d characters, has %d", maxIdempotencyKey, len(key))
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return invalid("Idempotency-Key", "must be printable ASCII")
		}
	}
	return nil
}

func checkReference(ref string) error {
	if !utf8.ValidString(ref) || utf8.RuneCountInString(ref) > maxReference {
		return invalid("reference", "must be UTF-8 of at most %d characters", maxReference)
	}
	return nil
}

const (
	nameIDRule    = "must be 1 to 64 of A-Z a-z 0-9 _ -"
	productIDRule = "must be 1 to 64 of A-Z a-z 0-9 _ : . -"
)

// isNameID tells whether s can be the id of a store or an order. Such an id
// goes into keys, as a hash tag, and into JSON as it is.
func isNameID(s string) bool { return isID(s, "_-") }

func isProductID(s string) bool { return isID(s, "_:.-") }

func isID(s, marks string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return true
}
