package memory

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"hyperlocal/cache"
)

// shard is a part of the key space under one lock.
type shard struct {
	mu        sync.RWMutex
	hits      atomic.Int64 // see cache.Stats; beside mu, whose cache line readers write anyway
	misses    atomic.Int64
	clock     func() int64 // ms since 1970
	keys      keyTable
	expiry    expiryHeap // items with a time to live, soonest first
	evictable []*item    // items that the policy may evict, in no order
	bytes     int64      // of all items
	closed    bool
	lastSeq   uint64 // of the last record about this shard
	unit      unit   // reused by every writer, since there is one at a time

	wholeRenames bool // a snapshot is being taken: see rename

	limiter    *limiter     // of the database; nil: there is no limit
	counted    int64        // what limiter.used holds for the shard
	evictables atomic.Int64 // len(evictable)
	expired    atomic.Int64 // see cache.Stats
	evicted    atomic.Int64

	// emptied are keys that were without content at some moment of a replay;
	// see database.endReplay.
	emptied map[string]struct{}

	// readers are the blocked XReads of this shard, by the keys they wait for;
	// see wakeReaders.
	readers map[string]map[chan struct{}]struct{}

	// queued counts publications of the shard that wait for the disk. While
	// there are some, later ones queue behind them.
	queued atomic.Int64
}

// item is a key with its value.
type item struct {
	key       string
	value     value
	expireAt  int64 // ms since 1970; 0: never
	accounted int64 // what shard.bytes holds for it
	heapIndex int32 // position in shard.expiry while expireAt is set
	place     int32 // position in shard.evictable, from 1; 0: not there
	mark      atomic.Uint32
	kept      bool // never to be evicted

	// Beside the rest, so that finding and counting need not wait for memory
	// elsewhere: the value of a key that is counted, and the bytes of a short key.
	number number
	short  [24]byte
}

// setKey copies the key, so that it does not keep a caller's larger buffer alive.
func (it *item) setKey(key string) {
	if len(key) > len(it.short) {
		it.key = strings.Clone(key)
		return
	}
	it.key = viewOf(it.short[:copy(it.short[:], key)])
}

// value is what a key can hold: *text, *number, *hyperLogLog, *list, *memberSet, *hash,
// *sortedSet or *stream.
type value interface {
	typeName() string
	// memory is what the value takes, itself included.
	memory() int64
	// vacant says that the key must go: Redis has no empty collections but
	// streams.
	vacant() bool
	// save adds the effects that make key hold this value to w. It calls cut
	// after each, which may take them away, and which may let writers have
	// the shard for a while: see pager.
	save(w *effects, key string, cut func())
}

// size is what an item takes, beside its places in the shard's tables.
func (it *item) size() int64 {
	size := itemSize + it.value.memory()
	if len(it.key) > len(it.short) {
		size += allocated(len(it.key))
	}
	return size
}

const (
	itemSize    = int64(unsafe.Sizeof(item{}))
	pointerSize = int64(unsafe.Sizeof((*item)(nil)))
)

// init empties the shard.
func (s *shard) init(l *limiter) {
	s.keys, s.limiter = keyTable{}, l
	s.expiry, s.evictable, s.bytes, s.lastSeq = nil, nil, 0, 0
	s.emptied = make(map[string]struct{})
	s.evictables.Store(0)
	s.count()
}

// runtimeShare is the part of what objects take that the runtime takes beside
// them: ends of spans too short for another object, room that objects left as
// they grew, and what is noted of each span. Measured 1 to 10 % by type
// once all garbage is collected; make bench-engine compares (lines "accounting").
const runtimeShare = 12

// size is the memory of all items, of the tables that hold them, and of the
// buffers kept for the next unit, with what the runtime takes beside.
func (s *shard) size() int64 {
	tables := s.keys.bytes() + pointerSize*int64(cap(s.expiry)+cap(s.evictable))
	objects := s.bytes + tables + int64(cap(s.unit.scratch)+cap(s.unit.effects.b))
	return objects + objects/runtimeShare
}

// rlock read-locks the shard unless the call is pointless.
func (s *shard) rlock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return cache.ErrUnavailable
	}
	return nil
}

func (s *shard) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return cache.ErrUnavailable
	}
	return nil
}

func (s *shard) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
}

