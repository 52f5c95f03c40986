package zset

import (
	"slices"
	"sort"

	"hyperlocal/cache/memory/internal/dict"
)

// index is a list of blocks of entries in order.
type index struct {
	blocks []*block
	tops   []float64 // the last score of each block: searched without touching it
	counts []uint8   // the entries in each block: added up for a rank
}

// blockCap fills an allocation of 1536 bytes.
const (
	blockCap  = 127
	blockSize = 1536
)

type block struct {
	scores [blockCap]float64
	refs   [blockCap]dict.Ref
}

// pos is a position in the order; one past the last entry is {len(blocks), 0}.
type pos struct{ block, i int }

func (x *index) bytes() int64 {
	return int64(len(x.blocks))*blockSize + int64(cap(x.blocks)+cap(x.tops))*8 + int64(cap(x.counts))
}

func (x *index) end() pos { return pos{block: len(x.blocks)} }

func (x *index) count(block int) int { return int(x.counts[block]) }

func (x *index) next(p pos) pos {
	if p.i++; p.i >= x.count(p.block) {
		return pos{block: p.block + 1}
	}
	return p
}

// prev must not be asked of begin.
func (x *index) prev(p pos) pos {
	if p.i > 0 {
		return pos{p.block, p.i - 1}
	}
	return pos{p.block - 1, x.count(p.block-1) - 1}
}

// from is the first position with at least this score.
func (x *index) from(score float64) pos {
	lo := searchFrom(x.tops, score)
	if lo == len(x.tops) {
		return x.end()
	}
	return pos{lo, searchFrom(x.blocks[lo].scores[:x.count(lo)], score)}
}

// after is the first position beyond this score.
func (x *index) after(score float64) pos {
	beyond := func(scores []float64) int {
		return sort.Search(len(scores), func(i int) bool { return scores[i] > score })
	}
	lo := beyond(x.tops)
	if lo == len(x.tops) {
		return x.end()
	}
	return pos{lo, beyond(x.blocks[lo].scores[:x.count(lo)])}
}

// searchFrom is the first index whose score is at least this one.
func searchFrom(scores []float64, score float64) int {
	base, n := 0, len(scores)
	for n > 1 { // halves without a branch that the processor could guess wrong
		half := n >> 1
		if scores[base+half-1] < score {
			base += half
		}
		n -= half
	}
	if n == 1 && scores[base] < score {
		base++
	}
	return base
}

// rank is the number of entries before a position.
func (x *index) rank(p pos) int {
	n := p.i
	for _, c := range x.counts[:p.block] {
		n += int(c)
	}
	return n
}

// at is the position of a rank, which must not be negative.
func (x *index) at(rank int) pos {
	for i, c := range x.counts {
		if rank < int(c) {
			return pos{i, rank}
		}
		rank -= int(c)
	}
	return x.end()
}

// insert puts an entry before position p.
func (x *index) insert(p pos, score float64, ref dict.Ref) {
	if len(x.blocks) == 0 {
		x.blocks, x.tops, x.counts = append(x.blocks, new(block)), append(x.tops, 0), append(x.counts, 0)
		p = pos{}
	} else if p.block == len(x.blocks) {
		p = pos{p.block - 1, x.count(p.block - 1)}
	}
	if x.count(p.block) == blockCap {
		p = x.split(p)
	}
	b, n := x.blocks[p.block], x.count(p.block)
	copy(b.scores[p.i+1:n+1], b.scores[p.i:n])
	copy(b.refs[p.i+1:n+1], b.refs[p.i:n])
	b.scores[p.i], b.refs[p.i] = score, ref
	x.counts[p.block]++
	x.tops[p.block] = b.scores[n]
}

// split makes room in the full block at p and returns where p is now. A block
// that grows at its end is left nearly full: scores that only rise, such as
// times, then fill blocks instead of leaving them half empty.
func (x *index) split(p pos) pos {
	b := x.blocks[p.block]
	cut := blockCap / 2
	if p.i == blockCap && p.block == len(x.blocks)-1 {
		cut = blockCap - 1
	}
	right := new(block)
	copy(right.scores[:], b.scores[cut:])
	copy(right.refs[:], b.refs[cut:])
	x.blocks = slices.Insert(x.blocks, p.block+1, right)
	x.tops = slices.Insert(x.tops, p.block+1, b.scores[blockCap-1])
	x.counts = slices.Insert(x.counts, p.block+1, blockCap-uint8(cut))
	x.counts[p.block] = uint8(cut)
	x.tops[p.block] = b.scores[cut-1]
	if p.i > cut {
		return pos{p.block + 1, p.i - cut}
	}
	return p
}

// remove takes out the entry at p. A block that becomes a third full is merged
// with a neighbour if both fit into one with room to grow.
func (x *index) remove(p pos) {
	b, n := x.blocks[p.block], x.count(p.block)-1
	copy(b.scores[p.i:], b.scores[p.i+1:n+1])
	copy(b.refs[p.i:], b.refs[p.i+1:n+1])
	x.counts[p.block]--
	if n == 0 {
		x.drop(p.block)
		return
	}
	x.tops[p.block] = b.scores[n-1]
	if n > blockCap/3 {
		return
	}
	if p.block+1 < len(x.blocks) && x.merge(p.block) {
		return
	}
	if p.block > 0 {
		x.merge(p.block - 1)
	}
}

// merge joins block i with the next one if that leaves room to grow.
func (x *index) merge(i int) bool {
	n, m := x.count(i), x.count(i+1)
	if n+m > blockCap*4/5 {
		return false
	}
	left, right := x.blocks[i], x.blocks[i+1]
	copy(left.scores[n:], right.scores[:m])
	copy(left.refs[n:], right.refs[:m])
	x.counts[i] += x.counts[i+1]
	x.tops[i] = x.tops[i+1]
	x.drop(i + 1)
	return true
}

func (x *index) drop(i int) {
	x.blocks = slices.Delete(x.blocks, i, i+1)
	x.tops = slices.Delete(x.tops, i, i+1)
	x.counts = slices.Delete(x.counts, i, i+1)
}
