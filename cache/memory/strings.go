package memory

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"hyperlocal/cache"
)

// text is the value of a string key.
type text struct{ s string }

func (*text) typeName() string { return "string" }
func (t *text) memory() int64  { return textSize + allocated(len(t.s)) }
func (*text) vacant() bool     { return false }

const textSize = int64(unsafe.Sizeof(text{}))

// number is the value of a string key that was counted up or down: the digits of
// an integer, without being spelt out and parsed each time. It is part of its item.
type number struct{ n int64 }

func (*number) typeName() string { return "string" }
func (*number) memory() int64    { return 0 }
func (*number) vacant() bool     { return false }

// Set reports whether it wrote: false only with NX or XX.
func (e *Engine) Set(ctx context.Context, key, value string, opt cache.SetOptions) (bool, error) {
	return write(ctx, e, "set", key, func(u *unit) (bool, error) { return u.set(key, value, opt) })
}

// Get returns a string key's value.
func (e *Engine) Get(ctx context.Context, key string) (cache.Optional, error) {
	return read(ctx, e, "get", key, func(r reader) (cache.Optional, error) { return r.get(key) })
}

// SetGet is Set that also returns the value the key had.
func (e *Engine) SetGet(ctx context.Context, key, value string, opt cache.SetOptions) (old cache.Optional, wrote bool, err error) {
	wrote, err = write(ctx, e, "set", key, func(u *unit) (bool, error) {
		if err := checkSet(opt); err != nil {
			return false, err
		}
		if old, err = u.get(key); err != nil {
			return false, err
		}
		return u.set(key, value, opt)
	})
	if err != nil {
		return cache.Optional{}, false, err
	}
	return old, wrote, nil
}

// GetDel returns a value and removes the key.
func (e *Engine) GetDel(ctx context.Context, key string) (cache.Optional, error) {
	return write(ctx, e, "getdel", key, func(u *unit) (cache.Optional, error) {
		v, err := u.get(key)
		if v.OK {
			u.del(key)
		}
		return v, err
	})
}

// GetEx returns a value and changes the key's time to live.
func (e *Engine) GetEx(ctx context.Context, key string, opt cache.GetOptions) (cache.Optional, error) {
	return write(ctx, e, "getex", key, func(u *unit) (cache.Optional, error) { return u.getEx(key, opt) })
}

// MGet answers in the order of keys; a key of another type is missing.
func (e *Engine) MGet(ctx context.Context, keys ...string) ([]cache.Optional, error) {
	values := make([]cache.Optional, len(keys))
	err := readMany(ctx, e, "mget", keys, func(r reader, i int, key string) {
		if it := r.find(key); it != nil {
			values[i].Str, values[i].OK = stringOf(it.value)
		}
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

// MSet sets each field's name, a key, to its value, and removes times to live.
func (e *Engine) MSet(ctx context.Context, pairs ...cache.Field) error {
	keys := make([]string, len(pairs))
	for i, p := range pairs {
		keys[i] = p.Name
	}
	return writeMany(ctx, e, "mset", keys, func(of func(key string) *unit) error {
		for _, p := range pairs {
			// All are refused, if any: what is full was so before the first.
			if _, err := of(p.Name).set(p.Name, p.Value, cache.SetOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// IncrBy returns the new value. The key keeps its time to live.
func (e *Engine) IncrBy(ctx context.Context, key string, delta int64) (int64, error) {
	return write(ctx, e, "incrby", key, func(u *unit) (int64, error) { return u.incrBy(key, delta) })
}

// stringOf is the string that a value is to GET, if it is one.
func stringOf(v value) (s string, ok bool) {
	switch v := v.(type) {
	case *text:
		return v.s, true
	case *number:
		return strconv.FormatInt(v.n, 10), true
	case *hyperLogLog:
		return v.String(), true
	}
	return "", false
}

func (r reader) get(key string) (cache.Optional, error) {
	it := r.find(key)
	if it == nil {
		return cache.Optional{}, nil
	}
	s, ok := stringOf(it.value)
	if !ok {
		return cache.Optional{}, cache.ErrWrongType
	}
	return cache.Optional{Str: s, OK: true}, nil
}

func (u *unit) getEx(key string, opt cache.GetOptions) (cache.Optional, error) {
	if opt.Persist && opt.TTL != 0 {
		return cache.Optional{}, fmt.Errorf("a time to live and none: %w", cache.ErrSyntax)
	}
	v, err := u.get(key)
	if !v.OK || err != nil {
		return v, err
	}
	// Redis looks at the number only now: a missing key has no use for it.
	switch {
	case opt.TTL < 0:
		return cache.Optional{}, errNegativeTTL
	case opt.TTL > 0:
		u.setDeadline(u.keys.find(key), u.deadline(opt.TTL))
	case opt.Persist:
		u.persist(key)
	}
	return v, nil
}

var errNegativeTTL = fmt.Errorf("negative time to live: %w", cache.ErrSyntax)

func checkSet(opt cache.SetOptions) error {
	switch {
	case opt.NX && opt.XX:
		return fmt.Errorf("NX and XX: %w", cache.ErrSyntax)
	case opt.KeepTTL && opt.TTL != 0:
		return fmt.Errorf("an old and a new time to live: %w", cache.ErrSyntax)
	case opt.TTL < 0:
		return errNegativeTTL
	}
	return nil
}

func (u *unit) set(key, value string, opt cache.SetOptions) (bool, error) {
	if err := checkSet(opt); err != nil {
		return false, err
	}
	it := u.findForWrite(key)
	if opt.NX && it != nil || opt.XX && it == nil {
		return false, nil
	}
	expireAt := u.deadline(opt.TTL)
	if opt.KeepTTL && it != nil {
		expireAt = it.expireAt
	}
	if err := u.putText(key, value, expireAt); err != nil {
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
	it := u.keys.find(key)
	if it != nil {
		switch it.value.(type) {
		case *text, *number:
		default:
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
	if err := u.grow(); err != nil {
		return 0, err
	}
	it := u.findForWrite(key)
	if it == nil {
		it = u.insert(key, nil)
		it.value = &it.number
	}
	if err := it.count(delta); err != nil {
		return 0, err
	}
	if u.records() {
		u.scratch = strconv.AppendInt(u.scratch[:0], it.number.n, 10)
		u.effects.set(key, it.expireAt, viewOf(u.scratch))
	}
	u.settle(it)
	return it.number.n, nil
}

// count adds to a value that is an integer.
func (it *item) count(delta int64) (err error) {
	n := it.number.n
	if it.value != value(&it.number) {
		s, ok := stringOf(it.value)
		if !ok {
			return cache.ErrWrongType
		}
		if n, err = parseInteger(s); err != nil {
			return err
		}
	}
	if n, err = addBounded(n, delta); err != nil {
		return err
	}
	it.number.n = n
	it.value = &it.number
	return nil
}
