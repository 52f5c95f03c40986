package memory

import (
	"hyperlocal/cache"
	"hyperlocal/cache/memory/internal/dict"
)

// hash is the value of a hash key.
type hash struct{ dict.Dict }

func newHash() *hash { return &hash{} }

func (*hash) typeName() string { return "hash" }
func (h *hash) memory() int64  { return h.Bytes() }
func (h *hash) vacant() bool   { return h.Len() == 0 }

func (h *hash) get(field string) cache.Optional {
	v, ok := h.Get(field)
	return cache.Optional{Str: string(v), OK: ok}
}

func (h *hash) del(field string) bool { return deleteTidily(&h.Dict, field) }

// deleteTidily deletes an entry of a map to whose entries nobody holds a Ref.
func deleteTidily(d *dict.Dict, name string) bool {
	deleted := d.Delete(name)
	if deleted && d.Sparse() {
		d.Rebuild()
	}
	return deleted
}
