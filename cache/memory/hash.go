package memory

import (
	"strings"
	"unsafe"
)

// fieldSlot is what a field takes in the table beside its name and value.
const fieldSlot = int(2 * unsafe.Sizeof(""))

// hash is a map from field to value that knows its size.
type hash struct {
	fields map[string]string
	peak   int   // the most fields there have been
	bytes  int64 // of names and values
}

func newHash() *hash { return &hash{fields: make(map[string]string)} }

func (*hash) typeName() string { return "hash" }
func (h *hash) vacant() bool   { return len(h.fields) == 0 }

func (h *hash) memory() int64 {
	return int64(unsafe.Sizeof(hash{})) + mapBytes(h.peak, fieldSlot) + h.bytes
}

// set copies both strings, so that a hash does not keep a caller's larger
// buffer alive.
func (h *hash) set(field, value string) (added bool) {
	old, ok := h.fields[field]
	if !ok {
		field = strings.Clone(field)
		h.bytes += allocated(len(field))
	}
	h.bytes += allocated(len(value)) - allocated(len(old))
	h.fields[field] = strings.Clone(value)
	h.peak = max(h.peak, len(h.fields))
	return !ok
}

func (h *hash) del(field string) bool {
	old, ok := h.fields[field]
	if ok {
		h.bytes -= allocated(len(field)) + allocated(len(old))
		delete(h.fields, field)
	}
	return ok
}
