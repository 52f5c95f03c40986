package memory

import (
	"math"
	"strings"
	"unsafe"

	"hyperlocal/cache"
)

// nameSlot is what a member takes in the table of names, padded.
const nameSlot = 24

// sortedSet is a sorted set: names to slots, slots to scores, and the slots in
// order.
type sortedSet struct {
	slotOf map[string]uint32
	slots  []zslot
	free   []uint32
	index  zindex
	bytes  int64 // of names
}

type zslot struct {
	name  string
	score float64
}

func newSortedSet() *sortedSet { return &sortedSet{slotOf: make(map[string]uint32)} }

func (*sortedSet) typeName() string { return "zset" }
func (z *sortedSet) vacant() bool   { return len(z.slotOf) == 0 }
func (z *sortedSet) Len() int       { return len(z.slotOf) }

func (z *sortedSet) memory() int64 {
	return int64(unsafe.Sizeof(*z)) + z.bytes + mapBytes(len(z.slots), nameSlot) + z.index.memory() +
		int64(cap(z.slots))*int64(unsafe.Sizeof(zslot{})) + int64(cap(z.free))*int64(unsafe.Sizeof(z.free[0]))
}

func (z *sortedSet) Score(name string) (float64, bool) {
	slot, ok := z.slotOf[name]
	if !ok {
		return 0, false
	}
	return z.slots[slot].score, true
}

// set adds a member or moves it. score must not be NaN.
func (z *sortedSet) Put(name string, score float64) (added bool) {
	slot, ok := z.slotOf[name]
	if !ok {
		name = strings.Clone(name)
		slot = z.newSlot(zslot{name: name, score: score})
		z.slotOf[name] = slot
		z.bytes += allocated(len(name))
		z.index.insert(z.place(score, name), zentry{score, slot})
		return true
	}
	s := &z.slots[slot]
	if s.score == score {
		return false
	}
	z.move(s, zentry{score, slot})
	s.score = score
	return false
}

// move changes an entry's score in place if that keeps the order, which it
// does for small steps, and otherwise takes it out and puts it in again.
func (z *sortedSet) move(s *zslot, e zentry) {
	p := z.place(s.score, s.name)
	b := z.index.blocks[p.block]
	afterPrev := p.i > 0 && z.before(b.entries[p.i-1], e.score, s.name)
	beforeNext := p.i < b.n-1 && !z.before(b.entries[p.i+1], e.score, s.name)
	if afterPrev && beforeNext {
		b.entries[p.i].score = e.score
		return
	}
	z.index.remove(p)
	z.index.insert(z.place(e.score, s.name), e)
}

func (z *sortedSet) Delete(name string) bool {
	slot, ok := z.slotOf[name]
	if !ok {
		return false
	}
	s := &z.slots[slot]
	z.index.remove(z.place(s.score, s.name))
	z.bytes -= allocated(len(s.name))
	delete(z.slotOf, s.name)
	*s = zslot{}
	z.free = append(z.free, slot)
	return true
}

func (z *sortedSet) newSlot(s zslot) uint32 {
	if n := len(z.free); n > 0 {
		slot := z.free[n-1]
		z.free = z.free[:n-1]
		z.slots[slot] = s
		return slot
	}
	z.slots = append(z.slots, s)
	return uint32(len(z.slots) - 1)
}

// before is the order of the set: e comes before (score, name).
func (z *sortedSet) before(e zentry, score float64, name string) bool {
	if e.score != score {
		return e.score < score
	}
	return z.slots[e.slot].name < name
}

// place is where (score, name) is or would be.
func (z *sortedSet) place(score float64, name string) zpos {
	return z.index.seek(func(e zentry) bool { return z.before(e, score, name) })
}

// from is the first position with at least this score.
func (z *sortedSet) from(score float64) zpos {
	return z.index.seek(func(e zentry) bool { return e.score < score })
}

// after is the first position beyond this score.
func (z *sortedSet) after(score float64) zpos {
	return z.index.seek(func(e zentry) bool { return e.score <= score })
}

func (z *sortedSet) member(p zpos) cache.Member {
	e := z.index.at(p)
	return cache.Member{Name: z.slots[e.slot].name, Score: e.score}
}

// Rank returns how many members come before this one.
func (z *sortedSet) Rank(name string) (rank int, ok bool) {
	score, ok := z.Score(name)
	if !ok {
		return 0, false
	}
	return z.index.rank(z.place(score, name)), true
}

// ranks returns the ranks that a range of scores covers, as from up to but
// without to.
func (z *sortedSet) ranks(r cache.ScoreRange) (from, to int) {
	first, last := z.from(r.Min), z.after(r.Max)
	if r.MinOpen {
		first = z.after(r.Min)
	}
	if r.MaxOpen {
		last = z.from(r.Max)
	}
	return z.index.rank(first), z.index.rank(last)
}

// rangeByScore answers as ZRANGEBYSCORE: a negative offset skips everything.
func (z *sortedSet) rangeByScore(r cache.ScoreRange) []cache.Member {
	from, to := z.ranks(r)
	if r.Offset < 0 || from >= to {
		return nil
	}
	limit := r.Limit
	if limit <= 0 {
		limit = math.MaxInt
	}
	if r.Reverse { // ranks from the other end
		from, to = z.Len()-to, z.Len()-from
	}
	from += min(r.Offset, to-from)
	return z.slice(from, from+min(limit, to-from), r.Reverse)
}

// slice returns the members of ranks from up to but without to, counted from the
// end if reverse.
func (z *sortedSet) slice(from, to int, reverse bool) []cache.Member {
	if from >= to {
		return nil
	}
	members := make([]cache.Member, 0, to-from)
	if reverse {
		for p := z.index.seekRank(z.Len() - from); len(members) < to-from; {
			p = z.index.prev(p)
			members = append(members, z.member(p))
		}
		return members
	}
	for p := z.index.seekRank(from); len(members) < to-from; p = z.index.next(p) {
		members = append(members, z.member(p))
	}
	return members
}

// DeleteRanks removes the members of ranks from up to but without to, and calls
// fn with each name.
func (z *sortedSet) DeleteRanks(from, to int, fn func(name []byte)) {
	for _, m := range z.slice(from, to, false) {
		fn([]byte(m.Name))
		z.Delete(m.Name)
	}
}

// Scores calls fn with each member whose score is at least lo and less than hi,
// in order.
func (z *sortedSet) Scores(lo, hi float64, fn func(slot uint32, score float64)) {
	p := z.from(lo)
	for ; p.block < len(z.index.blocks); p = (zpos{block: p.block + 1}) {
		b := z.index.blocks[p.block]
		for _, e := range b.entries[p.i:b.n] {
			if e.score >= hi {
				return
			}
			fn(e.slot, e.score)
		}
	}
}

// Name is the name in a slot.
func (z *sortedSet) Name(slot uint32) []byte { return []byte(z.slots[slot].name) }
