package memory

import (
	"hash/maphash"
	"iter"
	"math/bits"
	"unsafe"
)

// keyTable finds a shard's items by their keys: open addressing with linear
// probing, the hash beside the item, so that a search reads one slot and one item.
// The home of a hash is its fraction of the table's length, which puts the table
// into the order of the hashes: a page of hashes is a part of it whatever its
// length is, and making it anew reads no item.
//
// The zero value is an empty table.
type keyTable struct {
	slots []keySlot
	n     int
}

type keySlot struct {
	hash uint64
	it   *item // nil: the slot is free
}

const (
	minSlots = 16
	// The table grows by half when it is four fifths full.
	fullNum, fullDen = 4, 5
	keySlotSize      = int64(unsafe.Sizeof(keySlot{}))
)

// keySeed is one of this process, so that nobody can choose keys that collide.
var keySeed = maphash.MakeSeed()

func (t *keyTable) bytes() int64 { return int64(cap(t.slots)) * keySlotSize }

func (t *keyTable) home(hash uint64) int {
	hi, _ := bits.Mul64(hash, uint64(len(t.slots)))
	return int(hi)
}

func (t *keyTable) after(i int) int {
	if i++; i == len(t.slots) {
		return 0
	}
	return i
}

// find returns the item of a key, or nil.
func (t *keyTable) find(key string) *item {
	if t.n == 0 {
		return nil
	}
	hash := maphash.String(keySeed, key)
	for i := t.home(hash); ; i = t.after(i) {
		s := &t.slots[i]
		if s.it == nil || s.hash == hash && s.it.key == key {
			return s.it
		}
	}
}

// add adds an item whose key is missing.
func (t *keyTable) add(it *item) {
	if t.n++; t.n*fullDen > len(t.slots)*fullNum {
		t.resize(max(minSlots, len(t.slots)+len(t.slots)/2))
	}
	t.enter(keySlot{maphash.String(keySeed, it.key), it})
}

func (t *keyTable) enter(s keySlot) {
	i := t.home(s.hash)
	for t.slots[i].it != nil {
		i = t.after(i)
	}
	t.slots[i] = s
}

// resize lays the table out anew; there must be room for all items.
func (t *keyTable) resize(slots int) {
	old := t.slots
	t.slots = make([]keySlot, slots)
	for _, s := range old {
		if s.it != nil {
			t.enter(s)
		}
	}
}

// remove takes out an item, which must be there, and moves up what would no
// longer be found behind it (Knuth, The Art of Computer Programming 3, 6.4,
// algorithm R).
func (t *keyTable) remove(it *item) {
	gap := t.home(maphash.String(keySeed, it.key))
	for t.slots[gap].it != it {
		gap = t.after(gap)
	}
	n := len(t.slots)
	for j := t.after(gap); t.slots[j].it != nil; j = t.after(j) {
		// It stays if its home lies behind the gap.
		if home := t.home(t.slots[j].hash); (j-home+n)%n >= (j-gap+n)%n {
			t.slots[gap] = t.slots[j]
			gap = j
		}
	}
	t.slots[gap] = keySlot{}
	t.n--
}

// shrink makes the table as long as its items need.
func (t *keyTable) shrink() { t.resize(max(minSlots, 2*t.n)) }

// all yields each item.
func (t *keyTable) all() iter.Seq[*item] {
	return func(yield func(*item) bool) {
		for _, s := range t.slots {
			if s.it != nil && !yield(s.it) {
				return
			}
		}
	}
}

// page calls fn with about count items, those with the lowest hashes from "from"
// on, and returns where the next page begins, a multiple of shardCount; more is
// false if there is none. Whatever comes and goes between the pages, and however
// the table grows and shrinks, what stays is on exactly one of them.
func (t *keyTable) page(from uint64, count int, fn func(it *item)) (next uint64, more bool) {
	n := len(t.slots)
	if n == 0 {
		return 0, false
	}
	begin := t.home(from)
	end := begin + max(count, 1)*fullDen/fullNum
	if end < n {
		next, more = firstHash(end, n)
	}
	// What is at home before end lies before the first free slot from end on.
	for i, left := begin, n; left > 0; i, left = i+1, left-1 {
		s := t.slots[i%n]
		if s.it == nil && i >= end {
			break
		}
		if s.it != nil && s.hash >= from && (!more || s.hash < next) {
			fn(s.it)
		}
	}
	return next, more
}

// firstHash is the lowest hash at home in slot i of n, rounded up to a multiple of
// shardCount. There is none if that is beyond all hashes.
func firstHash(i, n int) (hash uint64, ok bool) {
	hash, rest := bits.Div64(uint64(i), 0, uint64(n)) // 2^64·i/n
	if rest > 0 {
		hash++
	}
	hash, over := bits.Add64(hash, shardCount-1, 0)
	return hash &^ (shardCount - 1), over == 0
}
