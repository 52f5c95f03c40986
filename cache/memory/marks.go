package memory

import "math/rand/v2"

// An item's mark says how it was used, in 32 bits that readers change under a
// shard's read lock. What it means depends on the policy:
//
//   - LRU: the tick of the last use.
//   - LFU: the minute of the last use in the upper 24 bits, and how often it was
//     used in the lower 8, on the logarithmic scale that Redis documents for
//     allkeys-lfu, with its defaults: a new key has 5, one use counts with a
//     probability of 1 to ten times what is above 5, and a minute without any
//     takes 1 away.
//
// A mark is written only if it changes, so that a key that everybody reads is
// not a cache line that everybody writes.
const (
	// tickShift makes ticks of 4 ms: 32 bits of them last for half a year, and
	// a hot key's mark is written 250 times a second at most.
	tickShift = 2

	minuteMS   = 60_000
	lfuInitial = 5
	lfuFactor  = 10
	lfuMax     = 255
	lfuBits    = 8
)

// sinceStart is the limiter's clock, in ms. Items that recovery makes are from
// its beginning.
func (l *limiter) sinceStart(now int64) int64 { return max(now, l.start) - l.start }

func (l *limiter) tick(now int64) uint32 { return uint32(l.sinceStart(now) >> tickShift) }

func (l *limiter) minute(now int64) uint32 { return uint32(l.sinceStart(now) / minuteMS) }

// mark marks a new item.
func (l *limiter) mark(it *item, now int64) {
	switch l.policy {
	case AllKeysLRU, VolatileLRU:
		it.mark.Store(l.tick(now))
	case AllKeysLFU:
		it.mark.Store(l.minute(now)<<lfuBits | lfuInitial)
	case NoEviction, VolatileTTL:
	}
}

// touch marks an item that is used.
func (l *limiter) touch(it *item, now int64) {
	switch l.policy {
	case AllKeysLRU, VolatileLRU:
		if tick := l.tick(now); it.mark.Load() != tick {
			it.mark.Store(tick)
		}
	case AllKeysLFU:
		old, minute := it.mark.Load(), l.minute(now)
		if mark := minute<<lfuBits | lfuIncrement(lfuDecay(old, minute), rand.Uint32()); mark != old {
			it.mark.CompareAndSwap(old, mark) // of two at once, one counts
		}
	case NoEviction, VolatileTTL:
	}
}

// rank is how much an item deserves to go, compared with others.
func (l *limiter) rank(it *item, now int64) int64 {
	switch l.policy {
	case AllKeysLRU, VolatileLRU:
		return int64(l.tick(now) - it.mark.Load())
	case AllKeysLFU:
		return lfuMax - int64(lfuDecay(it.mark.Load(), l.minute(now)))
	case VolatileTTL:
		return -it.expireAt
	case NoEviction:
	}
	return 0
}

// lfuDecay returns a mark's counter as it is at a minute.
func lfuDecay(mark, minute uint32) uint32 {
	counter, idle := mark&lfuMax, minute-mark>>lfuBits
	return counter - min(counter, idle)
}

// lfuIncrement counts one use, by chance: random is any of 2^32.
func lfuIncrement(counter, random uint32) uint32 {
	if counter == lfuMax {
		return counter
	}
	above := counter - min(counter, lfuInitial)
	if uint64(random)*uint64(above*lfuFactor+1) < 1<<32 {
		counter++
	}
	return counter
}
