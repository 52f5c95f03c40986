package redis

import (
	"context"

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
