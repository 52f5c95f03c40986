package memory

import (
	"context"
	"maps"

	"hyperlocal/cache"
)

// HSet returns how many fields are new.
func (e *Engine) HSet(ctx context.Context, key string, fields ...cache.Field) (int64, error) {
	return write(ctx, e, "hset", key, func(u *unit) (int64, error) { return u.hset(key, fields) })
}

// HGet returns one field's value.
func (e *Engine) HGet(ctx context.Context, key, field string) (cache.Optional, error) {
	return read(ctx, e, "hget", key, func(r reader) (cache.Optional, error) { return r.hget(key, field) })
}

// HMGet answers in the order of fields.
func (e *Engine) HMGet(ctx context.Context, key string, fields ...string) ([]cache.Optional, error) {
	return read(ctx, e, "hmget", key, func(r reader) ([]cache.Optional, error) { return r.hmget(key, fields) })
}

// HGetAll returns an empty map for a missing key.
func (e *Engine) HGetAll(ctx context.Context, key string) (map[string]string, error) {
	return read(ctx, e, "hgetall", key, func(r reader) (map[string]string, error) {
		h, err := lookup[*hash](r, key)
		if err != nil {
			return nil, err
		}
		if h == nil {
			return map[string]string{}, nil
		}
		return maps.Clone(h.fields), nil
	})
}

// HDel returns how many of fields there were; the last one takes the key along.
func (e *Engine) HDel(ctx context.Context, key string, fields ...string) (int64, error) {
	return write(ctx, e, "hdel", key, func(u *unit) (int64, error) { return u.hdel(key, fields) })
}

// HLen returns the number of fields.
func (e *Engine) HLen(ctx context.Context, key string) (int64, error) {
	return read(ctx, e, "hlen", key, func(r reader) (int64, error) { return r.hlen(key) })
}

// HIncrBy returns the new value.
func (e *Engine) HIncrBy(ctx context.Context, key, field string, delta int64) (int64, error) {
	return write(ctx, e, "hincrby", key, func(u *unit) (int64, error) { return u.hincrBy(key, field, delta) })
}

func (r reader) hget(key, field string) (cache.Optional, error) {
	h, err := lookup[*hash](r, key)
	if h == nil || err != nil {
		return cache.Optional{}, err
	}
	v, ok := h.fields[field]
	return cache.Optional{Str: v, OK: ok}, nil
}

func (r reader) hmget(key string, fields []string) ([]cache.Optional, error) {
	h, err := lookup[*hash](r, key)
	if err != nil {
		return nil, err
	}
	values := make([]cache.Optional, len(fields))
	if h != nil {
		for i, f := range fields {
			values[i].Str, values[i].OK = h.fields[f]
		}
	}
	return values, nil
}

// hfields returns the fields in no particular order.
func (r reader) hfields(key string) ([]cache.Field, error) {
	h, err := lookup[*hash](r, key)
	if h == nil || err != nil {
		return nil, err
	}
	fields := make([]cache.Field, 0, len(h.fields))
	for name, value := range h.fields {
		fields = append(fields, cache.Field{Name: name, Value: value})
	}
	return fields, nil
}

func (r reader) hlen(key string) (int64, error) {
	h, err := lookup[*hash](r, key)
	if h == nil || err != nil {
		return 0, err
	}
	return int64(len(h.fields)), nil
}

func (u *unit) hset(key string, fields []cache.Field) (added int64, err error) {
	it, h, err := obtain(u, key, newHash)
	if err != nil {
		return 0, err
	}
	for _, f := range fields {
		if h.set(f.Name, f.Value) {
			added++
		}
	}
	if u.records() {
		u.effects.fields(opHSet, key, fields)
	}
	u.settle(it)
	return added, nil
}

func (u *unit) hdel(key string, fields []string) (removed int64, err error) {
	it, h, err := reach[*hash](u, key)
	if it == nil || err != nil {
		return 0, err
	}
	for _, f := range fields {
		if h.del(f) {
			removed++
		}
	}
	if u.records() {
		u.effects.names(opHDel, key, fields)
	}
	u.settle(it)
	return removed, nil
}

func (u *unit) hincrBy(key, field string, delta int64) (int64, error) {
	current := "0"
	_, h, err := reach[*hash](u, key)
	if err != nil {
		return 0, err
	}
	if h != nil {
		if v, ok := h.fields[field]; ok {
			current = v
		}
	}
	n, s, err := addInteger(current, delta)
	if err != nil {
		return 0, err
	}
	_, err = u.hset(key, []cache.Field{{Name: field, Value: s}})
	return n, err
}
