package memory

import (
	"context"
	"fmt"
	"strconv"

	"hyperlocal/cache"
	"hyperlocal/cache/glob"
)

// HSetNX reports whether it wrote: only if the field does not exist.
func (e *Engine) HSetNX(ctx context.Context, key, field, value string) (bool, error) {
	return write(ctx, e, "hsetnx", key, func(u *unit) (bool, error) {
		old, err := u.hget(key, field)
		if old.OK || err != nil {
			return false, err
		}
		_, err = u.hset(key, []cache.Field{{Name: field, Value: value}})
		return err == nil, err
	})
}

// hashPage is a page of a hash's fields.
type hashPage struct {
	fields []cache.Field
	next   string
}

// HScan pages through the fields. Like Scan it goes by the hashes of what it
// pages through; the cursor is where the next page begins.
func (e *Engine) HScan(ctx context.Context, key, cursor, match string, count int) ([]cache.Field, string, error) {
	page, err := read(ctx, e, "hscan", key, func(r reader) (hashPage, error) {
		return r.hscan(key, cursor, match, count)
	})
	return page.fields, page.next, err
}

func (r reader) hscan(key, cursor, match string, count int) (page hashPage, err error) {
	var from uint64
	if cursor != "" {
		if from, err = strconv.ParseUint(cursor, 10, 64); err != nil {
			return page, fmt.Errorf("cursor %q is not one of this engine's", cursor)
		}
	}
	if count <= 0 {
		count = scanDefaultCount
	}
	h, err := lookup[*hash](r, key)
	if h == nil || err != nil {
		return page, err
	}
	if match == "" {
		page.fields = make([]cache.Field, 0, min(count, h.Len()))
	}
	next, more := h.Page(from, count, func(name, value []byte) {
		if match == "" || glob.Match(match, string(name)) {
			page.fields = append(page.fields, cache.Field{Name: string(name), Value: string(value)})
		}
	})
	if more {
		page.next = strconv.FormatUint(next, 10)
	}
	return page, nil
}
