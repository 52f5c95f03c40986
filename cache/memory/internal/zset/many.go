package zset

import (
	"hyperlocal/cache"
	"hyperlocal/cache/memory/internal/dict"
)

// atOnce is how many moves wait for memory together, see [dict.Dict.FindMany].
const atOnce = 64

// PutMany puts members in their order and returns how many are new. No score may
// be NaN.
func (s *Set) PutMany(members []cache.Member) (added int64) {
	var names [atOnce]string
	var refs [atOnce]dict.Ref
	for len(members) > 0 {
		n := min(len(members), atOnce)
		for i, m := range members[:n] {
			names[i] = m.Name
		}
		s.members.FindMany(names[:n], refs[:n])
		s.touch(members[:n], refs[:n])
		for i, m := range members[:n] {
			if refs[i] != 0 { // adding members leaves it good
				s.give(refs[i], m.Name, m.Score)
			} else if s.Put(m.Name, m.Score) {
				added++
			}
		}
		members = members[n:]
	}
	return added
}

// touch brings the blocks that members leave and those that they go to nearer.
func (s *Set) touch(members []cache.Member, refs []dict.Ref) {
	x := &s.index
	var near [2 * atOnce]*block
	n := 0
	for i, m := range members {
		if refs[i] == 0 {
			continue
		}
		for _, score := range [2]float64{s.scoreOf(refs[i]), m.Score} {
			if block := searchFrom(x.tops, score); block < len(x.blocks) {
				near[n] = x.blocks[block]
				n++
			}
		}
	}
	var touched float64
	for _, b := range near[:n] {
		touched += b.sample()
	}
	keepLoads(touched)
}

// sample loads where a binary search of the scores begins, from each pair of the
// cache's lines.
func (b *block) sample() float64 {
	return b.scores[15] + b.scores[31] + b.scores[47] + b.scores[63] + b.scores[79] + b.scores[95] + b.scores[111]
}

// keepLoads makes the compiler believe that what was loaded is used.
//
//go:noinline
func keepLoads(float64) {}
