package memory

import (
	"context"
	"strconv"

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
		all := make(map[string]string, h.Len())
		for _, f := range h.Fields() {
			all[f.Name] = f.Value
		}
		return all, nil
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
	return h.get(field), nil
}

func (r reader) hmget(key string, fields []string) ([]cache.Optional, error) {
	h, err := lookup[*hash](r, key)
	if err != nil {
		return nil, err
	}
	if h == nil {
		return make([]cache.Optional, len(fields)), nil
	}
	return h.GetMany(fields), nil
}

// hfields returns the fields in no particular order.
func (r reader) hfields(key string) ([]cache.Field, error) {
	h, err := lookup[*hash](r, key)
	if h == nil || err != nil {
		return nil, err
	}
	return h.Fields(), nil
}

func (r reader) hlen(key string) (int64, error) {
	h, err := lookup[*hash](r, key)
	if h == nil || err != nil {
		return 0, err
	}
	return int64(h.Len()), nil
}

func (u *unit) hset(key string, fields []cache.Field) (added int64, err error) {
	it, h, err := obtain(u, key, newHash)
	if err != nil {
		return 0, err
	}
	added = h.SetMany(fields)
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
	it, h, err := obtain(u, key, newHash)
	if err != nil {
		return 0, err
	}
	current := "0"
	ref := h.Find(field)
	if ref != 0 {
		current = viewOf(h.Value(ref))
	}
	sum, err := addInteger(current, delta)
	if err != nil {
		return 0, err
	}
	u.scratch = strconv.AppendInt(u.scratch[:0], sum, 10)
	value := viewOf(u.scratch)
	if ref == 0 || !h.Overwrite(ref, value) {
		h.Set(field, value)
	}
	if u.records() {
		u.effects.fields(opHSet, key, []cache.Field{{Name: field, Value: value}})
	}
	u.settle(it)
	return sum, nil
}
