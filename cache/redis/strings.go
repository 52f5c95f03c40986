package redis

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// Set implements cache.Strings.
func (e *Engine) Set(ctx context.Context, key, value string, opt cache.SetOptions) (bool, error) {
	err := e.do(ctx, e.client.B().Arbitrary("SET").Keys(key).Args(value).Args(setArgs(opt)...).Build()).Error()
	if rueidis.IsRedisNil(err) {
		return false, nil
	}
	return err == nil, fail("SET", key, err)
}

// SetGet implements cache.Strings. Whether it wrote follows from what there was.
func (e *Engine) SetGet(ctx context.Context, key, value string, opt cache.SetOptions) (cache.Optional, bool, error) {
	cmd := e.client.B().Arbitrary("SET").Keys(key).Args(value).Args(setArgs(opt)...).Args("GET").Build()
	old, err := optional("SET", key, e.do(ctx, cmd))
	if err != nil {
		return cache.Optional{}, false, err
	}
	return old, !(opt.NX && old.OK || opt.XX && !old.OK), nil
}

func setArgs(opt cache.SetOptions) (args []string) {
	if opt.NX {
		args = append(args, "NX")
	}
	if opt.XX {
		args = append(args, "XX")
	}
	if opt.KeepTTL {
		args = append(args, "KEEPTTL")
	}
	if opt.TTL != 0 {
		args = append(args, "PX", strconv.FormatInt(wholeMillis(opt.TTL), 10))
	}
	return args
}

// GetDel implements cache.Strings.
func (e *Engine) GetDel(ctx context.Context, key string) (cache.Optional, error) {
	return optional("GETDEL", key, e.do(ctx, e.client.B().Getdel().Key(key).Build()))
}

// GetEx implements cache.Strings.
func (e *Engine) GetEx(ctx context.Context, key string, opt cache.GetOptions) (cache.Optional, error) {
	if opt.TTL < 0 && !opt.Persist {
		// It will be refused, by Redis if there is a key, by Valkey in any case.
		if v, err := e.Get(ctx, key); err != nil || !v.OK {
			return v, err
		}
	}
	cmd := e.client.B().Arbitrary("GETEX").Keys(key)
	if opt.Persist {
		cmd = cmd.Args("PERSIST")
	}
	if opt.TTL != 0 {
		cmd = cmd.Args("PX", strconv.FormatInt(wholeMillis(opt.TTL), 10))
	}
	return optional("GETEX", key, e.do(ctx, cmd.Build()))
}

// MSet implements cache.Strings.
func (e *Engine) MSet(ctx context.Context, pairs ...cache.Field) error {
	if len(pairs) == 0 {
		return nil
	}
	keys := make([]string, len(pairs))
	for i, p := range pairs {
		keys[i] = p.Name
	}
	var cmds []rueidis.Completed
	for _, part := range e.parts(keys) {
		cmd := e.client.B().Mset().KeyValue()
		for i, key := range part.keys {
			at := i
			if part.index != nil {
				at = part.index[i]
			}
			cmd = cmd.KeyValue(key, pairs[at].Value)
		}
		cmds = append(cmds, cmd.Build())
	}
	for _, reply := range e.doMulti(ctx, cmds...) {
		if err := reply.Error(); err != nil {
			return fail("MSET", keys[0], err)
		}
	}
	return nil
}

// Get implements cache.Strings.
func (e *Engine) Get(ctx context.Context, key string) (cache.Optional, error) {
	return optional("GET", key, e.do(ctx, e.client.B().Get().Key(key).Build()))
}

// text reads a reply that is a string. On an error the library returns that as
// the string too.
func text(op, key string, reply rueidis.RedisResult) (string, error) {
	s, err := reply.ToString()
	if err != nil {
		return "", fail(op, key, err)
	}
	return s, nil
}

// optional reads a reply that is a string or nil.
func optional(op, key string, reply rueidis.RedisResult) (cache.Optional, error) {
	s, err := reply.ToString()
	if rueidis.IsRedisNil(err) {
		return cache.Optional{}, nil
	}
	if err != nil {
		return cache.Optional{}, fail(op, key, err)
	}
	return cache.Optional{Str: s, OK: true}, nil
}

// MGet implements cache.Strings.
func (e *Engine) MGet(ctx context.Context, keys ...string) ([]cache.Optional, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	parts := e.parts(keys)
	cmds := make([]rueidis.Completed, len(parts))
	for i, p := range parts {
		cmds[i] = e.client.B().Mget().Key(p.keys...).Build()
	}
	values := make([]cache.Optional, len(keys))
	for i, reply := range e.doMulti(ctx, cmds...) {
		found, err := optionals("MGET", keys[0], reply, len(parts[i].keys))
		if err != nil {
			return nil, err
		}
		if parts[i].index == nil {
			return found, nil
		}
		for j, v := range found {
			values[parts[i].index[j]] = v
		}
	}
	return values, nil
}

// optionals reads a reply that is a list of n strings or nils.
func optionals(op, key string, reply rueidis.RedisResult, n int) ([]cache.Optional, error) {
	list, err := reply.ToArray()
	if err == nil && len(list) != n {
		err = errReply
	}
	if err != nil {
		return nil, fail(op, key, err)
	}
	values := make([]cache.Optional, n)
	for i := range list {
		if list[i].IsNil() {
			continue
		}
		s, err := list[i].ToString()
		if err != nil {
			return nil, fail(op, key, err)
		}
		values[i] = cache.Optional{Str: s, OK: true}
	}
	return values, nil
}

// IncrBy implements cache.Strings.
func (e *Engine) IncrBy(ctx context.Context, key string, delta int64) (int64, error) {
	n, err := e.do(ctx, e.client.B().Incrby().Key(key).Increment(delta).Build()).ToInt64()
	return n, fail("INCRBY", key, err)
}
