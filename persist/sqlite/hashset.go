package sqlite

import (
	"slices"

	"hyperlocal/internal/giveway"
)

// hashSet is a set of hashes in one piece of memory, by open addressing: half of what
// a map takes, and one wait for memory where that has several. The zero value is an
// empty set.
type hashSet struct {
	slots []uint64 // a power of two of them; 0 is a free one
	n     int
}

// hashSlots is the size of a set that begins.
const hashSlots = 1 << 10

// slot is where a hash is or would be.
func (s *hashSet) slot(h uint64) *uint64 {
	mask := uint64(len(s.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		if at := &s.slots[i]; *at == h || *at == 0 {
			return at
		}
	}
}

// used is a hash that can be told from a free slot.
func used(h uint64) uint64 { return max(h, 1) }

func (s *hashSet) has(h uint64) bool {
	return s.n > 0 && *s.slot(used(h)) != 0
}

// slotsPerStep are moved or cleared in some 0.2 ms, most of it waiting for new memory.
const slotsPerStep = 8 << 10

// clear empties the set, which keeps its memory: it will soon hold as much again.
func (s *hashSet) clear(turn *giveway.Turn) {
	for part := range slices.Chunk(s.slots, slotsPerStep) {
		clear(part)
		turn.Step(1)
	}
	s.n = 0
}

func (s *hashSet) grow(turn *giveway.Turn) {
	old := s.slots
	s.slots = make([]uint64, max(2*len(old), hashSlots))
	for part := range slices.Chunk(old, slotsPerStep) {
		for _, o := range part {
			if o != 0 {
				*s.slot(o) = o
			}
		}
		turn.Step(1)
	}
}

func (s *hashSet) add(turn *giveway.Turn, h uint64) {
	if s.n+1 > len(s.slots)*3/4 {
		s.grow(turn)
	}
	if at := s.slot(used(h)); *at == 0 {
		*at = used(h)
		s.n++
	}
}
