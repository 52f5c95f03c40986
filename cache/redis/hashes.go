package redis

import (
	"context"
	"strconv"

	"hyperlocal/cache"
)

// HSet implements cache.Hashes. Of a field named twice the last value counts.
func (e *Engine) HSet(ctx context.Context, key string, fields ...cache.Field) (int64, error) {
	if len(fields) == 0 {
		return 0, nil
	}
	cmd := e.client.B().Hset().Key(key).FieldValue()
	for _, f := range fields {
		cmd = cmd.FieldValue(f.Name, f.Value)
	}
	n, err := e.do(ctx, cmd.Build()).ToInt64()
	return n, fail("HSET", key, err)
}

// HGet implements cache.Hashes.
func (e *Engine) HGet(ctx context.Context, key, field string) (cache.Optional, error) {
	return optional("HGET", key, e.do(ctx, e.client.B().Hget().Key(key).Field(field).Build()))
}

// HMGet implements cache.Hashes.
func (e *Engine) HMGet(ctx context.Context, key string, fields ...string) ([]cache.Optional, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	reply := e.do(ctx, e.client.B().Hmget().Key(key).Field(fields...).Build())
	return optionals("HMGET", key, reply, len(fields))
}

// HGetAll implements cache.Hashes.
func (e *Engine) HGetAll(ctx context.Context, key string) (map[string]string, error) {
	all, err := e.do(ctx, e.client.B().Hgetall().Key(key).Build()).AsStrMap()
	return all, fail("HGETALL", key, err)
}

// HSetNX implements cache.Hashes.
func (e *Engine) HSetNX(ctx context.Context, key, field, value string) (bool, error) {
	n, err := e.do(ctx, e.client.B().Hsetnx().Key(key).Field(field).Value(value).Build()).ToInt64()
	return n == 1, fail("HSETNX", key, err)
}

// HScan implements cache.Hashes. The cursor is as in Scan.
func (e *Engine) HScan(ctx context.Context, key, cursor, match string, count int) ([]cache.Field, string, error) {
	at, err := parseCursor(cursor)
	if err != nil {
		return nil, "", refuse("HSCAN", key, err)
	}
	cmd := e.client.B().Arbitrary("HSCAN").Keys(key).Args(strconv.FormatUint(at, 10), "MATCH", anyIfEmpty(match))
	if count > 0 {
		cmd = cmd.Args("COUNT", strconv.Itoa(count))
	}
	page, err := e.do(ctx, cmd.ReadOnly()).AsScanEntry()
	if err == nil && len(page.Elements)%2 != 0 {
		err = errReply
	}
	if err != nil {
		return nil, "", fail("HSCAN", key, err)
	}
	fields := make([]cache.Field, len(page.Elements)/2)
	for i := range fields {
		fields[i] = cache.Field{Name: page.Elements[2*i], Value: page.Elements[2*i+1]}
	}
	return fields, formatCursor(page.Cursor), nil
}

// HDel implements cache.Hashes.
func (e *Engine) HDel(ctx context.Context, key string, fields ...string) (int64, error) {
	if len(fields) == 0 {
		return 0, nil
	}
	n, err := e.do(ctx, e.client.B().Hdel().Key(key).Field(fields...).Build()).ToInt64()
	return n, fail("HDEL", key, err)
}

// HLen implements cache.Hashes.
func (e *Engine) HLen(ctx context.Context, key string) (int64, error) {
	n, err := e.do(ctx, e.client.B().Hlen().Key(key).Build()).ToInt64()
	return n, fail("HLEN", key, err)
}

// HIncrBy implements cache.Hashes.
func (e *Engine) HIncrBy(ctx context.Context, key, field string, delta int64) (int64, error) {
	n, err := e.do(ctx, e.client.B().Hincrby().Key(key).Field(field).Increment(delta).Build()).ToInt64()
	return n, fail("HINCRBY", key, err)
}
