package memory

import (
	"context"
	"fmt"
	"slices"

	"hyperlocal/cache"
)

// LPush adds values in front, the last of them first, and returns the length.
func (e *Engine) LPush(ctx context.Context, key string, values ...string) (int64, error) {
	return write(ctx, e, "lpush", key, func(u *unit) (int64, error) { return u.lpush(key, values) })
}

// RPush adds values at the end and returns the length.
func (e *Engine) RPush(ctx context.Context, key string, values ...string) (int64, error) {
	return write(ctx, e, "rpush", key, func(u *unit) (int64, error) { return u.rpush(key, values) })
}

// LPop removes up to n values from the front; nil means that the key is missing.
func (e *Engine) LPop(ctx context.Context, key string, n int) ([]string, error) {
	return write(ctx, e, "lpop", key, func(u *unit) ([]string, error) { return u.pop(key, n, false) })
}

// RPop removes up to n values from the end, the last one first.
func (e *Engine) RPop(ctx context.Context, key string, n int) ([]string, error) {
	return write(ctx, e, "rpop", key, func(u *unit) ([]string, error) { return u.pop(key, n, true) })
}

// LRange returns the values from index start to index stop.
func (e *Engine) LRange(ctx context.Context, key string, start, stop int64) ([]string, error) {
	return read(ctx, e, "lrange", key, func(r reader) ([]string, error) {
		l, err := lookup[*list](r, key)
		if l == nil || err != nil {
			return nil, err
		}
		return l.between(l.span(start, stop)), nil
	})
}

// LTrim removes all values but those LRange would return.
func (e *Engine) LTrim(ctx context.Context, key string, start, stop int64) error {
	_, err := write(ctx, e, "ltrim", key, func(u *unit) (int64, error) { return 0, u.ltrim(key, start, stop) })
	return err
}

// LLen returns the number of values.
func (e *Engine) LLen(ctx context.Context, key string) (int64, error) {
	return read(ctx, e, "llen", key, func(r reader) (int64, error) { return r.llen(key) })
}

func (r reader) llen(key string) (int64, error) {
	l, err := lookup[*list](r, key)
	if l == nil || err != nil {
		return 0, err
	}
	return int64(l.n), nil
}

func (u *unit) lpush(key string, values []string) (int64, error) {
	values = slices.Clone(values)
	slices.Reverse(values)
	return u.push(key, values, func(l *list) int64 { return l.first - int64(len(values)) })
}

func (u *unit) rpush(key string, values []string) (int64, error) {
	return u.push(key, values, (*list).end)
}

// push puts values at the position that where tells, and returns the length.
func (u *unit) push(key string, values []string, where func(l *list) int64) (int64, error) {
	if len(values) == 0 {
		return u.llen(key)
	}
	it, l, err := obtain(u, key, newList)
	if err != nil {
		return 0, err
	}
	p := where(l)
	l.put(p, values)
	l.changes++
	if u.journaled {
		u.effects.listPut(key, l.changes, p, values)
	}
	u.settle(it)
	return int64(l.n), nil
}

func (u *unit) pop(key string, n int, last bool) ([]string, error) {
	if n < 0 {
		return nil, fmt.Errorf("a negative number of values: %w", cache.ErrSyntax)
	}
	it, l, err := reach[*list](u, key)
	if it == nil || err != nil {
		return nil, err
	}
	n = min(n, l.n)
	if n == 0 {
		return []string{}, nil
	}
	first, end := l.first, l.end()
	var values []string
	if last {
		end -= int64(n)
		values = l.between(end, l.end())
		slices.Reverse(values)
	} else {
		first += int64(n)
		values = l.between(l.first, first)
	}
	u.cutList(it, l, first, end)
	return values, nil
}

func (u *unit) ltrim(key string, start, stop int64) error {
	it, l, err := reach[*list](u, key)
	if it == nil || err != nil {
		return err
	}
	first, end := l.span(start, stop)
	if first != l.first || end != l.end() {
		u.cutList(it, l, first, end)
	}
	return nil
}

// cutList leaves the values from one position up to another. If there are none
// the key goes, which is an effect of its own.
func (u *unit) cutList(it *item, l *list, first, end int64) {
	l.cut(first, end)
	l.changes++
	if u.journaled && !l.vacant() {
		u.effects.listSpan(it.key, l.changes, first, end)
	}
	u.settle(it)
}

// replayPut is the put of a list's change: see list.
func (u *unit) replayPut(key string, change uint64, p int64, values []string) error {
	it, l, err := obtain(u, key, newList)
	if err != nil {
		return err
	}
	if change >= l.changes {
		l.put(p, values)
		l.changes = change
	}
	u.settle(it)
	return nil
}

// replaySpan is the cut of a list's change.
func (u *unit) replaySpan(key string, change uint64, first, end int64) error {
	it, l, err := reach[*list](u, key)
	if it == nil || err != nil {
		return err
	}
	if change >= l.changes {
		l.cut(first, end)
		l.changes = change
	}
	u.settle(it)
	return nil
}
