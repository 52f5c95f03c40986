package memory

import (
	"context"
	"errors"
	"fmt"

	"hyperlocal/cache"
)

var errNoFields = errors.New("a stream entry needs a field")

// XAdd appends an entry, then trims, and returns the entry's id.
func (e *Engine) XAdd(ctx context.Context, key, id string, trim cache.Trim, fields ...cache.Field) (string, error) {
	return write(ctx, e, "xadd", key, func(u *unit) (string, error) { return u.xadd(key, id, trim, fields) })
}

// XRange returns entries oldest first.
func (e *Engine) XRange(ctx context.Context, key, start, end string, count int) ([]cache.Entry, error) {
	return read(ctx, e, "xrange", key, func(r reader) ([]cache.Entry, error) {
		return r.xrange(key, start, end, count)
	})
}

// XRevRange returns entries newest first.
func (e *Engine) XRevRange(ctx context.Context, key, end, start string, count int) ([]cache.Entry, error) {
	return read(ctx, e, "xrevrange", key, func(r reader) ([]cache.Entry, error) {
		return r.xrevrange(key, end, start, count)
	})
}

// XTrim removes the oldest entries and returns how many.
func (e *Engine) XTrim(ctx context.Context, key string, trim cache.Trim) (int64, error) {
	return write(ctx, e, "xtrim", key, func(u *unit) (int64, error) {
		minID, err := parseTrim(trim)
		if err != nil {
			return 0, err
		}
		return u.xtrim(key, trim.MaxLen, minID)
	})
}

// XLen returns the number of entries.
func (e *Engine) XLen(ctx context.Context, key string) (int64, error) {
	return read(ctx, e, "xlen", key, func(r reader) (int64, error) {
		st, err := lookup[*stream](r, key)
		if st == nil || err != nil {
			return 0, err
		}
		return int64(st.len()), nil
	})
}

func (r reader) xrange(key, start, end string, count int) ([]cache.Entry, error) {
	found, err := r.xbetween(key, start, end)
	if count > 0 && count < len(found) {
		found = found[:count]
	}
	if len(found) == 0 {
		return nil, err
	}
	return unpackAll(found), nil
}

func (r reader) xrevrange(key, end, start string, count int) ([]cache.Entry, error) {
	found, err := r.xbetween(key, start, end)
	if count > 0 && count < len(found) {
		found = found[len(found)-count:]
	}
	if len(found) == 0 {
		return nil, err
	}
	entries := make([]cache.Entry, len(found))
	for i, e := range found {
		entries[len(found)-1-i] = e.unpack()
	}
	return entries, nil
}

func (r reader) xbetween(key, start, end string) ([]streamEntry, error) {
	from, err := parseRangeStart(start)
	if err != nil {
		return nil, err
	}
	to, err := parseRangeEnd(end)
	if err != nil {
		return nil, err
	}
	st, err := lookup[*stream](r, key)
	if st == nil || err != nil {
		return nil, err
	}
	return st.between(from, to), nil
}

func (u *unit) xadd(key, spec string, trim cache.Trim, fields []cache.Field) (string, error) {
	if len(fields) == 0 {
		return "", errNoFields
	}
	minID, err := parseTrim(trim)
	if err != nil {
		return "", err
	}
	_, st, err := reach[*stream](u, key)
	if err != nil {
		// Redis reads the id first: one that no stream takes is refused as such.
		if _, bad := newStream().nextID(spec, u.now()); bad != nil {
			err = bad
		}
		return "", err
	}
	if st == nil {
		st = newStream()
	}
	id, err := st.nextID(spec, u.now())
	if err != nil {
		return "", err
	}
	u.scratch = packFields(u.scratch[:0], fields)
	if err := u.xappend(key, id, string(u.scratch)); err != nil {
		return "", err
	}
	_, err = u.xtrim(key, trim.MaxLen, minID)
	return id.String(), err
}

// xappend adds an entry whose fields are packed, and keeps them.
func (u *unit) xappend(key string, id streamID, packed string) error {
	if err := u.grow(); err != nil {
		return err
	}
	it, st, err := reach[*stream](u, key)
	if err != nil {
		return err
	}
	if st == nil {
		st = newStream()
	}
	if !st.last.less(id) {
		return badStreamID(id.String())
	}
	if it == nil { // only now: a refused id makes no key
		it = u.insert(key, st)
	}
	st.add(id, packed)
	if u.records() {
		u.effects.entry(key, id, packed)
	}
	u.settle(it)
	u.wakeReaders(key)
	return nil
}

// parseTrim checks a trim and reads its id, 0-0 if there is none.
func parseTrim(t cache.Trim) (minID streamID, err error) {
	switch {
	case t.MinID == "":
		return streamID{}, nil
	case t.MaxLen != 0:
		return streamID{}, fmt.Errorf("trim by length and by id: %w", cache.ErrSyntax)
	}
	return parseStreamID(t.MinID, 0)
}

// xtrim leaves the newest maxLen entries, unless that is zero or less, of those
// that are not below minID.
func (u *unit) xtrim(key string, maxLen int, minID streamID) (int64, error) {
	_, st, err := reach[*stream](u, key)
	if st == nil || err != nil {
		return 0, err
	}
	if maxLen > 0 && st.len() > maxLen {
		minID = st.entries[len(st.entries)-maxLen].id
	}
	if minID == (streamID{}) {
		return 0, nil
	}
	return u.xtrimBelow(key, minID)
}

func (u *unit) xtrimBelow(key string, id streamID) (int64, error) {
	it, st, err := reach[*stream](u, key)
	if it == nil || err != nil {
		return 0, err
	}
	n := st.index(id)
	if n == 0 {
		return 0, nil
	}
	if next, more := st.last.next(); more && next.less(id) {
		id = next // replayed onto what was added later, it must leave that alone
	}
	st.trim(n)
	if u.records() {
		u.effects.id(opXTrim, key, id)
	}
	u.settle(it)
	return int64(n), nil
}

// xsetLast makes a stream that has had an entry with this id.
func (u *unit) xsetLast(key string, id streamID) error {
	it, st, err := obtain(u, key, newStream)
	if err != nil {
		return err
	}
	if st.last.less(id) {
		st.last = id
	}
	u.settle(it)
	return nil
}
