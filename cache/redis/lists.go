package redis

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"
)

// LPush implements cache.Lists.
func (e *Engine) LPush(ctx context.Context, key string, values ...string) (int64, error) {
	if len(values) == 0 {
		return e.LLen(ctx, key)
	}
	n, err := e.do(ctx, e.client.B().Lpush().Key(key).Element(values...).Build()).ToInt64()
	return n, fail("LPUSH", key, err)
}

// RPush implements cache.Lists.
func (e *Engine) RPush(ctx context.Context, key string, values ...string) (int64, error) {
	if len(values) == 0 {
		return e.LLen(ctx, key)
	}
	n, err := e.do(ctx, e.client.B().Rpush().Key(key).Element(values...).Build()).ToInt64()
	return n, fail("RPUSH", key, err)
}

// LPop implements cache.Lists.
func (e *Engine) LPop(ctx context.Context, key string, n int) ([]string, error) {
	return e.pop(ctx, "LPOP", key, n)
}

// RPop implements cache.Lists.
func (e *Engine) RPop(ctx context.Context, key string, n int) ([]string, error) {
	return e.pop(ctx, "RPOP", key, n)
}

func (e *Engine) pop(ctx context.Context, op, key string, n int) ([]string, error) {
	cmd := e.client.B().Arbitrary(op).Keys(key).Args(strconv.Itoa(n)).Build()
	values, err := e.do(ctx, cmd).AsStrSlice()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	if values == nil && err == nil {
		values = []string{} // none were asked for; nil says that there is no list
	}
	return values, fail(op, key, err)
}

// LRange implements cache.Lists.
func (e *Engine) LRange(ctx context.Context, key string, start, stop int64) ([]string, error) {
	values, err := e.do(ctx, e.client.B().Lrange().Key(key).Start(start).Stop(stop).Build()).AsStrSlice()
	return values, fail("LRANGE", key, err)
}

// LTrim implements cache.Lists.
func (e *Engine) LTrim(ctx context.Context, key string, start, stop int64) error {
	return fail("LTRIM", key, e.do(ctx, e.client.B().Ltrim().Key(key).Start(start).Stop(stop).Build()).Error())
}

// LLen implements cache.Lists.
func (e *Engine) LLen(ctx context.Context, key string) (int64, error) {
	n, err := e.do(ctx, e.client.B().Llen().Key(key).Build()).ToInt64()
	return n, fail("LLEN", key, err)
}
