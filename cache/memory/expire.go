package memory

import (
	"time"

	"hyperlocal/cache"
)

// The active cycle collects keys nobody asks for any more. Work per tick is
// bounded so that a million keys expiring at once do not hold up writers: what
// is left over waits for the next tick, invisible meanwhile.
const (
	expireEvery    = 100 * time.Millisecond
	expirePerShard = 256
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
		}
	}
}

// expireSome collects at most expirePerShard expired keys of each shard.
func (db *database) expireSome() {
	now := db.nowMS()
	for i := range db.shards {
		s := &db.shards[i]
		s.mu.Lock()
		u := s.begin(db.journal != nil, cache.EverySecond, now)
		for range expirePerShard {
			it := s.expiry.soonest()
			if it == nil || !it.expired(now) {
				break
			}
			u.drop(it)
		}
		db.commit(u)
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
		it.heapIndex = len(*h)
		*h = append(*h, it)
		h.up(it.heapIndex)
	default:
		it.expireAt = at
		h.down(it.heapIndex)
		h.up(it.heapIndex)
	}
}

func (h *expiryHeap) unset(it *item) {
	if it.expireAt == 0 {
		return
	}
	it.expireAt = 0
	i, last := it.heapIndex, len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	if i < last {
		h.down(i)
		h.up(i)
	}
}

func (h expiryHeap) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapIndex, h[j].heapIndex = i, j
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
