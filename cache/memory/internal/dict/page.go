package dict

// Page calls fn with views of about count entries, those with the lowest hashes
// from "from" on, and returns where the next page begins; more is false when
// there is none. The pages from 0 on show every entry that is there all the time
// at least once, whatever is written between them.
func (d *Dict) Page(from uint64, count int, fn func(name, value []byte)) (next uint64, more bool) {
	if len(d.table) == 0 {
		for ref := range d.arena.all() {
			if name := d.arena.name(ref); uint64(hashOfBytes(name)) >= from {
				fn(name, d.arena.value(ref))
			}
		}
		return 0, false
	}
	if from >= 1<<32 {
		return 0, false
	}
	n := len(d.table)
	begin := d.home(uint32(from))
	end := min(n, begin+max(count, 1)*fullDen/fullNum)
	next = 1 << 32
	if end < n { // the lowest hash whose home is end
		next = (uint64(end)<<32 + uint64(n) - 1) / uint64(n)
	}
	// Entries at home before end lie before the first free slot from end on.
	var few [atOnce]Ref
	refs := few[:0]
	show := func() {
		d.arena.touch(refs)
		for _, ref := range refs {
			fn(d.arena.name(ref), d.arena.value(ref))
		}
		refs = refs[:0]
	}
	for i, left := begin, n; left > 0; left-- {
		s := d.table[i%n]
		if s.ref == 0 && i >= end {
			break
		}
		if h := uint64(s.hash); s.ref != 0 && h >= from && h < next {
			if refs = append(refs, s.ref); len(refs) == atOnce {
				show()
			}
		}
		i++
	}
	show()
	return next, next < 1<<32
}
