package dict

import "hyperlocal/cache"

// Fields returns copies of all entries, in no order. They share one allocation.
func (d *Dict) Fields() []cache.Field {
	total := 0
	for name, value := range d.All() {
		total += len(name) + len(value)
	}
	buf := make([]byte, 0, total)
	fields := make([]cache.Field, 0, d.n)
	for name, value := range d.All() {
		start := len(buf)
		buf = append(append(buf, name...), value...)
		both := viewOf(buf[start:])
		fields = append(fields, cache.Field{Name: both[:len(name)], Value: both[len(name):]})
	}
	return fields
}
