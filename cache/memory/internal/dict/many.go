package dict

import "hyperlocal/cache"

// A lookup waits for memory twice, for its slot and for its entry. Where several
// names are looked up, all slots are touched before the first is looked at, and
// all entries before the first name is compared, in loops so short that a
// processor is busy with many rounds at a time, with no branch that it could guess
// wrong: so the waits overlap. Both ends of what is read next are touched, since it
// may go over two cache lines.

const (
	// atOnce is how many lookups overlap.
	atOnce = 64
	// nearby is where most searches end, slots from home.
	nearby = 5
	// shortValue is for how many bytes of each value there is room at first.
	shortValue = 8
)

// GetMany answers in the order of names. The values are copies that share an
// allocation or a few.
func (d *Dict) GetMany(names []string) []cache.Optional {
	values := make([]cache.Optional, len(names))
	if d.n == 0 {
		return values
	}
	var few [atOnce]Ref
	refs := few[:]
	if len(names) > atOnce {
		refs = make([]Ref, len(names))
	}
	refs = refs[:len(names)]
	d.FindMany(names, refs)
	var buf []byte
	for i, ref := range refs {
		if ref == 0 {
			continue
		}
		value := d.arena.value(ref)
		if len(value) > cap(buf)-len(buf) {
			buf = make([]byte, 0, max(len(value), shortValue*(len(refs)-i)))
		}
		start := len(buf)
		buf = append(buf, value...)
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
	for i, name := range names {
		hashes[i] = hashOf(name)
	}
	var touched Ref
	table := d.table
	for _, h := range hashes[:len(names)] {
		home := d.home(h)
		touched ^= table[home].ref ^ table[min(home+nearby, len(table)-1)].ref
	}
	for i := range names {
		// The first slot with the hash: nearly always the entry looked for.
		p := d.home(hashes[i])
		for table[p].ref != 0 && table[p].hash != hashes[i] {
			if p++; p == len(table) {
				p = 0
			}
		}
		refs[i] = table[p].ref
	}
	chunks := d.arena.chunks
	for i, ref := range refs[:len(names)] {
		// As at and name have it, without what would make the loop longer.
		u := uint32(max(ref, firstRef)) - 1
		chunk, p := chunks[u>>chunkBits], int(u&chunkMask)*unit
		touched ^= Ref(chunk[p]) ^ Ref(chunk[min(p+header+len(names[i]), len(chunk)-1)])
	}
	keepLoads(touched)
	for i, name := range names {
		if refs[i] != 0 && string(d.arena.name(refs[i])) != name {
			refs[i] = d.findHashed(hashes[i], name)
		}
	}
}

// touchBytes is how much of an entry [arena.touch] brings nearer.
const touchBytes = 3 * 64

// touch brings entries that are read next nearer.
func (a *arena) touch(refs []Ref) {
	var touched Ref
	for _, ref := range refs {
		b := a.at(ref)
		for p := 0; p < min(touchBytes, len(b)); p += 64 {
			touched ^= Ref(b[p])
		}
	}
	keepLoads(touched)
}

// keepLoads makes the compiler believe that what was loaded is used.
//
//go:noinline
func keepLoads(Ref) {}
