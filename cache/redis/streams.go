package redis

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// XAdd implements cache.Streams.
func (e *Engine) XAdd(ctx context.Context, key, id string, trim cache.Trim, fields ...cache.Field) (string, error) {
	bound, err := trimArgs(trim)
	if err != nil {
		return "", refuse("XADD", key, err)
	}
	cmd := e.client.B().Arbitrary("XADD").Keys(key).Args(bound...).Args(id)
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
	list, err := e.do(ctx, cmd.ReadOnly()).ToMessage()
	if err != nil {
		return nil, fail(op, key, err)
	}
	entries, err := entriesOf(list)
	return entries, fail(op, key, err)
}

func entriesOf(m rueidis.RedisMessage) ([]cache.Entry, error) {
	list, err := m.ToArray()
	if err != nil {
		return nil, err
	}
	entries := make([]cache.Entry, len(list))
	for i := range list {
		if entries[i], err = entry(list[i]); err != nil {
			return nil, err
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
	bound, err := trimArgs(trim)
	if err != nil {
		return 0, refuse("XTRIM", key, err)
	}
	if bound == nil {
		bound = []string{"MINID", "=", "0"} // trims nothing, but asks what the key holds
	}
	n, err := e.do(ctx, e.client.B().Arbitrary("XTRIM").Keys(key).Args(bound...).Build()).ToInt64()
	return n, fail("XTRIM", key, err)
}

// trimArgs are the words for a trim; nil for none.
func trimArgs(t cache.Trim) ([]string, error) {
	switch {
	case t.MinID != "" && t.MaxLen != 0:
		return nil, cache.ErrSyntax
	case t.MinID != "":
		return []string{"MINID", "=", t.MinID}, nil
	case t.MaxLen > 0:
		return []string{"MAXLEN", "=", strconv.Itoa(t.MaxLen)}, nil
	}
	return nil, nil
}

// XLen implements cache.Streams.
func (e *Engine) XLen(ctx context.Context, key string) (int64, error) {
	n, err := e.do(ctx, e.client.B().Xlen().Key(key).Build()).ToInt64()
	return n, fail("XLEN", key, err)
}
