package memory

import (
	"context"
	"fmt"
	"math"
	"time"

	"hyperlocal/cache"
)

// Del removes keys and returns how many there were.
func (e *Engine) Del(ctx context.Context, keys ...string) (n int64, err error) {
	err = writeMany(ctx, e, "del", keys, func(of func(key string) *unit) error {
		for _, key := range keys {
			if of(key).del(key) {
				n++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Exists returns how many of keys exist; one named twice counts twice.
func (e *Engine) Exists(ctx context.Context, keys ...string) (int64, error) {
	var n int64
	err := readMany(ctx, e, "exists", keys, func(r reader, _ int, key string) {
		if r.peek(key) != nil {
			n++
		}
	})
	return n, err
}

// Expire sets a key's time to live; a fraction of a millisecond counts as one.
func (e *Engine) Expire(ctx context.Context, key string, ttl time.Duration, when cache.ExpireCondition) (bool, error) {
	return write(ctx, e, "expire", key, func(u *unit) (bool, error) { return u.expire(key, ttl, when) })
}

// ExpireAt is Expire with the moment, to the millisecond.
func (e *Engine) ExpireAt(ctx context.Context, key string, at time.Time, when cache.ExpireCondition) (bool, error) {
	return write(ctx, e, "expireat", key, func(u *unit) (bool, error) { return u.expireAt(key, at.UnixMilli(), when) })
}

// Persist takes a key's time to live away and reports whether it had one.
func (e *Engine) Persist(ctx context.Context, key string) (bool, error) {
	return write(ctx, e, "persist", key, func(u *unit) (bool, error) { return u.persist(key), nil })
}

// TTL returns the remaining time to live, cache.NoTTL or cache.NoKey.
func (e *Engine) TTL(ctx context.Context, key string) (time.Duration, error) {
	return read(ctx, e, "ttl", key, func(r reader) (time.Duration, error) { return r.ttl(key), nil })
}

// Type returns "string", "list", "set", "hash", "zset", "stream", or "none".
func (e *Engine) Type(ctx context.Context, key string) (string, error) {
	return read(ctx, e, "type", key, func(r reader) (string, error) {
		if it := r.peek(key); it != nil {
			return it.value.typeName(), nil
		}
		return "none", nil
	})
}

func (r reader) ttl(key string) time.Duration {
	it := r.peek(key)
	switch {
	case it == nil:
		return cache.NoKey
	case it.expireAt == 0:
		return cache.NoTTL
	}
	return time.Duration(min(it.expireAt-r.now(), longestTTL)) * time.Millisecond
}

// longestTTL is what a time.Duration holds, 292 years, in ms. A moment beyond it
// is kept as it is.
const longestTTL = math.MaxInt64 / int64(time.Millisecond)

func (u *unit) del(key string) bool {
	it := u.findForWrite(key)
	if it == nil {
		return false
	}
	u.drop(it)
	return true
}

func (u *unit) expire(key string, ttl time.Duration, when cache.ExpireCondition) (bool, error) {
	return u.expireAt(key, u.now()+wholeMillis(ttl), when)
}

// expireAt is expire with a moment in ms since 1970. One that has passed removes
// the key.
func (u *unit) expireAt(key string, at int64, when cache.ExpireCondition) (bool, error) {
	if excludes(when) {
		return false, fmt.Errorf("conditions of expiry: %w", cache.ErrSyntax)
	}
	it := u.findForWrite(key)
	if it == nil || !allows(when, it.expireAt, at) {
		return false, nil
	}
	if at <= u.now() {
		u.drop(it)
	} else {
		u.setDeadline(it, at)
	}
	return true, nil
}

func (u *unit) persist(key string) bool {
	it := u.findForWrite(key)
	if it == nil || it.expireAt == 0 {
		return false
	}
	u.setDeadline(it, 0)
	return true
}

// setDeadline makes an item expire at a moment in ms since 1970, 0 for never.
func (u *unit) setDeadline(it *item, at int64) {
	u.changed = true
	u.schedule(it, at)
	if u.records() {
		u.effects.expire(it.key, at)
	}
}

// excludes says that conditions exclude each other.
func excludes(when cache.ExpireCondition) bool {
	const both = cache.ExpireGT | cache.ExpireLT
	return when&cache.ExpireNX != 0 && when != cache.ExpireNX || when&both == both
}

// allows says whether conditions let a key that expires at one moment, 0 for
// never, expire at another.
func allows(when cache.ExpireCondition, expireAt, at int64) bool {
	never := expireAt == 0
	switch {
	case when&cache.ExpireNX != 0 && !never,
		when&cache.ExpireXX != 0 && never,
		when&cache.ExpireGT != 0 && (never || at <= expireAt),
		when&cache.ExpireLT != 0 && !never && at >= expireAt:
		return false
	}
	return true
}

// deadline is the moment, in ms since 1970, at which a ttl that begins now is
// over; 0 for a ttl of 0.
func (u *unit) deadline(ttl time.Duration) int64 {
	if ttl == 0 {
		return 0
	}
	return u.now() + wholeMillis(ttl)
}

// wholeMillis rounds up, so that a short time to live is not none at all.
func wholeMillis(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d > time.Duration(ms)*time.Millisecond {
		ms++
	}
	return ms
}
