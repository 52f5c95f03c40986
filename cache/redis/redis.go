// Package redis is the cache.Engine that runs on a Redis or Valkey server,
// version 7 or newer. It adds no state of its own: what it returns is what the
// server said, and several processes may share one server.
//
// # Time
//
// Every call ends: by the context's deadline if it has one, else after
// Options.Timeout. A call that ran out of time may still happen on the server;
// so may a write whose connection broke before the reply. Such writes are not
// sent again here, since only the caller knows whether that is harmless. Reads
// are, a few times within the deadline, so that a restart of the server shows
// as latency where it is short.
//
// # Durability
//
// The server decides when a write is on disk. Durable therefore returns the
// engine itself, and what cache.EverySecond and cache.Always ask for is the
// server's appendfsync: "everysec" (its default once appendonly is on) may lose
// a second, "always" nothing.
//
// # Concurrency
//
// All calls of an engine share one connection, on which concurrent calls are
// pipelined without waiting for each other. Each subscription has a connection
// of its own, and so has an XRead while it waits. The locks are Engine.mu (which subscriptions are open) and, in a
// subscription, turn before mu; none is held while another object's is taken.
package redis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// Options tune an engine. The zero value is ready for use.
type Options struct {
	// Timeout bounds a call whose context has no deadline, and the making of a
	// connection. Zero: DefaultTimeout.
	Timeout time.Duration
	// SubscriptionBuffer is how many messages a subscription holds for a slow
	// reader before it drops some and says so. Zero:
	// DefaultSubscriptionBuffer.
	SubscriptionBuffer int
	// ClientName is shown by CLIENT LIST on the server.
	ClientName string
}

// The defaults of Options.
const (
	DefaultTimeout            = 2 * time.Second
	DefaultSubscriptionBuffer = 1024
)

func (o *Options) setDefaults() {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.SubscriptionBuffer <= 0 {
		o.SubscriptionBuffer = DefaultSubscriptionBuffer
	}
	if o.ClientName == "" {
		o.ClientName = "hyperlocal"
	}
}

// Engine is a cache.Engine on a server.
type Engine struct {
	client  rueidis.Client
	opts    Options
	cluster bool
	hashes  sync.Map // *cache.Script → its SHA-1 in hex, see scriptHash

	life context.Context // ends with Close
	end  context.CancelFunc

	mu     sync.Mutex
	subs   map[*subscription]struct{}
	closed bool
}

var _ cache.Engine = (*Engine)(nil)

// Open connects to the server that url names, such as
//
//	redis://localhost:6379
//	rediss://user:password@example.com/2                 TLS, database 2
//	redis-sentinel://host1,host2:26380/primary           the primary of that name
//
// A password without a user is written redis://:password@host; what is special
// in a URL is escaped with %. Open fails with ErrURL for anything else, and with
// cache.ErrUnavailable if the server does not answer within Options.Timeout.
func Open(ctx context.Context, url string, opts Options) (*Engine, error) {
	opts.setDefaults()
	target, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if target.kind == kindCluster {
		return nil, fmt.Errorf("%w: a cluster's nodes are not scanned or subscribed to yet", ErrURL)
	}
	client, err := rueidis.NewClient(clientOption(target, opts))
	if err != nil {
		if client != nil {
			client.Close()
		}
		return nil, fail("connect to", strings.Join(target.addrs, ","), err)
	}
	life, end := context.WithCancel(context.Background())
	e := &Engine{
		life:    life,
		end:     end,
		client:  client,
		opts:    opts,
		cluster: target.kind == kindCluster,
		subs:    map[*subscription]struct{}{},
	}
	if err := e.Ping(ctx); err != nil {
		_ = e.Close()
		return nil, err
	}
	return e, nil
}

// Durable returns the engine itself: see the package comment.
func (e *Engine) Durable(cache.Durability) cache.Engine { return e }

// Ping asks the server for an answer.
func (e *Engine) Ping(ctx context.Context) error {
	return fail("PING", "", e.do(ctx, e.client.B().Ping().Build()).Error())
}

// Stats reports the keys of the selected database, and of all databases
// together the bytes that the server attributes to their data
// (used_memory_dataset) and what it has counted.
func (e *Engine) Stats(ctx context.Context) (cache.Stats, error) {
	b := e.client.B()
	replies := e.doMulti(ctx, b.Dbsize().Build(), b.Info().Section("memory").Build(), b.Info().Section("stats").Build())
	keys, err := replies[0].ToInt64()
	if err != nil {
		return cache.Stats{}, fail("DBSIZE", "", err)
	}
	st := cache.Stats{Keys: keys}
	for _, of := range []struct {
		reply   rueidis.RedisResult
		section string
		name    string
		to      *int64
	}{
		{replies[1], "memory", "used_memory_dataset", &st.Bytes},
		{replies[2], "stats", "keyspace_hits", &st.Hits},
		{replies[2], "stats", "keyspace_misses", &st.Misses},
		{replies[2], "stats", "expired_keys", &st.Expired},
		{replies[2], "stats", "evicted_keys", &st.Evicted},
	} {
		info, err := of.reply.ToString()
		if err != nil {
			return cache.Stats{}, fail("INFO", of.section, err)
		}
		if *of.to, err = infoInt(info, of.name); err != nil {
			return cache.Stats{}, refuse("INFO", of.section, err)
		}
	}
	return st, nil
}

// infoInt finds a number in the text of INFO, whose lines are "name:value".
func infoInt(info, name string) (int64, error) {
	_, rest, found := strings.Cut(info, "\n"+name+":")
	if !found {
		return 0, fmt.Errorf("the server does not report %s", name)
	}
	value, _, _ := strings.Cut(rest, "\r\n")
	return strconv.ParseInt(value, 10, 64)
}

// Close ends the subscriptions and the connections.
func (e *Engine) Close() error {
	e.mu.Lock()
	subs := e.subs
	e.subs, e.closed = nil, true
	e.mu.Unlock()
	for s := range subs {
		s.shut()
	}
	e.end()
	e.client.Close()
	return nil
}

// bounded gives ctx the engine's deadline unless it has one.
func (e *Engine) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, e.opts.Timeout)
}

func (e *Engine) do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	return e.send(ctx, cmd)
}

func (e *Engine) doMulti(ctx context.Context, cmds ...rueidis.Completed) []rueidis.RedisResult {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	return e.sendAll(ctx, cmds)
}

// send and sendAll are the client's Do and DoMulti, but for a closed engine. The
// library is not asked then: if it last failed to make a connection, it would
// repeat that and next time make one.
func (e *Engine) send(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	if e.life.Err() != nil {
		return errClosed
	}
	return e.orClosed(e.client.Do(ctx, cmd))
}

func (e *Engine) sendAll(ctx context.Context, cmds []rueidis.Completed) []rueidis.RedisResult {
	if e.life.Err() != nil {
		return slices.Repeat([]rueidis.RedisResult{errClosed}, len(cmds))
	}
	replies := e.client.DoMulti(ctx, cmds...)
	for i := range replies {
		replies[i] = e.orClosed(replies[i])
	}
	return replies
}

var errClosed = rueidis.NewErrorResult(rueidis.ErrClosing)

// orClosed blames Close for what failed during it.
func (e *Engine) orClosed(reply rueidis.RedisResult) rueidis.RedisResult {
	if e.life.Err() != nil && reply.NonRedisError() != nil {
		return errClosed
	}
	return reply
}
