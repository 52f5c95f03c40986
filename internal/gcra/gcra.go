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
	debt     int64 // ns that a budget may be overdrawn by
	seed     maphash.Seed
	sets     []set
}

// maxDebt is how far Owe overdraws a budget, as the time that makes up for it; if
// nothing is given back in so short a time, it overdraws by one.
const maxDebt = time.Second

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
	return &Table{
		interval: interval, window: interval * int64(burst), debt: max(interval, int64(maxDebt)),
		seed: maphash.MakeSeed(), sets: make([]set, 1<<bits),
	}
}

// Take takes n from a key's budget, if it has so much. Otherwise it takes nothing and
// returns how long to wait for it; more than a whole budget is never there.
func (t *Table) Take(key string, n int, now time.Time) (wait time.Duration) {
	hash, at := maphash.String(t.seed, key), now.UnixNano()
	s := t.set(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	i, full := t.find(s, hash, at)
	full += t.interval * int64(n)
	if over := full - at - t.window; over > 0 {
		return time.Duration(over)
	}
	s.keys[i], s.full[i] = hash, full
	return 0
}

// Owe takes n, or less if that would overdraw the budget by more than a second gives
// back. It returns how much it took, and how long to wait until the budget is no
// longer overdrawn; that is more than nothing if it took less than n.
func (t *Table) Owe(key string, n int, now time.Time) (taken int, wait time.Duration) {
	hash, at := maphash.String(t.seed, key), now.UnixNano()
	s := t.set(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	i, full := t.find(s, hash, at)
	taken = int(min(int64(n), (at+t.window+t.debt-full)/t.interval))
	full += t.interval * int64(taken)
	s.keys[i], s.full[i] = hash, full
	return taken, time.Duration(max(0, full-at-t.window))
}

// Warm brings a key's state nearer. Taking from many keys waits for memory at each, and
// locks keep the waits from overlapping; those of many calls of Warm do.
func (t *Table) Warm(key string) {
	t.set(maphash.String(t.seed, key)).warm.Load()
}

func (t *Table) set(hash uint64) *set { return &t.sets[hash&uint64(len(t.sets)-1)] }

// find returns the key's place, or the one of the key that has spent least, and when
// the key's budget will be whole. The caller holds s.mu.
func (t *Table) find(s *set, hash uint64, at int64) (place int, full int64) {
	least := 0
	for i := range waysOfSet {
		if s.keys[i] == hash { // it is further away than that only if the clock went back
			return i, max(at, min(s.full[i], at+t.window+t.debt))
		}
		if s.full[i] < s.full[least] {
			least = i
		}
	}
	return least, at
}
