package zset

import "hyperlocal/cache/memory/internal/dict"

// Rank returns how many members come before this one.
func (s *Set) Rank(name string) (rank int, ok bool) {
	ref := s.members.Find(name)
	if ref == 0 {
		return 0, false
	}
	return s.index.rank(s.locate(ref, s.scoreOf(ref))), true
}

// CountBelow is the number of members with less than this score, or with at
// most this score if it is inclusive: the rank of the first one beyond.
func (s *Set) CountBelow(score float64, inclusive bool) int {
	if inclusive {
		return s.index.rank(s.index.after(score))
	}
	return s.index.rank(s.index.from(score))
}

// Ascend calls fn with the members of ranks from up to but without to, in
// order, until it returns false.
func (s *Set) Ascend(from, to int, fn func(name []byte, score float64) bool) {
	from, to = max(from, 0), min(to, s.Len())
	if from >= to {
		return
	}
	x := &s.index
	for p := x.at(from); from < to; p, from = x.next(p), from+1 {
		if !s.show(p, fn) {
			return
		}
	}
}

// Descend is Ascend with ranks counted from the other end, the highest member
// having rank 0.
func (s *Set) Descend(from, to int, fn func(name []byte, score float64) bool) {
	from, to = max(from, 0), min(to, s.Len())
	if from >= to {
		return
	}
	x := &s.index
	for p := x.at(s.Len() - 1 - from); ; p = x.prev(p) {
		if from++; !s.show(p, fn) || from >= to {
			return
		}
	}
}

func (s *Set) show(p pos, fn func(name []byte, score float64) bool) bool {
	b := s.index.blocks[p.block]
	return fn(s.members.Name(b.refs[p.i]), b.scores[p.i])
}

// Scores calls fn with each member whose score is at least lo and less than hi,
// in order. The name is only looked up by whoever asks [Set.Name] for it.
func (s *Set) Scores(lo, hi float64, fn func(ref dict.Ref, score float64)) {
	x := &s.index
	for p := x.from(lo); p.block < len(x.blocks); p = (pos{block: p.block + 1}) {
		b, n := x.blocks[p.block], x.count(p.block)
		for i := p.i; i < n; i++ {
			if b.scores[i] >= hi {
				return
			}
			fn(b.refs[i], b.scores[i])
		}
	}
}

// Name is a view of a member's name.
func (s *Set) Name(ref dict.Ref) []byte { return s.members.Name(ref) }

// Page is [dict.Dict.Page] of the members.
func (s *Set) Page(from uint64, count int, fn func(name []byte, score float64)) (next uint64, more bool) {
	return s.members.Page(from, count, func(name, value []byte) { fn(name, decode(value)) })
}
