package redis

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// XAdd implements cache.Streams.
func (e *Engine) XAdd(ctx context.Context, key, id string, trim cache.Trim, fields ...cache.Field) (string, error) {
	cmd := e.client.B().Arbitrary("XADD").Keys(key)
	if trim.MaxLen > 0 {
		cmd = cmd.Args("MAXLEN", "=", strconv.Itoa(trim.MaxLen))
	}
	cmd = cmd.Args(id)
	for _, f := range fields {
		cmd = cmd.Args(f.Name, f.Value)
	}
	return text("XADD", key, e.do(ctx, cmd.Build()))
}

// XRange implements cache.Streams.
func (e *Engine) XRange(ctx context.Context, key, start, end string, count int) ([]cache.Entry, error) {
	return e.entries(ctx, "XRANGE", key, start, end, count)
}

// XRevRange implements cache.Streams.
func (e *Engine) XRevRange(ctx context.Context, key, end, start string, count int) ([]cache.Entry, error) {
	return e.entries(ctx, "XREVRANGE", key, end, start, count)
}

func (e *Engine) entries(ctx context.Context, op, key, from, to string, count int) ([]cache.Entry, error) {
	cmd := e.client.B().Arbitrary(op).Keys(key).Args(from, to)
	if count > 0 {
		cmd = cmd.Args("COUNT", strconv.Itoa(count))
	}
	list, err := e.do(ctx, cmd.ReadOnly()).ToArray()
	if err != nil {
		return nil, fail(op, key, err)
	}
	entries := make([]cache.Entry, len(list))
	for i := range list {
		if entries[i], err = entry(list[i]); err != nil {
			return nil, fail(op, key, err)
		}
	}
	return entries, nil
}

// entry reads [id, [name, value, …]]. The library's own reading makes a map of
// the fields, which loses their order.
func entry(m rueidis.RedisMessage) (cache.Entry, error) {
	pair, err := m.ToArray()
	if err != nil {
		return cache.Entry{}, err
	}
	if len(pair) != 2 {
		return cache.Entry{}, errReply
	}
	id, err := pair[0].ToString()
	if err != nil {
		return cache.Entry{}, err
	}
	flat, err := pair[1].AsStrSlice()
	if err != nil {
		return cache.Entry{}, err
	}
	fields := make([]cache.Field, len(flat)/2)
	for i := range fields {
		fields[i] = cache.Field{Name: flat[2*i], Value: flat[2*i+1]}
	}
	return cache.Entry{ID: id, Fields: fields}, nil
}

// XTrim implements cache.Streams.
func (e *Engine) XTrim(ctx context.Context, key string, trim cache.Trim) (int64, error) {
	cmd := e.client.B().Arbitrary("XTRIM").Keys(key).Args("MINID", "=", trim.MinID).Build()
	n, err := e.do(ctx, cmd).ToInt64()
	return n, fail("XTRIM", key, err)
}

// XLen implements cache.Streams.
func (e *Engine) XLen(ctx context.Context, key string) (int64, error) {
	n, err := e.do(ctx, e.client.B().Xlen().Key(key).Build()).ToInt64()
	return n, fail("XLEN", key, err)
}
