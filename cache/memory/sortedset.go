package memory

import (
	"math"

	"hyperlocal/cache"
	"hyperlocal/cache/memory/internal/zset"
)

// sortedSet is the value of a sorted set's key.
type sortedSet struct{ zset.Set }

func newSortedSet() *sortedSet { return &sortedSet{} }

func (*sortedSet) typeName() string { return "zset" }
func (z *sortedSet) memory() int64  { return z.Bytes() }
func (z *sortedSet) vacant() bool   { return z.Len() == 0 }

// ranks returns the ranks that a range of scores covers, as from up to but
// without to.
func (z *sortedSet) ranks(r cache.ScoreRange) (from, to int) {
	return z.CountBelow(r.Min, r.MinOpen), z.CountBelow(r.Max, !r.MaxOpen)
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

// slice returns the members of ranks from up to but without to.
func (z *sortedSet) slice(from, to int, reverse bool) []cache.Member {
	if from >= to {
		return nil
	}
	members := make([]cache.Member, 0, to-from)
	each := func(name []byte, score float64) bool {
		members = append(members, cache.Member{Name: string(name), Score: score})
		return true
	}
	if reverse {
		z.Descend(from, to, each)
	} else {
		z.Ascend(from, to, each)
	}
	return members
}
