package memory

import (
	"context"
	"fmt"

	"hyperlocal/cache"
)

// unit is one atomic unit of work on a write-locked shard: a call or a script.
// It gathers what must happen once the work is done.
type unit struct {
	reader
	journaled    bool // there is a journal
	replaying    bool // the journal is where the unit comes from
	durability   cache.Durability
	full         bool    // the data set was above its limit before: see grow
	changed      bool    // the unit's caller has changed something
	effects      effects // for the journal; reused
	publications []*publication
	scratch      []byte // for building values; reused
}

// now is the moment of the whole unit.
func (u *unit) now() int64 {
	if u.at == 0 {
		u.at = u.clock()
	}
	return u.at
}

// begin prepares the shard's unit, at a moment in ms since 1970 or, if that is 0,
// when it asks for it. The shard is write-locked.
func (s *shard) begin(journaled bool, d cache.Durability, at int64) *unit {
	u := &s.unit
	u.reader = reader{shard: s, at: at}
	u.journaled, u.durability, u.replaying = journaled, d, false
	u.full, u.changed = false, false
	u.effects.reset()
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
	v, err := fn(reader{shard: s})
	if err != nil {
		return none, opError(op, key, err)
	}
	return v, nil
}

// write runs a command as one unit on the shard of key and waits until it is
// as durable as the view promises.
func write[T any](ctx context.Context, e *Engine, op, key string, fn func(u *unit) (T, error)) (T, error) {
	v, b, err := apply(ctx, e, key, fn)
	if late := b.wait(ctx); err == nil {
		err = late
	}
	if err != nil {
		var none T
		return none, opError(op, key, err)
	}
	return v, nil
}

// apply runs fn as one unit. Whatever fn does, even ending its goroutine, what
// it wrote is committed and the shard unlocked. The batch, unless it is nil,
// is to be waited for.
func apply[T any](ctx context.Context, e *Engine, key string, fn func(u *unit) (T, error)) (v T, b *batch, err error) {
	if err := e.admit(ctx); err != nil {
		return v, nil, err
	}
	full := e.makeRoom(ctx)
	s := e.shardOf(key)
	if err := s.lock(ctx); err != nil {
		return v, nil, err
	}
	u := s.begin(e.journal != nil, e.durability, 0)
	u.full = full
	defer func() { b = e.commit(u) }()
	v, err = fn(u)
	return v, nil, err
}

// admit refuses or delays a write before it has begun.
func (e *Engine) admit(ctx context.Context) error {
	if e.journal == nil {
		return nil
	}
	return e.journal.admit(ctx, e.durability == cache.Always)
}

// commit ends a unit: its effects take their place in the journal, its shard
// is unlocked, and what it published is sent, now or with the batch it
// must wait for. One that asks for Always waits even if it wrote nothing, as
// long as what it may have read is not on disk.
func (db *database) commit(u *unit) *batch {
	s, publications := u.shard, u.publications
	wait := u.durability == cache.Always || len(publications) > 0 && s.queued.Load() > 0
	var b *batch
	if db.journal != nil && (wait || len(u.effects.b) > 0) {
		b = db.journal.append(s, u.effects.b, wait, publications)
	}
	u.trimBuffers()
	s.count()
	if b != nil {
		s.mu.Unlock()
		return b
	}
	help := len(publications) > 0 && db.hub.publish(publications)
	s.mu.Unlock()
	if help {
		db.hub.deliver()
	}
	return nil
}

// keptBuffer is how large a buffer a shard keeps for its next unit.
const keptBuffer = 64 << 10

// trimBuffers lets go of what one unusually large unit needed.
func (u *unit) trimBuffers() {
	if cap(u.effects.b) > keptBuffer {
		u.effects = effects{}
	}
	if cap(u.scratch) > keptBuffer {
		u.scratch = nil
	}
}

func opError(op, key string, err error) error {
	return fmt.Errorf("memory: %s %q: %w", op, key, err)
}
