package memory

import (
	"math/rand/v2"
	"slices"

	"hyperlocal/cache"
)

// Eviction is by sampling, as Redis does it: each turn looks at a few keys
// picked at random, and the best candidates seen so far wait in a pool. That
// comes close to the exact order without one being kept.
const (
	evictSamples = 5
	poolSize     = 16
	// evictTries bounds the turns in which no candidate is still there.
	evictTries = 16
)

// candidate is a key that may go.
type candidate struct {
	shard int
	key   string
	rank  int64 // greater goes first
	turn  int   // of the sample
}

// pool holds the best candidates, the best one last.
type pool struct {
	candidates []candidate
	turn       int
}

// add keeps a candidate if it is among the best.
func (p *pool) add(c candidate) {
	if len(p.candidates) == poolSize && c.rank <= p.candidates[0].rank {
		return
	}
	same := func(o candidate) bool { return o.shard == c.shard && o.key == c.key }
	p.candidates = slices.DeleteFunc(p.candidates, same)
	i := 0
	for i < len(p.candidates) && p.candidates[i].rank < c.rank {
		i++
	}
	if len(p.candidates) < poolSize {
		p.candidates = slices.Insert(p.candidates, i, c)
		return
	}
	copy(p.candidates, p.candidates[1:i])
	p.candidates[i-1] = c
}

func (p *pool) best() (c candidate, ok bool) {
	last := len(p.candidates) - 1
	if last < 0 {
		return c, false
	}
	c = p.candidates[last]
	p.candidates = slices.Delete(p.candidates, last, last+1)
	return c, true
}

// evictSome evicts up to evictPerTurn keys until the data set is at its limit.
// It reports false if it found none that may go.
func (db *database) evictSome() bool {
	l := db.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	for range evictPerTurn {
		if l.used.Load() <= l.max {
			break
		}
		if !db.evictOne() {
			return false
		}
	}
	return true
}

// evictOne takes a sample and evicts the best candidate. The limiter is locked.
func (db *database) evictOne() bool {
	now := db.nowMS()
	for range evictTries {
		i, ok := db.pickShard()
		if !ok {
			return false
		}
		db.sample(i, now)
		for c, ok := db.limiter.pool.best(); ok; c, ok = db.limiter.pool.best() {
			if db.evict(c, now) {
				return true
			}
		}
	}
	return false
}

// pickShard picks a shard at random, by the number of keys that may go.
func (db *database) pickShard() (int, bool) {
	var counts [shardCount]int64
	var total int64
	for i := range db.shards {
		counts[i] = db.shards[i].evictables.Load()
		total += counts[i]
	}
	if total == 0 {
		return 0, false
	}
	at := rand.Int64N(total)
	i := 0
	for ; at >= counts[i]; i++ {
		at -= counts[i]
	}
	return i, true
}

// sample puts some keys of a shard into the pool.
func (db *database) sample(index int, now int64) {
	l, s := db.limiter, &db.shards[index]
	l.pool.turn++
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.evictable) == 0 {
		return
	}
	for range evictSamples {
		it := s.evictable[rand.IntN(len(s.evictable))]
		l.pool.add(candidate{shard: index, key: it.key, rank: l.rank(it, now), turn: l.pool.turn})
	}
}

// evict removes a candidate, unless it has gone or was used since an earlier
// turn saw it.
func (db *database) evict(c candidate, now int64) bool {
	l, s := db.limiter, &db.shards[c.shard]
	s.mu.Lock()
	it := s.keys.find(c.key)
	if s.closed || it == nil || it.place == 0 || c.turn != l.pool.turn && l.rank(it, now) < c.rank {
		s.mu.Unlock()
		return false
	}
	u := s.begin(db.journal != nil, cache.EverySecond, now)
	u.discard(it)
	s.evicted.Add(1)
	db.commit(u)
	return true
}

// enlist puts an item among those that may be evicted, or takes it out, after
// its time to live has changed.
func (s *shard) enlist(it *item) {
	wanted := s.limiter != nil && !it.kept && s.limiter.policy.takes(it.expireAt != 0)
	if wanted == (it.place != 0) {
		return
	}
	if !wanted {
		s.delist(it)
		return
	}
	s.evictable = append(s.evictable, it)
	it.place = int32(len(s.evictable))
	s.evictables.Store(int64(len(s.evictable)))
}

// delist takes an item out of those that may be evicted, if it is among them.
func (s *shard) delist(it *item) {
	if it.place == 0 {
		return
	}
	last := len(s.evictable) - 1
	moved := s.evictable[last]
	s.evictable[it.place-1] = moved
	moved.place = it.place
	it.place = 0
	s.evictable[last] = nil
	s.evictable = shrunk(s.evictable[:last])
	s.evictables.Store(int64(last))
}
