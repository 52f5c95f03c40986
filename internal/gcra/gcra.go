// Package gcra limits how often things happen, by a key each: so many a second in
// the long run, and so many at once. It is the generic cell rate algorithm: a key's
// state is one time, when its budget will be whole again.
//
// Memory is fixed, whoever asks. A key whose budget is whole needs no state; if more
// keys than there is room for have spent some of theirs, the one that has spent least
// gets it back.
package gcra

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Table is a limit of many keys. It is safe for concurrent use.
type Table struct {
	interval int64 // ns until one is given back
	window   int64 // ns that a whole budget takes
	seed     maphash.Seed
	sets     []set
}

const waysOfSet = 3

// set fills a line of the processor's cache: asking for a key waits for memory once.
type set struct {
	mu   sync.Mutex
	keys [waysOfSet]uint64 // their hashes
	full [waysOfSet]int64  // ns, when their budgets will be whole
	warm atomic.Uint64     // never written, see Warm
}

const _ = uint(64-unsafe.Sizeof(set{})) + uint(unsafe.Sizeof(set{})-64) // it does

// New makes a limit of perSecond, greater than 0, and of burst at once, at least 1.
// It takes 64 bytes for each of 1<<bits sets of three keys.
func New(perSecond float64, burst int, bits int) *Table {
	interval := max(1, int64(float64(time.Second)/perSecond))
	return &Table{interval: interval, window: interval * int64(burst), seed: maphash.MakeSeed(), sets: make([]set, 1<<bits)}
}

// Take takes n from a key's budget, if it has so much. Otherwise it takes nothing and
// returns how long to wait for it; more than a whole budget is never there.
func (t *Table) Take(key string, n int, now time.Time) (wait time.Duration) {
	return t.take(key, n, now, 0)
}

// Owe takes n in any case, and returns how long to wait until the budget is no longer
// overdrawn: at most the given time, beyond which nothing is owed.
func (t *Table) Owe(key string, n int, now time.Time, most time.Duration) (wait time.Duration) {
	return t.take(key, n, now, max(most, 1))
}

// Warm brings a key's state nearer. Taking from many keys waits for memory at each, and
// locks keep the waits from overlapping; those of many calls of Warm do.
func (t *Table) Warm(key string) {
	t.sets[maphash.String(t.seed, key)&uint64(len(t.sets)-1)].warm.Load()
}

func (t *Table) take(key string, n int, now time.Time, owe time.Duration) time.Duration {
	hash, at := maphash.String(t.seed, key), now.UnixNano()
	s := &t.sets[hash&uint64(len(t.sets)-1)]
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(hash)
	full := at
	if s.keys[i] == hash { // it is further away than that only if the clock went back
		full = max(full, min(s.full[i], at+t.window+int64(owe)))
	}
	full += t.interval * int64(n)
	over := full - at - t.window
	if over > 0 && owe == 0 {
		return time.Duration(over)
	}
	if over > int64(owe) && owe > 0 {
		over, full = int64(owe), at+t.window+int64(owe)
	}
	s.keys[i], s.full[i] = hash, full
	return time.Duration(max(over, 0))
}

// find returns the key's place, or the one of the key that has spent least.
func (s *set) find(hash uint64) int {
	least := 0
	for i := range waysOfSet {
		if s.keys[i] == hash {
			return i
		}
		if s.full[i] < s.full[least] {
			least = i
		}
	}
	return least
}
