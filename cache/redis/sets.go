package redis

import (
	"context"

	"github.com/redis/rueidis"
)

// SAdd implements cache.Sets.
func (e *Engine) SAdd(ctx context.Context, key string, members ...string) (int64, error) {
	if len(members) == 0 {
		return 0, nil
	}
	n, err := e.do(ctx, e.client.B().Sadd().Key(key).Member(members...).Build()).ToInt64()
	return n, fail("SADD", key, err)
}

// SRem implements cache.Sets.
func (e *Engine) SRem(ctx context.Context, key string, members ...string) (int64, error) {
	if len(members) == 0 {
		return 0, nil
	}
	n, err := e.do(ctx, e.client.B().Srem().Key(key).Member(members...).Build()).ToInt64()
	return n, fail("SREM", key, err)
}

// SMembers implements cache.Sets.
func (e *Engine) SMembers(ctx context.Context, key string) ([]string, error) {
	return members("SMEMBERS", key, e.do(ctx, e.client.B().Smembers().Key(key).Build()))
}

func members(op, key string, reply rueidis.RedisResult) ([]string, error) {
	found, err := reply.AsStrSlice()
	return found, fail(op, key, err)
}

// SMIsMember implements cache.Sets.
func (e *Engine) SMIsMember(ctx context.Context, key string, names ...string) ([]bool, error) {
	if len(names) == 0 {
		return nil, nil
	}
	flags, err := e.do(ctx, e.client.B().Smismember().Key(key).Member(names...).Build()).AsIntSlice()
	if err == nil && len(flags) != len(names) {
		err = errReply
	}
	if err != nil {
		return nil, fail("SMISMEMBER", key, err)
	}
	is := make([]bool, len(flags))
	for i, flag := range flags {
		is[i] = flag == 1
	}
	return is, nil
}

// SCard implements cache.Sets.
func (e *Engine) SCard(ctx context.Context, key string) (int64, error) {
	n, err := e.do(ctx, e.client.B().Scard().Key(key).Build()).ToInt64()
	return n, fail("SCARD", key, err)
}

// SUnion implements cache.Sets.
func (e *Engine) SUnion(ctx context.Context, keys ...string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	if err := e.oneSlot("SUNION", keys...); err != nil {
		return nil, err
	}
	return members("SUNION", keys[0], e.do(ctx, e.client.B().Sunion().Key(keys...).Build()))
}

// SInter implements cache.Sets.
func (e *Engine) SInter(ctx context.Context, keys ...string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	if err := e.oneSlot("SINTER", keys...); err != nil {
		return nil, err
	}
	return members("SINTER", keys[0], e.do(ctx, e.client.B().Sinter().Key(keys...).Build()))
}

// SDiff implements cache.Sets.
func (e *Engine) SDiff(ctx context.Context, keys ...string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	if err := e.oneSlot("SDIFF", keys...); err != nil {
		return nil, err
	}
	return members("SDIFF", keys[0], e.do(ctx, e.client.B().Sdiff().Key(keys...).Build()))
}
