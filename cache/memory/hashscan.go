package memory

import (
	"context"
	"fmt"
	"strconv"
	"strings"

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

// maxScanRoom bounds what a page makes room for before it knows how long it will be,
// bytes.
const maxScanRoom = 64 << 10

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
	// A page is one string, since one of some hundred fields would be hundreds of
	// strings, which cost more to make and to collect.
	var text strings.Builder
	var ends []int // of names and values in turns
	next, more := h.Page(from, count, func(name, value []byte) {
		if match != "" && !glob.Match(match, string(name)) {
			return
		}
		if ends == nil && match == "" { // most fields of a hash are alike
			n := min(count, h.Len())
			ends = make([]int, 0, 2*n)
			text.Grow(min((len(name)+len(value))*n*9/8, maxScanRoom))
		}
		text.Write(name)
		ends = append(ends, text.Len())
		text.Write(value)
		ends = append(ends, text.Len())
	})
	page.fields = make([]cache.Field, len(ends)/2)
	all, begin := text.String(), 0
	for i := range page.fields {
		name, value := ends[2*i], ends[2*i+1]
		page.fields[i] = cache.Field{Name: all[begin:name], Value: all[name:value]}
		begin = value
	}
	if more {
		page.next = strconv.FormatUint(next, 10)
	}
	return page, nil
}
