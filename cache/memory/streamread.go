package memory

import (
	"context"
	"errors"
	"time"

	"hyperlocal/cache"
)

// XRead returns what streams have after given ids. If they have nothing it waits
// for an entry, up to block and not beyond ctx or Close. A stream that goes
// meanwhile, or becomes something else, may come back: as in Redis, only an
// entry with a greater id ends the wait.
func (e *Engine) XRead(ctx context.Context, count int, block time.Duration, from ...cache.ReadFrom) ([]cache.StreamEntries, error) {
	if len(from) == 0 {
		return nil, nil
	}
	sr := streamRead{count: count, keys: make([]string, len(from)), after: make([]streamID, len(from))}
	for i, f := range from {
		sr.keys[i] = f.Key
	}
	found, err := sr.begin(ctx, e, from)
	if err != nil || len(found) > 0 || block <= 0 {
		return found, err
	}
	return sr.wait(ctx, e, block)
}

// streamRead is an XRead under way.
type streamRead struct {
	count int // at most so many entries of each stream; 0 or less: all
	keys  []string
	after []streamID // of each key, the id after which it is read
}

// begin finds the ids, of which "$" is the stream's last one now, and reads.
func (sr *streamRead) begin(ctx context.Context, e *Engine, from []cache.ReadFrom) (found []cache.StreamEntries, err error) {
	var refused error
	err = readMany(ctx, e, "xread", sr.keys, func(r reader, i int, key string) {
		if refused != nil {
			return
		}
		if sr.after[i], refused = r.xposition(key, from[i].After); refused != nil {
			refused = opError("xread", key, refused)
			return
		}
		found = sr.read(found, r, i)
	})
	if err = errors.Join(err, refused); err != nil {
		return nil, err
	}
	return found, nil
}

// xposition is the id that XREAD means by spec.
func (r reader) xposition(key, spec string) (streamID, error) {
	st, err := lookup[*stream](r, key)
	switch {
	case err != nil:
		return streamID{}, err
	case spec != "$":
		return parseStreamID(spec, 0)
	case st == nil:
		return streamID{}, nil
	}
	return st.last, nil
}

// read adds what stream i has. A key of another type has nothing.
func (sr *streamRead) read(found []cache.StreamEntries, r reader, i int) []cache.StreamEntries {
	st, err := lookup[*stream](r, sr.keys[i])
	if st == nil || err != nil {
		return found
	}
	next, ok := sr.after[i].next()
	if !ok {
		return found
	}
	fresh := st.between(next, maxStreamID)
	if sr.count > 0 && sr.count < len(fresh) {
		fresh = fresh[:sr.count]
	}
	if len(fresh) == 0 {
		return found
	}
	return append(found, cache.StreamEntries{Key: sr.keys[i], Entries: unpackAll(fresh)})
}

// wait reads again whenever one of the streams has got an entry.
func (sr *streamRead) wait(ctx context.Context, e *Engine, block time.Duration) (found []cache.StreamEntries, err error) {
	woken := make(chan struct{}, 1)
	e.enlistReader(sr.keys, woken)
	defer e.delistReader(sr.keys, woken)
	over := time.NewTimer(block)
	defer over.Stop()
	for {
		// Before the first wait too: an entry may have come before the listing.
		err = readMany(ctx, e, "xread", sr.keys, func(r reader, i int, _ string) { found = sr.read(found, r, i) })
		if err != nil || len(found) > 0 {
			return found, err
		}
		select {
		case <-woken:
		case <-over.C:
			return nil, nil
		case <-ctx.Done():
			return nil, opError("xread", sr.keys[0], ctx.Err())
		case <-e.stop:
			return nil, opError("xread", sr.keys[0], cache.ErrUnavailable)
		}
	}
}

// enlistReader has woken notified of every entry that one of keys gets.
func (e *Engine) enlistReader(keys []string, woken chan struct{}) {
	for _, key := range keys {
		s := e.shardOf(key)
		s.mu.Lock()
		if s.readers == nil {
			s.readers = make(map[string]map[chan struct{}]struct{})
		}
		if s.readers[key] == nil {
			s.readers[key] = make(map[chan struct{}]struct{})
		}
		s.readers[key][woken] = struct{}{}
		s.mu.Unlock()
	}
}

func (e *Engine) delistReader(keys []string, woken chan struct{}) {
	for _, key := range keys {
		s := e.shardOf(key)
		s.mu.Lock()
		delete(s.readers[key], woken)
		if len(s.readers[key]) == 0 {
			delete(s.readers, key)
		}
		s.mu.Unlock()
	}
}

// wakeReaders tells those who wait for an entry of key to look. They do once the
// unit is done and the shard unlocked.
func (u *unit) wakeReaders(key string) {
	for woken := range u.readers[key] {
		notify(woken)
	}
}
