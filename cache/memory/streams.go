package memory

import (
	"context"
	"errors"

	"hyperlocal/cache"
)

var errNoFields = errors.New("a stream entry needs a field")

// XAdd appends an entry and returns its id.
func (e *Engine) XAdd(ctx context.Context, key, id string, maxLen int, fields ...cache.Field) (string, error) {
	return write(ctx, e, "xadd", key, func(u *unit) (string, error) { return u.xadd(key, id, maxLen, fields) })
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

// XTrim removes the entries with ids below minID and returns how many.
func (e *Engine) XTrim(ctx context.Context, key, minID string) (int64, error) {
	return write(ctx, e, "xtrim", key, func(u *unit) (int64, error) { return u.xtrim(key, minID) })
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
	entries := make([]cache.Entry, len(found))
	for i, e := range found {
		entries[i] = e.unpack()
	}
	return entries, nil
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

func (u *unit) xadd(key, spec string, maxLen int, fields []cache.Field) (string, error) {
	if len(fields) == 0 {
		return "", errNoFields
	}
	it, st, err := reach[*stream](u, key)
	if err != nil {
		return "", err
	}
	if st == nil {
		st = newStream()
	}
	id, err := st.nextID(spec, u.now)
	if err != nil {
		return "", err
	}
	if it == nil { // only now: a refused id makes no key
		it = u.insert(key, st)
	}
	u.scratch = packFields(u.scratch[:0], fields)
	st.add(id, string(u.scratch))
	if maxLen > 0 && st.len() > maxLen {
		st.trim(st.len() - maxLen)
	}
	u.settle(it)
	return id.String(), nil
}

func (u *unit) xtrim(key, minID string) (int64, error) {
	id, err := parseStreamID(minID, 0)
	if err != nil {
		return 0, err
	}
	it, st, err := reach[*stream](u, key)
	if it == nil || err != nil {
		return 0, err
	}
	n := st.index(id)
	st.trim(n)
	u.settle(it)
	return int64(n), nil
}