// schedule gives an item a time to live, at in ms since 1970; 0 takes it away.
func (s *shard) schedule(it *item, at int64) {
	if it.expireAt == at {
		return
	}
	s.expiry.set(it, at)
	s.enlist(it)
}

// remove forgets an item.
func (s *shard) remove(it *item) {
	s.expiry.unset(it)
	s.delist(it)
	s.bytes -= it.accounted
	s.keys.remove(it)
}

// settle brings the accounting up to date after a change to an item's value
// and drops it if nothing is left.
func (u *unit) settle(it *item) {
	switch {
	case !it.value.vacant():
	case u.replaying:
		u.emptied[it.key] = struct{}{}
	default:
		u.drop(it)
		return
	}
	u.changed = true
	now := it.size()
	u.bytes += now - it.accounted
	it.accounted = now
}

// drop removes an item for the unit's caller.
func (u *unit) drop(it *item) {
	u.changed = true
	u.discard(it)
}

// discard removes an item and records that it did, even for an ephemeral write
// and for a key that had expired: what is journaled of the key afterwards must
// find it gone at replay too.
func (u *unit) discard(it *item) {
	if u.journaled {
		u.effects.del(it.key)
	}
	u.remove(it)
}

// reader is a shard locked for reading, or for writing, at one moment. A key
// past its time to live is not there, whether or not it has been collected.
type reader struct {
	*shard
	at int64 // ms since 1970; 0: the clock has not been asked yet
}

// now asks the clock only if somebody wants to know: that takes as long as
// finding a key does.
func (r reader) now() int64 {
	if r.at == 0 {
		return r.clock()
	}
	return r.at
}

// find returns nil for a missing key. It counts as a use of the key.
func (r reader) find(key string) *item {
	it := r.peek(key)
	if it != nil && r.limiter != nil {
		r.limiter.touch(it, r.now())
	}
	return it
}

// peek is find for whoever asks about the key and not for its value, which does
// not make it more worth keeping.
func (r reader) peek(key string) *item {
	it := r.keys.find(key)
	if it == nil || it.expireAt != 0 && it.expired(r.now()) {
		r.misses.Add(1)
		return nil
	}
	r.hits.Add(1)
	return it
}

func (it *item) expired(now int64) bool { return it.expireAt != 0 && it.expireAt <= now }

// lookup finds a key of type V. Its value is nil if the key is missing.
func lookup[V value](r reader, key string) (V, error) {
	var none V
	it := r.find(key)
	if it == nil {
		return none, nil
	}
	v, ok := it.value.(V)
	if !ok {
		return none, cache.ErrWrongType
	}
	return v, nil
}

// obtain finds a key of type V for a write that grows, or makes it with fresh.
// The caller must settle the item when it is done.
func obtain[V value](u *unit, key string, fresh func() V) (*item, V, error) {
	if err := u.grow(); err != nil {
		var none V
		return nil, none, err
	}
	it, v, err := reach[V](u, key)
	if it == nil && err == nil {
		v = fresh()
		it = u.insert(key, v)
	}
	return it, v, err
}

// reach finds a key of type V for writing; its item is nil if it is missing.
func reach[V value](u *unit, key string) (*item, V, error) {
	var none V
	it := u.findForWrite(key)
	if it == nil {
		return nil, none, nil
	}
	v, ok := it.value.(V)
	if !ok {
		return nil, none, cache.ErrWrongType
	}
	return it, v, nil
}

// insert adds a key that must be missing.
func (u *unit) insert(key string, v value) *item {
	it := &item{value: v}
	it.setKey(key)
	if u.limiter != nil {
		it.kept = u.limiter.keeps(key)
		u.limiter.mark(it, u.now())
		u.enlist(it)
	}
	u.keys.add(it)
	return it
}

// findForWrite is find, but it collects the key if it has expired, so that
// what is written next starts from nothing.
func (u *unit) findForWrite(key string) *item {
	it := u.keys.find(key)
	if it == nil {
		return nil
	}
	if it.expireAt != 0 && it.expired(u.now()) {
		u.collect(it)
		return nil
	}
	if u.limiter != nil {
		u.limiter.touch(it, u.now())
	}
	return it
}

// collect removes an item that has expired. That is not the unit's caller's
// doing.
func (u *unit) collect(it *item) {
	u.expired.Add(1)
	u.discard(it)
}
