// Package zset is a sorted set: members in the order of their scores, and of
// their bytes where scores are equal, found by name, by score and by rank, with
// few pointers.
//
// The members are a [dict.Dict] from name to score. Beside it is an index of all
// members in order, in blocks of bounded length, which knows a member by its
// score and its Ref. Finding a place is two binary searches, moving a member
// two short moves of memory.
//
// The zero value is an empty set. Reading is safe from many goroutines at once,
// writing is not. Names are given out as views, good until the next write.
package zset

import (
	"encoding/binary"
	"math"
	"slices"
	"unsafe"

	"hyperlocal/cache/memory/internal/dict"
)

// Set is a sorted set.
type Set struct {
	members dict.Dict
	index   index
}

const structSize = int64(unsafe.Sizeof(index{}))

// Len is the number of members.
func (s *Set) Len() int { return s.members.Len() }

// Bytes is what the set has allocated, itself included.
func (s *Set) Bytes() int64 { return s.members.Bytes() + structSize + s.index.bytes() }

// Score returns a member's score.
func (s *Set) Score(name string) (score float64, ok bool) {
	ref := s.members.Find(name)
	if ref == 0 {
		return 0, false
	}
	return s.scoreOf(ref), true
}

func (s *Set) scoreOf(ref dict.Ref) float64 { return decode(s.members.Value(ref)) }

func decode(value []byte) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(value))
}

// Put adds a member or moves it, and reports whether it is new. score must not
// be NaN.
func (s *Set) Put(name string, score float64) (added bool) {
	if ref := s.members.Find(name); ref != 0 {
		s.give(ref, name, score)
		return false
	}
	var value [8]byte
	binary.LittleEndian.PutUint64(value[:], math.Float64bits(score))
	ref, _ := s.members.Put(name, unsafe.String(&value[0], len(value)))
	s.insert(ref, name, score)
	return true
}

// give puts an entry at another score.
func (s *Set) give(ref dict.Ref, name string, score float64) {
	if old := s.scoreOf(ref); old != score {
		s.move(ref, name, old, score)
		binary.LittleEndian.PutUint64(s.members.Value(ref), math.Float64bits(score))
	}
}

// insert puts an entry where it belongs.
func (s *Set) insert(ref dict.Ref, name string, score float64) {
	x := &s.index
	if n := len(x.tops); n == 0 || x.tops[n-1] < score {
		x.insert(x.end(), score, ref) // such as a time: later than all others
		return
	}
	x.insert(s.place(score, name), score, ref)
}

// move gives an entry another score: in its place if that keeps the order, which
// it does for small steps.
func (s *Set) move(ref dict.Ref, name string, old, score float64) {
	x := &s.index
	p := s.locate(ref, old)
	b := x.blocks[p.block]
	if p.i > 0 && p.i < x.count(p.block)-1 && b.scores[p.i-1] < score && score < b.scores[p.i+1] {
		b.scores[p.i] = score
		return
	}
	x.remove(p)
	s.insert(ref, name, score)
}

// Delete removes a member and reports whether there was one.
func (s *Set) Delete(name string) bool {
	ref := s.members.Find(name)
	if ref == 0 {
		return false
	}
	s.index.remove(s.locate(ref, s.scoreOf(ref)))
	s.members.Delete(name)
	s.tidy()
	return true
}

// tidy gives memory back after many members have gone.
func (s *Set) tidy() {
	if s.members.Len() == 0 {
		*s = Set{}
		return
	}
	if !s.members.Sparse() {
		return
	}
	forward := s.members.Rebuild()
	for i, b := range s.index.blocks {
		for j := range s.index.count(i) {
			b.refs[j] = forward(b.refs[j])
		}
	}
}

// DeleteRanks removes the members of ranks from up to but without to, calls fn
// with each name before, and returns how many there were.
func (s *Set) DeleteRanks(from, to int, fn func(name []byte)) int {
	names := make([]string, 0, max(0, to-from))
	s.Ascend(from, to, func(name []byte, _ float64) bool {
		names = append(names, string(name))
		return true
	})
	for _, name := range names {
		fn([]byte(name))
		s.Delete(name)
	}
	return len(names)
}

// maxWalk is how many entries of the same score are looked at for one of them.
// Comparing names instead takes a logarithm of steps, each of which waits for
// memory elsewhere.
const maxWalk = 4 * blockCap

// locate is where an entry with its score is.
func (s *Set) locate(ref dict.Ref, score float64) pos {
	x := &s.index
	p := x.from(score)
	for i, walked := p.block, 0; walked < maxWalk && i < len(x.blocks); i++ {
		from, n := 0, x.count(i)
		if i == p.block {
			from = p.i
		}
		if j := slices.Index(x.blocks[i].refs[from:n], ref); j >= 0 {
			return pos{i, from + j}
		}
		if x.tops[i] > score {
			break
		}
		walked += n - from
	}
	return s.place(score, s.nameOf(ref))
}

// place is where (score, name) is or would be.
func (s *Set) place(score float64, name string) pos {
	x := &s.index
	p := x.from(score)
	// Members of the same score are in the order of their names: step over
	// whole blocks of them, then halve.
	for p.block < len(x.blocks) && x.tops[p.block] == score && s.nameAt(pos{p.block, x.count(p.block) - 1}) < name {
		p = pos{block: p.block + 1}
	}
	if p.block == len(x.blocks) {
		return p
	}
	b, lo, hi := x.blocks[p.block], p.i, x.count(p.block)
	for lo < hi && b.scores[lo] == score {
		if mid := int(uint(lo+hi) >> 1); b.scores[mid] > score || s.nameAt(pos{p.block, mid}) >= name {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return pos{p.block, lo}
}

func (s *Set) nameAt(p pos) string { return s.nameOf(s.index.blocks[p.block].refs[p.i]) }

// nameOf is a view of a name.
func (s *Set) nameOf(ref dict.Ref) string {
	name := s.members.Name(ref)
	return unsafe.String(unsafe.SliceData(name), len(name))
}
