// Package dict maps byte strings to byte strings with almost no pointers: the
// garbage collector has nothing to follow in a map of millions of entries, and
// the memory that a map uses is known to the byte.
//
// # Layout
//
// Entries lie in an arena of chunks and never move while they exist, so that a
// [Ref] names one for as long as it is there. A table of hashes and refs, open
// addressing with linear probing, finds them; below [tableMin] entries there
// is no table and a lookup goes through the arena. The table's home of a hash
// is its fraction of the table's length, so a table is in the order of the hashes:
// growing needs no entry to be read, and a page of hashes (see [Dict.Page]) is
// a page of the table whatever size it has.
//
// # Use
//
// The zero value is an empty map. Reading is safe from many goroutines at once,
// writing is not. A []byte that a method returns is a view, good until the next
// write.
package dict

import (
	"hash/maphash"
	"iter"
	"unsafe"
)

// Dict is a map from name to value.
type Dict struct {
	arena arena
	table []slot // its length is 0 below tableMin entries
	n     int
}

// Ref names an entry from the moment it is added until it is deleted, or until
// the map is rebuilt. No entry has the Ref 0.
type Ref uint32

const (
	// tableMin is the number of entries from which on there is a table.
	tableMin = 9
	// The table grows by a quarter when it is four fifths full: probes stay short,
	// and on average seven tenths of it are in use. It is in order, so growing
	// is a walk over it.
	fullNum, fullDen = 4, 5
)

// slot is an entry's place in the table; ref 0 is a free one.
type slot struct {
	hash uint32
	ref  Ref
}

const slotSize = 8

// seed is one of this process, so that nobody can choose names that collide.
var seed = maphash.MakeSeed()

func hashOf(name string) uint32 { return uint32(maphash.String(seed, name)) }

func hashOfBytes(name []byte) uint32 { return uint32(maphash.Bytes(seed, name)) }

// Len is the number of entries.
func (d *Dict) Len() int { return d.n }

// structSize is what a Dict itself takes.
const structSize = int64(unsafe.Sizeof(Dict{}))

// Bytes is what the map has allocated, itself included.
func (d *Dict) Bytes() int64 {
	return structSize + d.arena.allocated + int64(cap(d.table))*slotSize
}

// Get returns a view of a value.
func (d *Dict) Get(name string) (value []byte, ok bool) {
	ref := d.Find(name)
	if ref == 0 {
		return nil, false
	}
	return d.arena.value(ref), true
}

// Find returns the entry of that name, or 0.
func (d *Dict) Find(name string) Ref {
	if len(d.table) == 0 {
		return d.findFew(name)
	}
	return d.findHashed(hashOf(name), name)
}

func (d *Dict) findFew(name string) Ref {
	for ref := range d.arena.all() {
		if string(d.arena.name(ref)) == name {
			return ref
		}
	}
	return 0
}

func (d *Dict) findHashed(h uint32, name string) Ref {
	for i := d.home(h); ; {
		s := d.table[i]
		if s.ref == 0 {
			return 0
		}
		if s.hash == h && string(d.arena.name(s.ref)) == name {
			return s.ref
		}
		if i++; i == len(d.table) {
			i = 0
		}
	}
}

// home is where the search for a hash begins.
func (d *Dict) home(h uint32) int { return int(uint64(h) * uint64(len(d.table)) >> 32) }

// Name is a view of an entry's name.
func (d *Dict) Name(ref Ref) []byte { return d.arena.name(ref) }

// Value is a view of an entry's value. It may be overwritten in place.
func (d *Dict) Value(ref Ref) []byte { return d.arena.value(ref) }

// Overwrite gives an entry another value if its place has room for it.
func (d *Dict) Overwrite(ref Ref, value string) bool { return d.arena.overwrite(ref, value) }

// Append puts text behind the value of an entry of that name, which must be there
// under ref, and returns where the entry is then. If it has to move, it gets room for
// so many bytes more, or for some.
func (d *Dict) Append(ref Ref, name, text string, room int) Ref {
	moved := d.arena.append(ref, text, max(room, appendRoom))
	if moved != ref && len(d.table) > 0 {
		h := hashOf(name)
		for i := d.home(h); ; {
			if d.table[i].ref == ref {
				d.table[i].ref = moved
				break
			}
			if i++; i == len(d.table) {
				i = 0
			}
		}
	}
	return moved
}

// Set gives a name a value and reports whether the name is new.
func (d *Dict) Set(name, value string) (added bool) {
	_, added = d.Put(name, value)
	return added
}

