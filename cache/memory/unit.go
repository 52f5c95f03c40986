package memory

import (
	"context"
	"fmt"
)

// unit is one atomic unit of work on a write-locked shard: a call or a script.
// It gathers what must happen once the work is done.
type unit struct {
	reader
	publications []*publication
	scratch      []byte // for building values; reused
}

// begin prepares the shard's unit. The shard is write-locked.
func (s *shard) begin(now int64) *unit {
	u := &s.unit
	u.reader = reader{shard: s, now: now}
	u.publications = nil
	return u
}

// read runs a command that does not change anything on the shard of key.
func read[T any](ctx context.Context, e *Engine, op, key string, fn func(r reader) (T, error)) (T, error) {
	var none T
	s := e.shardOf(key)
	if err := s.rlock(ctx); err != nil {
		return none, opError(op, key, err)
	}
	defer s.mu.RUnlock()
	v, err := fn(reader{shard: s, now: e.nowMS()})
	if err != nil {
		return none, opError(op, key, err)
	}
	return v, nil
}

// write runs a command as one unit on the shard of key.
func write[T any](ctx context.Context, e *Engine, op, key string, fn func(u *unit) (T, error)) (T, error) {
	v, err := apply(ctx, e, key, fn)
	if err != nil {
		var none T
		return none, opError(op, key, err)
	}
	return v, nil
}

// apply runs fn as one unit. Whatever fn does, even ending its goroutine, what
// it wrote is committed and the shard unlocked.
func apply[T any](ctx context.Context, e *Engine, key string, fn func(u *unit) (T, error)) (T, error) {
	s := e.shardOf(key)
	if err := s.lock(ctx); err != nil {
		var none T
		return none, err
	}
	u := s.begin(e.nowMS())
	defer e.commit(u)
	return fn(u)
}

// commit ends a unit, unlocks its shard and delivers what it published.
func (e *Engine) commit(u *unit) {
	s, publications := u.shard, u.publications
	if len(publications) == 0 {
		s.mu.Unlock()
		return
	}
	s.delivery.Lock()
	s.mu.Unlock()
	e.hub.deliver(publications)
	s.delivery.Unlock()
}

func opError(op, key string, err error) error {
	return fmt.Errorf("memory: %s %q: %w", op, key, err)
}
