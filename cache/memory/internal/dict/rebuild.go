package dict

import "encoding/binary"

// sparseMin is the size below which an arena is not worth rebuilding, bytes.
const sparseMin = 4 << 10

// Sparse says that the map takes much more memory than its entries need, since
// many have been deleted.
func (d *Dict) Sparse() bool {
	return d.arena.chunkBytes() > max(sparseMin, 4*d.arena.live) || len(d.table) > 8*max(d.n, tableMin)
}

func (a *arena) chunkBytes() int64 {
	last := len(a.chunks) - 1
	if last <= 0 {
		return int64(a.used)
	}
	return int64(last)*chunkSize + int64(len(a.chunks[last]))
}

// Rebuild lays all entries out anew, in the memory that they need. Whoever
// holds Refs asks forward for the new one of each; forward keeps the old memory
// alive.
func (d *Dict) Rebuild() (forward func(Ref) Ref) {
	old := *d
	*d = Dict{n: old.n}
	for ref := range old.refs() {
		moved := d.arena.add(viewOf(old.arena.name(ref)), viewOf(old.arena.value(ref)), 0)
		// Every place has room for a link behind its header, and nobody reads
		// the old entry any more.
		binary.LittleEndian.PutUint32(old.arena.at(ref)[header:], uint32(moved))
	}
	if d.n >= tableMin {
		d.buildTable(d.n*fullDen/fullNum + d.n/4 + 1)
	}
	return func(ref Ref) Ref { return Ref(binary.LittleEndian.Uint32(old.arena.at(ref)[header:])) }
}
