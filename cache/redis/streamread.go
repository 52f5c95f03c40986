package redis

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// XRead implements cache.Streams. While it waits it has a connection of its own
// from the client's pool, so that nobody else's call is held up.
func (e *Engine) XRead(ctx context.Context, count int, block time.Duration, from ...cache.ReadFrom) ([]cache.StreamEntries, error) {
	if len(from) == 0 {
		return nil, nil
	}
	keys := make([]string, len(from))
	for i, f := range from {
		keys[i] = f.Key
	}
	if err := e.oneSlot("XREAD", keys...); err != nil {
		return nil, err
	}
	cmd := e.client.B().Arbitrary("XREAD")
	if count > 0 {
		cmd = cmd.Args("COUNT", strconv.Itoa(count))
	}
	if block > 0 {
		cmd = cmd.Args("BLOCK", strconv.FormatInt(wholeMillis(block), 10))
	}
	cmd = cmd.Args("STREAMS").Keys(keys...)
	for _, f := range from {
		if f.After == "+" {
			f.After = "++" // no id on any server; "+" is the last entry to Valkey
		}
		cmd = cmd.Args(f.After)
	}
	var reply rueidis.RedisResult
	if block > 0 {
		reply = e.doBlocking(ctx, block, cmd.Blocking())
	} else {
		reply = e.do(ctx, cmd.ReadOnly())
	}
	found, err := streams(reply, from)
	return found, fail("XREAD", from[0].Key, err)
}

// doBlocking runs a command that may keep the server from answering for as long
// as block. The call ends with the engine, too.
func (e *Engine) doBlocking(ctx context.Context, block time.Duration, cmd rueidis.Completed) rueidis.RedisResult {
	most := min(block, math.MaxInt64-e.opts.Timeout) + e.opts.Timeout
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)()
	return e.send(ctx, cmd.UnblockOnCancel())
}

// streams reads a map from key to entries, or nothing, in the order of from.
func streams(reply rueidis.RedisResult, from []cache.ReadFrom) ([]cache.StreamEntries, error) {
	byKey, err := reply.ToMap()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []cache.StreamEntries
	for _, f := range from {
		m, ok := byKey[f.Key]
		if !ok {
			continue
		}
		entries, err := entriesOf(m)
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 { // what was added may have been trimmed at once
			found = append(found, cache.StreamEntries{Key: f.Key, Entries: entries})
		}
	}
	return found, nil
}
