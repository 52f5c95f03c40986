package memory

import "strings"

// fieldOverhead is the estimate for a field of a hash: two string headers in a
// table that is three quarters full, and the allocator's rounding.
const fieldOverhead = 56

// hash is a map from field to value that knows its size.
type hash struct {
	fields map[string]string
	bytes  int64
}

func newHash() *hash { return &hash{fields: make(map[string]string)} }

func (*hash) typeName() string { return "hash" }
func (h *hash) memory() int64  { return h.bytes }
func (h *hash) vacant() bool   { return len(h.fields) == 0 }

// set copies both strings, so that a hash does not keep a caller's larger
// buffer alive.
func (h *hash) set(field, value string) (added bool) {
	old, ok := h.fields[field]
	if !ok {
		field = strings.Clone(field)
		h.bytes += fieldOverhead + int64(len(field))
	}
	h.bytes += int64(len(value) - len(old))
	h.fields[field] = strings.Clone(value)
	return !ok
}

func (h *hash) del(field string) bool {
	old, ok := h.fields[field]
	if ok {
		h.bytes -= fieldOverhead + int64(len(field)+len(old))
		delete(h.fields, field)
	}
	return ok
}
