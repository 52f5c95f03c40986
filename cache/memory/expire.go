package memory

import (
	"context"
	"time"

	"hyperlocal/cache"
)

// The active cycle collects keys nobody asks for any more. Work is bounded
// twice: what one shard is locked for, and what a tick takes from everybody
// else. Keys that are left over wait for the next tick, invisible meanwhile; a
// million that expire at once are gone after some five seconds.
const (
	expireEvery = 100 * time.Millisecond
	expireChunk = 128       // keys while a shard is locked: some 0.2 ms
	expireTick  = 160 * 128 // keys per tick: some 30 ms
)

func (db *database) expireLoop() {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-db.stop:
			return
		case <-tick.C:
			db.expireSome()
			db.makeRoom(context.Background())
		}
	}
}

// expireSome collects at most expireTick expired keys, a chunk of each shard in
// turn.
func (db *database) expireSome() {
	now, left, more := db.nowMS(), expireTick, true
	for more && left > 0 {
		more = false
		for i := range db.shards {
			n := db.shards[i].expireChunk(db, now)
			left -= n
			more = more || n == expireChunk
		}
	}
}

// expireChunk collects at most expireChunk expired keys and returns how many.
func (s *shard) expireChunk(db *database, now int64) (n int) {
	s.mu.Lock()
	u := s.begin(db.journal != nil, cache.EverySecond, now)
	for ; n < expireChunk; n++ {
		it := s.expiry.soonest()
		if it == nil || !it.expired(now) {
			break
		}
		u.collect(it)
	}
	s.shrinkKeys()
	db.commit(u)
	return n
}

const (
	// sparseKeys is by how much a shard's keys must be fewer than its table has
	// slots for it to be made anew.
	sparseKeys = 16
	// minSparse is from how many slots on that is worth it, and movedKeys how
	// many are moved at most, which takes less than 1 ms.
	minSparse = 1024
	movedKeys = 4096
)

// shrinkKeys gives memory back that the table keeps for keys it has held.
func (s *shard) shrinkKeys() {
	if slots := len(s.keys.slots); slots >= minSparse && s.keys.n <= min(slots/sparseKeys, movedKeys) {
		s.keys.shrink()
	}
}

// expiryHeap is a binary heap of items by expireAt. Each item knows its place,
// so a time to live that is renewed at every write costs no garbage.
type expiryHeap []*item

func (h expiryHeap) soonest() *item {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

// set gives an item a time to live, at in ms since 1970; 0 takes it away.
func (h *expiryHeap) set(it *item, at int64) {
	switch {
	case at == 0:
		h.unset(it)
	case it.expireAt == 0:
		it.expireAt = at
		it.heapIndex = int32(len(*h))
		*h = append(*h, it)
		h.up(len(*h) - 1)
	default:
		it.expireAt = at
		h.down(int(it.heapIndex))
		h.up(int(it.heapIndex))
	}
}

func (h *expiryHeap) unset(it *item) {
	if it.expireAt == 0 {
		return
	}
	it.expireAt = 0
	i, last := int(it.heapIndex), len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = shrunk((*h)[:last])
	if i < last {
		h.down(i)
		h.up(i)
	}
}

func (h expiryHeap) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapIndex, h[j].heapIndex = int32(i), int32(j)
}

func (h expiryHeap) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].expireAt <= h[i].expireAt {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h expiryHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if r := child + 1; r < len(h) && h[r].expireAt < h[child].expireAt {
			child = r
		}
		if h[i].expireAt <= h[child].expireAt {
			return
		}
		h.swap(i, child)
		i = child
	}
}
