// Package lease lets one of several servers on one engine do what need not be
// done by all of them.
//
// A lease is a key with a time to live that holds its owner. It saves work, no
// more: whoever is paused for longer than the time to live goes on for a moment
// as if it still had the lease, so what is done under it must be harmless when
// two do it. Where it would not be, the fencing token helps: it grows whenever
// the lease goes to somebody else, so a write that carries it can be refused
// when a greater one has been seen.
package lease

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"hyperlocal/cache"
)

// Lease is one server's claim. Its methods may be called by one goroutine at a
// time.
type Lease struct {
	engine cache.Engine
	keys   []string
	owner  string
	ttl    time.Duration
}

// New makes a claim to the lease of that name for an owner, whose name no other
// has. It asks for nothing yet.
func New(e cache.Engine, name, owner string, ttl time.Duration) *Lease {
	return &Lease{engine: e, keys: []string{"lease:{" + name + "}", "lease:{" + name + "}:token"}, owner: owner, ttl: ttl}
}

var takeScript = &cache.Script{
	Name: "lease_take",
	Lua: `local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if owner then return tonumber(redis.call('GET', KEYS[2])) end
local token = tonumber(redis.call('GET', KEYS[2]) or '0') + 1
redis.call('SET', KEYS[2], string.format('%d', token))
return token`,
	Go: func(tx cache.Tx, keys, args []string) cache.Value {
		owner := tx.Get(keys[0])
		if owner.OK && owner.Str != args[0] {
			return cache.Int(0)
		}
		ms, _ := strconv.ParseInt(args[1], 10, 64) // Take wrote it
		tx.Set(keys[0], args[0], time.Duration(ms)*time.Millisecond)
		token, _ := strconv.ParseInt(tx.Get(keys[1]).Str, 10, 64) // our own digits, or none
		if !owner.OK {
			token++
			tx.Set(keys[1], strconv.FormatInt(token, 10), 0)
		}
		return cache.Int(token)
	},
}

// Take takes the lease if nobody has it, or keeps it for another time to live. It
// returns the fencing token, or 0 if another has it.
func (l *Lease) Take(ctx context.Context) (token int64, err error) {
	v, err := l.engine.Run(ctx, takeScript, l.keys, []string{l.owner, strconv.FormatInt(l.ttl.Milliseconds(), 10)})
	if err != nil {
		return 0, fmt.Errorf("take %s: %w", l.keys[0], err)
	}
	return v.Int, nil
}

// ReleaseScript removes a key that holds the argument: a lease that is still its
// owner's.
var ReleaseScript = &cache.Script{
	Name: "lease_release",
	Lua: `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) return 1 end
return 0`,
	Go: func(tx cache.Tx, keys, args []string) cache.Value {
		if v := tx.Get(keys[0]); v.OK && v.Str == args[0] {
			tx.Del(keys[0])
			return cache.Int(1)
		}
		return cache.Int(0)
	},
}

// Release gives the lease up if it is still ours.
func (l *Lease) Release(ctx context.Context) error {
	if _, err := l.engine.Run(ctx, ReleaseScript, l.keys[:1], []string{l.owner}); err != nil {
		return fmt.Errorf("release %s: %w", l.keys[0], err)
	}
	return nil
}

// renewals is how often in a time to live a lease is asked for or renewed.
const renewals = 3

// Hold calls run whenever the lease is ours, with a context that ends when it no
// longer is, until ctx ends. run must return then.
func (l *Lease) Hold(ctx context.Context, log *slog.Logger, run func(context.Context)) {
	tick := time.NewTicker(l.ttl / renewals)
	defer tick.Stop()
	stop := func() {}
	held := false
	defer func() {
		stop()
		if !held {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := l.Release(ctx); err != nil {
			log.Warn("a lease ends by itself", "err", err)
		}
	}()
	for ctx.Err() == nil {
		token, err := l.Take(ctx)
		if ours := err == nil && token != 0; ours != held {
			stop()
			if stop, held = func() {}, ours; ours {
				log.Info("this server has the lease now", "lease", l.keys[0], "token", token)
				stop = start(ctx, run)
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// start runs run in the background; stop ends it and waits for it.
func start(ctx context.Context, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
