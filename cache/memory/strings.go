package memory

import (
	"context"
	"errors"
	"strings"
	"unsafe"

	"hyperlocal/cache"
)

var (
	errBothNXAndXX = errors.New("NX and XX exclude each other")
	errNegativeTTL = errors.New("time to live is negative")
)

// text is the value of a string key.
type text struct{ s string }

func (*text) typeName() string { return "string" }
func (t *text) memory() int64  { return textSize + allocated(len(t.s)) }
func (*text) vacant() bool     { return false }

const textSize = int64(unsafe.Sizeof(text{}))

// Set reports whether it wrote: false only with NX or XX.
func (e *Engine) Set(ctx context.Context, key, value string, opt cache.SetOptions) (bool, error) {
	return write(ctx, e, "set", key, func(u *unit) (bool, error) { return u.set(key, value, opt) })
}

// Get returns a string key's value.
func (e *Engine) Get(ctx context.Context, key string) (cache.Optional, error) {
	return read(ctx, e, "get", key, func(r reader) (cache.Optional, error) { return r.get(key) })
}

// MGet answers in the order of keys; a key of another type is missing.
func (e *Engine) MGet(ctx context.Context, keys ...string) ([]cache.Optional, error) {
	values := make([]cache.Optional, len(keys))
	err := readMany(ctx, e, "mget", keys, func(r reader, i int, key string) {
		if it := r.find(key); it != nil {
			if t, ok := it.value.(*text); ok {
				values[i] = cache.Optional{Str: t.s, OK: true}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

// IncrBy returns the new value. The key keeps its time to live.
func (e *Engine) IncrBy(ctx context.Context, key string, delta int64) (int64, error) {
	return write(ctx, e, "incrby", key, func(u *unit) (int64, error) { return u.incrBy(key, delta) })
}

func (r reader) get(key string) (cache.Optional, error) {
	t, err := lookup[*text](r, key)
	if t == nil || err != nil {
		return cache.Optional{}, err
	}
	return cache.Optional{Str: t.s, OK: true}, nil
}

func (u *unit) set(key, value string, opt cache.SetOptions) (bool, error) {
	if opt.NX && opt.XX {
		return false, errBothNXAndXX
	}
	if opt.TTL < 0 {
		return false, errNegativeTTL
	}
	it := u.findForWrite(key)
	if opt.NX && it != nil || opt.XX && it == nil {
		return false, nil
	}
	if err := u.putText(key, value, u.deadline(opt.TTL)); err != nil {
		return false, err
	}
	return true, nil
}

// putText makes key a string whatever it was before, to expire at expireAt in
// ms since 1970, or never if that is 0.
func (u *unit) putText(key, value string, expireAt int64) error {
	if err := u.grow(); err != nil {
		return err
	}
	t := &text{s: strings.Clone(value)}
	it := u.keys[key]
	if it != nil {
		if _, same := it.value.(*text); !same {
			u.drop(it)
			it = nil
		}
	}
	if it == nil {
		it = u.insert(key, t)
	}
	it.value = t
	u.schedule(it, expireAt)
	if u.records() {
		u.effects.set(key, expireAt, value)
	}
	u.settle(it)
	return nil
}

func (u *unit) incrBy(key string, delta int64) (int64, error) {
	it, t, err := reach[*text](u, key)
	if err != nil {
		return 0, err
	}
	current, expireAt := "0", int64(0)
	if it != nil {
		current, expireAt = t.s, it.expireAt
	}
	n, s, err := addInteger(current, delta)
	if err != nil {
		return 0, err
	}
	if err := u.putText(key, s, expireAt); err != nil {
		return 0, err
	}
	return n, nil
}
