package cassandra

import (
	"hash/maphash"
	"sync"
	"time"

	"hyperlocal/internal/giveway"
)

// seenLimit is how many keys a generation of seen holds, 32 bytes each.
const seenLimit = 1 << 20

// seen remembers which rows of an index this server has written lately, so
// that a bucket's index row is written once an hour and not with each bucket.
// It forgets a key between half of life and life after add, and earlier when there are
// very many: then rows are written again, which only costs time. The moments at which it
// forgets lie in the middle between the multiples of half of life, since 1970.
type seen[K comparable] struct {
	life time.Duration
	now  func() time.Time
	// Two hashes stand for a key: with 128 bits, two keys that look the same
	// are not to be expected before the sun goes out.
	seeds [2]maphash.Seed

	mu         sync.Mutex
	young, old map[[2]uint64]struct{}
	period     int64 // of young, by number
}

func newSeen[K comparable](life time.Duration, now func() time.Time) *seen[K] {
	return &seen[K]{
		life: life, now: now,
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		young: map[[2]uint64]struct{}{},
	}
}

func (s *seen[K]) hash(key K) [2]uint64 {
	return [2]uint64{maphash.Comparable(s.seeds[0], key), maphash.Comparable(s.seeds[1], key)}
}

// missing returns those of keys that are not remembered, each once.
func (s *seen[K]) missing(turn *giveway.Turn, keys []K) []K {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	var unknown []K
	once := map[[2]uint64]struct{}{}
	for _, key := range keys {
		turn.Step(rowsPerStep)
		h := s.hash(key)
		if _, ok := s.young[h]; ok {
			continue
		}
		if _, ok := s.old[h]; ok {
			continue
		}
		if _, ok := once[h]; ok {
			continue
		}
		once[h] = struct{}{}
		unknown = append(unknown, key)
	}
	return unknown
}

// add remembers keys, once their rows are written.
func (s *seen[K]) add(keys []K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		s.turn()
		s.young[s.hash(key)] = struct{}{}
	}
}

// turn forgets the older generation when it is time or the younger is full.
func (s *seen[K]) turn() {
	half := s.life.Milliseconds() / 2
	period := (s.now().UnixMilli() + half/2) / half
	passed := period - s.period
	if passed == 0 && len(s.young) < seenLimit {
		return
	}
	s.old, s.young, s.period = s.young, map[[2]uint64]struct{}{}, period
	if passed > 1 {
		s.old = nil
	}
}
