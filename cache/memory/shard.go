package memory

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"hyperlocal/cache"
)

// shard is a part of the key space under one lock.
type shard struct {
	mu      sync.RWMutex
	keys    map[string]*item
	expiry  expiryHeap // items with a time to live, soonest first
	bytes   int64      // estimate of the memory of all items
	closed  bool
	lastSeq uint64 // of the last record about this shard
	unit    unit   // reused by every writer, since there is one at a time

	// queued counts publications of the shard that wait for the disk. While
	// there are some, later ones queue behind them.
	queued atomic.Int64
}

// item is a key with its value.
type item struct {
	key       string
	value     value
	expireAt  int64 // ms since 1970; 0: never
	heapIndex int   // position in shard.expiry while expireAt is set
	accounted int64 // what shard.bytes holds for it
}

// value is what a key can hold: *text, *hash, *zset or *stream.
type value interface {
	typeName() string
	// memory estimates the bytes behind the value.
	memory() int64
	// vacant says that the key must go: Redis has no empty hashes and sorted
	// sets, but it has empty streams.
	vacant() bool
	// save adds the effects that make key hold this value to w. It calls cut
	// after each, with which the caller may take them away.
	save(w *effects, key string, cut func())
}

// itemOverhead is the estimate for an item, its slot in shard.keys and the
// header of its value.
const itemOverhead = 136

func (s *shard) init() {
	s.keys = make(map[string]*item)
	s.expiry, s.bytes, s.lastSeq = nil, 0, 0
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

// remove forgets an item.
func (s *shard) remove(it *item) {
	s.expiry.unset(it)
	s.bytes -= it.accounted
	delete(s.keys, it.key)
}

// settle brings the accounting up to date after a change to an item's value
// and drops it if nothing is left.
func (u *unit) settle(it *item) {
	if it.value.vacant() {
		u.drop(it)
		return
	}
	now := itemOverhead + int64(len(it.key)) + it.value.memory()
	u.bytes += now - it.accounted
	it.accounted = now
}

// drop removes an item and records that it did, even for an ephemeral write
// and for a key that had expired: what is journaled of the key afterwards must
// find it gone at replay too.
func (u *unit) drop(it *item) {
	if u.journaled {
		u.effects.del(it.key)
	}
	u.remove(it)
}

// reader is a shard locked for reading, or for writing, at one moment. A key
// past its time to live is not there, whether or not it has been collected.
type reader struct {
	*shard
	now int64 // ms since 1970
}

// find returns nil for a missing key.
func (r reader) find(key string) *item {
	it := r.keys[key]
	if it == nil || it.expired(r.now) {
		return nil
	}
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

// obtain finds a key of type V for writing, or makes it with fresh. The
// caller must settle the item when it is done.
func obtain[V value](u *unit, key string, fresh func() V) (*item, V, error) {
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

// insert adds a key that must be missing. The key is copied so that it does
// not keep a caller's larger buffer alive.
func (u *unit) insert(key string, v value) *item {
	it := &item{key: strings.Clone(key), value: v}
	u.keys[it.key] = it
	return it
}

// findForWrite is find, but it collects the key if it has expired, so that
// what is written next starts from nothing.
func (u *unit) findForWrite(key string) *item {
	it := u.keys[key]
	if it == nil {
		return nil
	}
	if it.expired(u.now) {
		u.drop(it)
		return nil
	}
	return it
}