// Put is Set that also returns the entry. A name that is there keeps its
// Ref if the value has the length that it had.
func (d *Dict) Put(name, value string) (ref Ref, added bool) {
	if len(d.table) == 0 {
		return d.putFew(name, value)
	}
	h := hashOf(name)
	for i := d.home(h); ; {
		s := &d.table[i]
		if s.ref == 0 {
			break
		}
		if s.hash == h && string(d.arena.name(s.ref)) == name {
			s.ref = d.arena.replace(s.ref, value)
			return s.ref, false
		}
		if i++; i == len(d.table) {
			i = 0
		}
	}
	return d.enterNew(h, name, value, 0), true
}

// enterNew adds an entry to a map that has a table.
func (d *Dict) enterNew(h uint32, name, value string, room int) Ref {
	ref := d.arena.add(name, value, room)
	d.n++
	if d.n*fullDen > len(d.table)*fullNum {
		d.resize(len(d.table) + len(d.table)/4)
	}
	d.enter(h, ref)
	return ref
}

func (d *Dict) putFew(name, value string) (ref Ref, added bool) {
	if ref := d.findFew(name); ref != 0 {
		return d.arena.replace(ref, value), false
	}
	return d.addFew(name, value, 0), true
}

func (d *Dict) addFew(name, value string, room int) Ref {
	ref := d.arena.add(name, value, room)
	if d.n++; d.n == tableMin {
		d.buildTable(2 * tableMin)
	}
	return ref
}

// Add adds an entry of a name that is not there, with room for its value to be so
// many bytes longer.
func (d *Dict) Add(name, value string, room int) Ref {
	if len(d.table) == 0 {
		return d.addFew(name, value, room)
	}
	return d.enterNew(hashOf(name), name, value, room)
}

// Reserve prepares for n entries in all.
func (d *Dict) Reserve(n int) {
	if slots := n*fullDen/fullNum + 1; n >= tableMin && slots > len(d.table) && len(d.table) > 0 {
		d.resize(slots)
	}
}

// buildTable makes a table of everything in the arena.
func (d *Dict) buildTable(slots int) {
	d.table = make([]slot, slots)
	for ref := range d.arena.all() {
		d.enter(hashOfBytes(d.arena.name(ref)), ref)
	}
}

func (d *Dict) resize(slots int) {
	old := d.table
	d.table = make([]slot, slots)
	for _, s := range old {
		if s.ref != 0 {
			d.enter(s.hash, s.ref)
		}
	}
}

// enter puts an entry into the first free slot from its home on.
func (d *Dict) enter(h uint32, ref Ref) {
	i := d.home(h)
	for d.table[i].ref != 0 {
		if i++; i == len(d.table) {
			i = 0
		}
	}
	d.table[i] = slot{h, ref}
}

// Delete removes an entry and reports whether there was one. Afterwards a map that
// is [Dict.Sparse] should be rebuilt, by whoever may hold Refs.
func (d *Dict) Delete(name string) bool {
	if len(d.table) == 0 {
		ref := d.findFew(name)
		if ref == 0 {
			return false
		}
		d.drop(ref)
		return true
	}
	h := hashOf(name)
	for i := d.home(h); ; {
		s := d.table[i]
		if s.ref == 0 {
			return false
		}
		if s.hash == h && string(d.arena.name(s.ref)) == name {
			d.vacate(i)
			d.drop(s.ref)
			return true
		}
		if i++; i == len(d.table) {
			i = 0
		}
	}
}

func (d *Dict) drop(ref Ref) {
	d.arena.free(ref)
	d.n--
	if d.n == 0 {
		*d = Dict{}
	}
}

// vacate frees a slot and moves up what would no longer be found behind it
// (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
func (d *Dict) vacate(i int) {
	n := len(d.table)
	for j := i; ; {
		if j++; j == n {
			j = 0
		}
		s := d.table[j]
		if s.ref == 0 {
			break
		}
		// It stays if its home lies behind the gap.
		if home := d.home(s.hash); (j-home+n)%n < (j-i+n)%n {
			continue
		}
		d.table[i] = s
		i = j
	}
	d.table[i] = slot{}
}

// All yields each entry's name and value, as views, in no order.
func (d *Dict) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for ref := range d.refs() {
			if !yield(d.arena.name(ref), d.arena.value(ref)) {
				return
			}
		}
	}
}

// refs yields each entry.
func (d *Dict) refs() iter.Seq[Ref] {
	if len(d.table) == 0 {
		return d.arena.all()
	}
	return func(yield func(Ref) bool) {
		for _, s := range d.table {
			if s.ref != 0 && !yield(s.ref) {
				return
			}
		}
	}
}
