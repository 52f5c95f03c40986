package dict

import "hyperlocal/cache"

// manyAtOnce is how many lookups GetMany overlaps.
const manyAtOnce = 64

// GetMany answers in the order of names. The values are copies that share one
// allocation.
//
// A lookup waits for memory twice, for its slot and for its entry. Here all slots
// are asked for before the first entry, and all entries before the first name is
// compared, so that the waits overlap.
func (d *Dict) GetMany(names []string) []cache.Optional {
	values := make([]cache.Optional, len(names))
	if d.n == 0 {
		return values
	}
	refs := make([]Ref, len(names))
	total := 0
	for i := 0; i < len(names); i += manyAtOnce {
		end := min(len(names), i+manyAtOnce)
		total += d.findMany(names[i:end], refs[i:end])
	}
	buf := make([]byte, 0, total)
	for i, ref := range refs {
		if ref == 0 {
			continue
		}
		start := len(buf)
		buf = append(buf, d.arena.value(ref)...)
		values[i] = cache.Optional{Str: viewOf(buf[start:]), OK: true}
	}
	return values
}

// findMany finds at most manyAtOnce names and returns the bytes of their values.
func (d *Dict) findMany(names []string, refs []Ref) (total int) {
	if len(d.table) == 0 {
		for i, name := range names {
			if refs[i] = d.findFew(name); refs[i] != 0 {
				total += len(d.arena.value(refs[i]))
			}
		}
		return total
	}
	var hashes [manyAtOnce]uint32
	for i, name := range names {
		hashes[i] = hashOf(name)
	}
	for i := range names {
		// The first slot with the hash: nearly always the entry looked for.
		p := d.home(hashes[i])
		for d.table[p].ref != 0 && d.table[p].hash != hashes[i] {
			if p++; p == len(d.table) {
				p = 0
			}
		}
		refs[i] = d.table[p].ref
	}
	// Their lengths tell most strangers, and bring the entries into the cache.
	var lengths [manyAtOnce]uint8
	for i, ref := range refs {
		if ref != 0 {
			lengths[i] = d.arena.at(ref)[1]
		}
	}
	for i, name := range names {
		if refs[i] == 0 {
			continue
		}
		if lengths[i] != uint8(len(name)) || string(d.arena.name(refs[i])) != name {
			refs[i] = d.findHashed(hashes[i], name)
		}
		if refs[i] != 0 {
			total += len(d.arena.value(refs[i]))
		}
	}
	return total
}
