package memory

import (
	"slices"
	"unsafe"
)

// zindex keeps the members of a sorted set in order: by score, then by the
// bytes of the name. It is a list of blocks of bounded length, so that moving
// a member is two binary searches and two short moves of memory, and the
// garbage collector sees one pointer per block instead of one per member.
type zindex struct {
	blocks []*zblock
	last   []zentry // last[i] is the last entry of blocks[i]: searched without touching them
}

// zentry is a member by the number of its slot in the set.
type zentry struct {
	score float64
	slot  uint32
}

// blockCap fills an allocation of 2 KiB.
const blockCap = 127

type zblock struct {
	n       int
	entries [blockCap]zentry
}

// memory is what the index takes.
func (x *zindex) memory() int64 {
	block := allocated(int(unsafe.Sizeof(zblock{})))
	return int64(len(x.blocks))*block + int64(cap(x.blocks))*pointerSize + int64(cap(x.last))*int64(unsafe.Sizeof(zentry{}))
}

// zpos is a position in the order; one past the last entry is {len(blocks), 0}.
type zpos struct{ block, i int }

func (x *zindex) begin() zpos { return zpos{} }
func (x *zindex) end() zpos   { return zpos{block: len(x.blocks)} }

func (x *zindex) at(p zpos) zentry { return x.blocks[p.block].entries[p.i] }

func (x *zindex) next(p zpos) zpos {
	if p.i++; p.i >= x.blocks[p.block].n {
		return zpos{block: p.block + 1}
	}
	return p
}

// prev must not be asked of begin.
func (x *zindex) prev(p zpos) zpos {
	if p.i > 0 {
		return zpos{p.block, p.i - 1}
	}
	return zpos{p.block - 1, x.blocks[p.block-1].n - 1}
}

// rank is the number of entries before a position.
func (x *zindex) rank(p zpos) int {
	n := p.i
	for _, b := range x.blocks[:p.block] {
		n += b.n
	}
	return n
}

// seekRank is the position of a rank.
func (x *zindex) seekRank(rank int) zpos {
	for i, b := range x.blocks {
		if rank < b.n {
			return zpos{i, rank}
		}
		rank -= b.n
	}
	return x.end()
}

// seek returns the first position whose entry is not before the target.
// before must be true of a prefix of the order.
func (x *zindex) seek(before func(zentry) bool) zpos {
	lo, hi := 0, len(x.blocks)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if before(x.last[mid]) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(x.blocks) {
		return x.end()
	}
	b := x.blocks[lo]
	i, j := 0, b.n
	for i < j {
		mid := int(uint(i+j) >> 1)
		if before(b.entries[mid]) {
			i = mid + 1
		} else {
			j = mid
		}
	}
	return zpos{lo, i}
}

// insert puts an entry before position p.
func (x *zindex) insert(p zpos, e zentry) {
	if len(x.blocks) == 0 {
		x.blocks = append(x.blocks, &zblock{})
		x.last = append(x.last, zentry{})
		p = zpos{}
	} else if p.block == len(x.blocks) {
		p = zpos{len(x.blocks) - 1, x.blocks[len(x.blocks)-1].n}
	}
	b := x.blocks[p.block]
	if b.n == blockCap {
		p = x.split(p)
		b = x.blocks[p.block]
	}
	copy(b.entries[p.i+1:b.n+1], b.entries[p.i:b.n])
	b.entries[p.i] = e
	b.n++
	x.last[p.block] = b.entries[b.n-1]
}

// split makes room in the full block at p and returns where p is now. A block
// that grows at its end is left nearly full: scores that only rise, such as
// times, then fill blocks instead of leaving them half empty.
func (x *zindex) split(p zpos) zpos {
	b := x.blocks[p.block]
	cut := blockCap / 2
	if p.i == blockCap && p.block == len(x.blocks)-1 {
		cut = blockCap - 1
	}
	right := &zblock{n: blockCap - cut}
	copy(right.entries[:], b.entries[cut:])
	b.n = cut
	x.blocks = slices.Insert(x.blocks, p.block+1, right)
	x.last = slices.Insert(x.last, p.block+1, right.entries[right.n-1])
	x.last[p.block] = b.entries[b.n-1]
	if p.i > cut {
		return zpos{p.block + 1, p.i - cut}
	}
	return p
}

// remove takes out the entry at p. A block that becomes a quarter full is
// merged with a neighbour if both fit into three quarters.
func (x *zindex) remove(p zpos) {
	b := x.blocks[p.block]
	copy(b.entries[p.i:], b.entries[p.i+1:b.n])
	b.n--
	if b.n == 0 {
		x.drop(p.block)
		return
	}
	x.last[p.block] = b.entries[b.n-1]
	if b.n > blockCap/4 {
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
func (x *zindex) merge(i int) bool {
	left, right := x.blocks[i], x.blocks[i+1]
	if left.n+right.n > blockCap*3/4 {
		return false
	}
	copy(left.entries[left.n:], right.entries[:right.n])
	left.n += right.n
	x.last[i] = x.last[i+1]
	x.drop(i + 1)
	return true
}

func (x *zindex) drop(i int) {
	x.blocks = slices.Delete(x.blocks, i, i+1)
	x.last = slices.Delete(x.last, i, i+1)
}
