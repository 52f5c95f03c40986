package memory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hyperlocal/cache"
)

var errScriptOver = errors.New("the script is over")

// Run runs a script's Go twin on the locked shard of its tag.
func (e *Engine) Run(ctx context.Context, s *cache.Script, keys, args []string) (cache.Value, error) {
	r := e.RunAll(ctx, []cache.Call{{Script: s, Keys: keys, Args: args}})[0]
	return r.Value, r.Err
}

// RunAll runs the calls one after the other; none waits for the disk before
// all have run.
func (e *Engine) RunAll(ctx context.Context, calls []cache.Call) []cache.Result {
	results := make([]cache.Result, len(calls))
	batches := make([]*batch, len(calls))
	for i, c := range calls {
		results[i].Value, batches[i], results[i].Err = e.run(ctx, c)
	}
	for i, c := range calls {
		err := batches[i].wait(ctx)
		if results[i].Err == nil {
			results[i].Err = err
		}
		if results[i].Err != nil {
			results[i] = cache.Result{Err: fmt.Errorf("memory: script %s: %w", c.Script.Name, results[i].Err)}
		}
	}
	return results
}

func (e *Engine) run(ctx context.Context, c cache.Call) (cache.Value, *batch, error) {
	tag, err := cache.OneTag(c.Keys)
	if err != nil {
		return cache.Value{}, nil, err
	}
	return apply(ctx, e, c.Keys[0], func(u *unit) (cache.Value, error) {
		u.full = u.full && !c.Script.AllowOOM
		u.now() // also for what only reads, on a copy of the unit's reader
		return runTwin(u, tag, c)
	})
}

// runTwin turns a panic of the twin into an error. What the twin wrote before
// stays, as it does when a Lua script fails.
func runTwin(u *unit, tag string, c cache.Call) (v cache.Value, err error) {
	t := &tx{u: u, tag: tag}
	defer func() {
		t.err = errScriptOver // for a twin that keeps its Tx
		switch p := recover().(type) {
		case nil:
		case error:
			v, err = cache.Value{}, fmt.Errorf("panic: %w", p)
		default:
			v, err = cache.Value{}, fmt.Errorf("panic: %v", p)
		}
	}()
	v = c.Script.Go(t, c.Keys, c.Args)
	if t.err != nil {
		return cache.Value{}, t.err
	}
	return v, nil
}

// tx is what a twin sees: the unit's commands with an error that sticks.
type tx struct {
	u   *unit
	tag string
	err error
}

var _ cache.Tx = (*tx)(nil)

// ok says whether an operation on key may go on. A key with another tag is
// another shard's, which is not locked.
func (t *tx) ok(key string) bool {
	if t.err == nil && cache.Tag(key) != t.tag {
		t.err = fmt.Errorf("key %q: %w", key, cache.ErrCrossSlot)
	}
	return t.err == nil
}

// do runs one operation unless an error has stuck.
func do[T any](t *tx, key string, fn func(u *unit) (T, error)) T {
	var none T
	if !t.ok(key) {
		return none
	}
	v, err := fn(t.u)
	if err != nil {
		t.err = fmt.Errorf("key %q: %w", key, err)
		return none
	}
	return v
}

func (t *tx) Err() error { return t.err }

func (t *tx) Exists(key string) bool { return t.ok(key) && t.u.find(key) != nil }

func (t *tx) Del(key string) bool { return t.ok(key) && t.u.del(key) }

func (t *tx) Expire(key string, ttl time.Duration) bool {
	return do(t, key, func(u *unit) (bool, error) { return u.expire(key, ttl, 0) })
}

func (t *tx) Rename(from, to string) bool {
	return t.ok(to) && do(t, from, func(u *unit) (bool, error) { return u.rename(from, to), nil })
}

func (t *tx) Get(key string) cache.Optional {
	return do(t, key, func(u *unit) (cache.Optional, error) { return u.get(key) })
}

func (t *tx) Set(key, value string, ttl time.Duration) {
	do(t, key, func(u *unit) (bool, error) { return u.set(key, value, cache.SetOptions{TTL: ttl}) })
}

func (t *tx) HGet(key, field string) cache.Optional {
	return do(t, key, func(u *unit) (cache.Optional, error) { return u.hget(key, field) })
}

func (t *tx) HMGet(key string, fields []string) []cache.Optional {
	return do(t, key, func(u *unit) ([]cache.Optional, error) { return u.hmget(key, fields) })
}

func (t *tx) HSetAll(key string, fields []cache.Field) int64 {
	return do(t, key, func(u *unit) (int64, error) { return u.hset(key, fields) })
}

func (t *tx) HSet(key, field, value string) bool {
	return do(t, key, func(u *unit) (int64, error) {
		return u.hset(key, []cache.Field{{Name: field, Value: value}})
	}) > 0
}

func (t *tx) HDel(key, field string) bool {
	return do(t, key, func(u *unit) (int64, error) { return u.hdel(key, []string{field}) }) > 0
}

func (t *tx) HLen(key string) int64 {
	return do(t, key, func(u *unit) (int64, error) { return u.hlen(key) })
}

func (t *tx) HIncrBy(key, field string, delta int64) int64 {
	return do(t, key, func(u *unit) (int64, error) { return u.hincrBy(key, field, delta) })
}

func (t *tx) HGetAll(key string) []cache.Field {
	return do(t, key, func(u *unit) ([]cache.Field, error) { return u.hfields(key) })
}

func (t *tx) ZAdd(key, name string, score float64) bool {
	return do(t, key, func(u *unit) (int64, error) {
		return u.zadd(key, []cache.Member{{Name: name, Score: score}})
	}) > 0
}

func (t *tx) ZAddAll(key string, members []cache.Member) int64 {
	return do(t, key, func(u *unit) (int64, error) { return u.zadd(key, members) })
}

func (t *tx) ZRem(key, name string) bool {
	return do(t, key, func(u *unit) (int64, error) { return u.zrem(key, []string{name}) }) > 0
}

func (t *tx) ZScore(key, name string) (float64, bool) {
	found := false
	score := do(t, key, func(u *unit) (score float64, err error) {
		score, found, err = u.zscore(key, name)
		return score, err
	})
	return score, found
}

func (t *tx) ZCard(key string) int64 {
	return do(t, key, func(u *unit) (int64, error) { return u.zcard(key) })
}

func (t *tx) ZRangeByScore(key string, r cache.ScoreRange) []cache.Member {
	return do(t, key, func(u *unit) ([]cache.Member, error) { return u.zrange(key, r) })
}

func (t *tx) XAdd(key, id string, maxLen int, fields ...cache.Field) string {
	return do(t, key, func(u *unit) (string, error) { return u.xadd(key, id, cache.Trim{MaxLen: maxLen}, fields) })
}

func (t *tx) XRange(key, start, end string, count int) []cache.Entry {
	return do(t, key, func(u *unit) ([]cache.Entry, error) { return u.xrange(key, start, end, count) })
}

func (t *tx) XRevRange(key, end, start string, count int) []cache.Entry {
	return do(t, key, func(u *unit) ([]cache.Entry, error) { return u.xrevrange(key, end, start, count) })
}

func (t *tx) XTrim(key, minID string) int64 {
	return do(t, key, func(u *unit) (int64, error) {
		id, err := parseStreamID(minID, 0)
		if err != nil {
			return 0, err
		}
		return u.xtrimBelow(key, id)
	})
}

func (t *tx) Publish(channel, payload string) {
	if t.err == nil {
		t.u.publications = append(t.u.publications, &publication{channel: channel, payload: payload})
	}
}
