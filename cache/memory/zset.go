package memory

import (
	"math"
	"strings"

	"hyperlocal/cache"
)

// memberOverhead is the estimate for a member of a sorted set beside its
// name: its slot, its place in the table of names and in the index.
const memberOverhead = 88

// zset is a sorted set: names to slots, slots to scores, and the slots in
// order.
type zset struct {
	slotOf map[string]uint32
	slots  []zslot
	free   []uint32
	index  zindex
	bytes  int64
}

type zslot struct {
	name  string
	score float64
}

func newZSet() *zset { return &zset{slotOf: make(map[string]uint32)} }

func (*zset) typeName() string { return "zset" }
func (z *zset) memory() int64  { return z.bytes }
func (z *zset) vacant() bool   { return len(z.slotOf) == 0 }
func (z *zset) len() int       { return len(z.slotOf) }

func (z *zset) score(name string) (float64, bool) {
	slot, ok := z.slotOf[name]
	if !ok {
		return 0, false
	}
	return z.slots[slot].score, true
}

// set adds a member or moves it. score must not be NaN.
func (z *zset) set(name string, score float64) (added bool) {
	slot, ok := z.slotOf[name]
	if !ok {
		name = strings.Clone(name)
		slot = z.newSlot(zslot{name: name, score: score})
		z.slotOf[name] = slot
		z.bytes += memberOverhead + int64(len(name))
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
func (z *zset) move(s *zslot, e zentry) {
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

func (z *zset) remove(name string) bool {
	slot, ok := z.slotOf[name]
	if !ok {
		return false
	}
	s := &z.slots[slot]
	z.index.remove(z.place(s.score, s.name))
	z.bytes -= memberOverhead + int64(len(s.name))
	delete(z.slotOf, s.name)
	*s = zslot{}
	z.free = append(z.free, slot)
	return true
}

func (z *zset) newSlot(s zslot) uint32 {
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
func (z *zset) before(e zentry, score float64, name string) bool {
	if e.score != score {
		return e.score < score
	}
	return z.slots[e.slot].name < name
}

// place is where (score, name) is or would be.
func (z *zset) place(score float64, name string) zpos {
	return z.index.seek(func(e zentry) bool { return z.before(e, score, name) })
}

// from is the first position with at least this score.
func (z *zset) from(score float64) zpos {
	return z.index.seek(func(e zentry) bool { return e.score < score })
}

// after is the first position beyond this score.
func (z *zset) after(score float64) zpos {
	return z.index.seek(func(e zentry) bool { return e.score <= score })
}

func (z *zset) member(p zpos) cache.Member {
	e := z.index.at(p)
	return cache.Member{Name: z.slots[e.slot].name, Score: e.score}
}

// rangeByScore answers as ZRANGEBYSCORE: a negative offset skips everything.
func (z *zset) rangeByScore(r cache.ScoreRange) []cache.Member {
	if r.Min > r.Max || r.Offset < 0 {
		return nil
	}
	first, last := z.from(r.Min), z.after(r.Max)
	limit := r.Limit
	if limit <= 0 {
		limit = math.MaxInt
	}
	var members []cache.Member
	skip := r.Offset
	for len(members) < limit && first != last {
		p := first
		if r.Reverse {
			last = z.index.prev(last)
			p = last
		} else {
			first = z.index.next(first)
		}
		if skip > 0 {
			skip--
			continue
		}
		members = append(members, z.member(p))
	}
	return members
}
