package dict

import "hyperlocal/cache"

// A lookup waits for memory twice, for its slot and for its entry. Where several
// names are looked up, all slots are touched before the first is looked at, and
// all entries before the first name is compared, with no branch in between that a
// processor could guess wrong: so the waits overlap.

// atOnce is how many lookups overlap.
const atOnce = 64

// GetMany answers in the order of names. The values are copies that share one
// allocation.
func (d *Dict) GetMany(names []string) []cache.Optional {
	values := make([]cache.Optional, len(names))
	if d.n == 0 {
		return values
	}
	refs := make([]Ref, len(names))
	d.FindMany(names, refs)
	total := 0
	for _, ref := range refs {
		if ref != 0 {
			total += len(d.arena.value(ref))
		}
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

// SetMany sets fields in their order and returns how many are new.
func (d *Dict) SetMany(fields []cache.Field) (added int64) {
	var names [atOnce]string
	var refs [atOnce]Ref
	for len(fields) > 0 {
		n := min(len(fields), atOnce)
		for i, f := range fields[:n] {
			names[i] = f.Name
		}
		d.FindMany(names[:n], refs[:n])
		moved := false // and the refs are no longer good
		for i, f := range fields[:n] {
			if !moved && refs[i] != 0 && d.arena.overwrite(refs[i], f.Value) {
				continue
			}
			moved = true
			if d.Set(f.Name, f.Value) {
				added++
			}
		}
		fields = fields[n:]
	}
	return added
}

// FindMany is [Dict.Find] of each name.
func (d *Dict) FindMany(names []string, refs []Ref) {
	for len(names) > atOnce {
		d.findMany(names[:atOnce], refs[:atOnce])
		names, refs = names[atOnce:], refs[atOnce:]
	}
	d.findMany(names, refs)
}

// findMany is FindMany of at most atOnce names.
func (d *Dict) findMany(names []string, refs []Ref) {
	if len(d.table) == 0 {
		for i, name := range names {
			refs[i] = d.findFew(name)
		}
		return
	}
	var hashes [atOnce]uint32
	var touched Ref
	for i, name := range names {
		hashes[i] = hashOf(name)
		touched ^= d.table[d.home(hashes[i])].ref
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
	for _, ref := range refs {
		touched ^= Ref(d.arena.at(max(ref, firstRef))[0])
	}
	keepLoads(touched)
	for i, name := range names {
		if refs[i] != 0 && string(d.arena.name(refs[i])) != name {
			refs[i] = d.findHashed(hashes[i], name)
		}
	}
}

// keepLoads makes the compiler believe that what was loaded is used.
//
//go:noinline
func keepLoads(Ref) {}
