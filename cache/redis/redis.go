// Package redis is the cache.Engine that runs on Redis or Valkey, version 7 or
// newer: one server, a set watched by sentinels, or a Cluster. It adds no state
// of its own: what it returns is what the server said, and several processes may
// share one server.
//
// # Time
//
// Every call ends: by the context's deadline if it has one, else after
// Options.Timeout. A call that ran out of time may still happen on the server;
// so may a write whose connection broke before the reply. Such writes are not
// sent again here, since only the caller knows whether that is harmless. Reads
// are, a few times within the deadline, so that a restart of the server shows
// as latency where it is short. While a primary is replaced, calls fail with
// cache.ErrUnavailable; the new one is found without a restart. After several
// calls in a row without an answer further ones fail at once, until the server
// answers a probe: callers that have another way are not kept waiting.
//
// # Clusters
//
// Keys are spread by their tags. What names several of them must keep to one tag,
// or is refused with cache.ErrCrossSlot; only Del, Exists, MGet and MSet are
// split, and are atomic for each tag. A batch of scripts goes to all nodes at
// once, in one write each. Scan goes through the primaries one after the other,
// and begins anew if they change meanwhile; a key whose slot is being moved may
// be missed. While a slot moves, calls wait for it within their deadline.
//
// # Durability
//
// The server decides when a write is on disk: its appendfsync says what the loss
// of a machine takes back, "everysec" (the default once appendonly is on) about a
// second, "always" nothing. A failover is another matter, since replicas follow
// without being waited for. With Options.Replicas, calls of Durable(cache.Always)
// wait until so many replicas have the write in memory, by WAIT, and fail with
// cache.ErrNotDurable if that is not known in time; the write may then stay.
// Without it, Durable returns the engine itself.
//
// # Concurrency
//
// All calls of an engine share one connection to each server, on which concurrent
// calls are pipelined without waiting for each other. Each subscription has a
// connection of its own to each server that it listens to, and so has an XRead or
// a WAIT while it waits. The locks are Engine.mu (which subscriptions are open),
// nodes.mu, breaker.mu, and in a subscription turn before mu and wires.mu; none is
// held while another object's is taken.
package redis

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
	// Replicas is how many replicas must have what Durable(cache.Always) writes
	// before a call returns. Zero: none.
	Replicas int
	// PoolSize is how many connections calls that wait on the server (an XRead,
	// a WAIT) and subscriptions may have to each server; more wait for their
	// turn. Zero: DefaultPoolSize.
	PoolSize int

	// dial makes the connections, in tests that count what goes over them.
	dial func(ctx context.Context, addr string, dialer *net.Dialer, tls *tls.Config) (net.Conn, error)
}

// The defaults of Options.
const (
	DefaultTimeout            = 2 * time.Second
	DefaultSubscriptionBuffer = 1024
	DefaultPoolSize           = 256
)

func (o *Options) setDefaults() {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.SubscriptionBuffer <= 0 {
		o.SubscriptionBuffer = DefaultSubscriptionBuffer
	}
	if o.PoolSize <= 0 {
		o.PoolSize = DefaultPoolSize
	}
	if o.ClientName == "" {
		o.ClientName = "hyperlocal"
	}
}

// Engine is a cache.Engine on one or several servers.
type Engine struct {
	*shared
	replicas int // that must have a write before a call returns
}

// shared is what an engine and its durable view have in common.
type shared struct {
	client  rueidis.Client
	opts    Options
	cluster bool
	hashes  sync.Map // *cache.Script → its SHA-1 in hex, see scriptHash

	breaker breaker

	nodes *nodes                // of a Cluster
	known atomic.Pointer[shape] // of a Cluster, as it last was

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
//	redis-cluster://host1,host2:7001,host3               some nodes of a Cluster
//
// A password without a user is written redis://:password@host; what is special
// in a URL is escaped with %. Parameters may follow, as in ?timeout=500ms&pool=64;
// where Options say otherwise, they count less:
//
//	timeout            Options.Timeout
//	pool               Options.PoolSize
//	tls_ca             file of the certificates to trust, in PEM
//	tls_cert, tls_key  files of the client's own certificate and key, in PEM
//	tls_name           the name in the server's certificate
//	sentinel_user, sentinel_password    for the sentinels, if they ask
//
// Open fails with ErrURL for anything else, and with cache.ErrUnavailable if the
// server does not answer within Options.Timeout.
func Open(ctx context.Context, url string, opts Options) (*Engine, error) {
	target, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	target.fill(&opts)
	opts.setDefaults()
	option, err := clientOption(target, opts)
	if err != nil {
		return nil, err
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		if client != nil {
			client.Close()
		}
		return nil, fail("connect to", strings.Join(target.addrs, ","), err)
	}
	life, end := context.WithCancel(context.Background())
	e := &Engine{shared: &shared{
		life:    life,
		end:     end,
		client:  client,
		opts:    opts,
		cluster: target.kind == kindCluster,
		nodes:   newNodes(option),
		subs:    map[*subscription]struct{}{},
	}}
	e.breaker.probe = func(ctx context.Context) error {
		ctx, cancel := e.bounded(ctx)
		defer cancel()
		return client.Do(ctx, client.B().Ping().Build()).Error()
	}
	if e.cluster && client.Mode() != rueidis.ClientModeCluster {
		err = fmt.Errorf("%w: %s is no node of a cluster: want redis://", ErrURL, target.addrs[0])
	} else {
		err = e.Ping(ctx)
	}
	if err != nil {
		_ = e.Close() // it did not open: why is the error to tell
		return nil, err
	}
	return e, nil
}

// Durable returns the engine itself, or for cache.Always a view that waits for
// replicas: see the package comment.
func (e *Engine) Durable(d cache.Durability) cache.Engine {
	if d == cache.Always {
		return &Engine{shared: e.shared, replicas: e.opts.Replicas}
	}
	return &Engine{shared: e.shared}
}

// Ping asks the server, or each primary of a Cluster, for an answer.
func (e *Engine) Ping(ctx context.Context) error {
	if e.breaker.opened.Load() {
		return fail("PING", "", errOpen)
	}
	_, err := e.onEach(ctx, func(node rueidis.Client) rueidis.Commands {
		return rueidis.Commands{node.B().Ping().Build()}
	})
	return fail("PING", "", err)
}

// Outages tells whether callers are refused at once because the server has not
// answered lately, and how often that has happened.
func (e *Engine) Outages() (now bool, total int64) {
	return e.breaker.opened.Load(), e.breaker.trips.Load()
}

// Stats reports the keys of the selected database, and of all databases
// together the bytes that the server attributes to their data
// (used_memory_dataset) and what it has counted. On a Cluster it adds up the
// primaries'.
func (e *Engine) Stats(ctx context.Context) (cache.Stats, error) {
	all, err := e.onEach(ctx, func(node rueidis.Client) rueidis.Commands {
		return rueidis.Commands{
			node.B().Dbsize().Build(), node.B().Info().Section("memory").Build(), node.B().Info().Section("stats").Build(),
		}
	})
	if err != nil {
		return cache.Stats{}, fail("INFO", "", err)
	}
	var sum cache.Stats
	for _, replies := range all {
		if err := addStats(&sum, replies); err != nil {
			return cache.Stats{}, fail("INFO", "", err)
		}
	}
	return sum, nil
}

// addStats reads the replies to DBSIZE and to INFO's sections memory and stats.
func addStats(sum *cache.Stats, replies []rueidis.RedisResult) error {
	keys, err := replies[0].ToInt64()
	if err != nil {
		return err
	}
	sum.Keys += keys
	for _, of := range []struct {
		reply rueidis.RedisResult
		name  string
		to    *int64
	}{
		{replies[1], "used_memory_dataset", &sum.Bytes},
		{replies[2], "keyspace_hits", &sum.Hits},
		{replies[2], "keyspace_misses", &sum.Misses},
		{replies[2], "expired_keys", &sum.Expired},
		{replies[2], "evicted_keys", &sum.Evicted},
	} {
		info, err := of.reply.ToString()
		if err != nil {
			return err
		}
		n, err := infoInt(info, of.name)
		if err != nil {
			return err
		}
		*of.to += n
	}
	return nil
}

// onEach sends commands to each server that has keys of its own, to all at once,
// and returns the replies, none of them an error.
func (e *Engine) onEach(ctx context.Context, cmds func(node rueidis.Client) rueidis.Commands) ([][]rueidis.RedisResult, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	nodes, _, err := e.primaries(ctx)
	if err != nil {
		return nil, err
	}
	all := make([][]rueidis.RedisResult, len(nodes))
	var asked sync.WaitGroup
	for i, node := range nodes {
		asked.Go(func() { all[i] = node.DoMulti(ctx, cmds(node)...) })
	}
	asked.Wait()
	for _, replies := range all {
		for _, reply := range replies {
			if err := reply.Error(); err != nil {
				return nil, e.closedOr(err)
			}
		}
	}
	return all, nil
}

// infoInt finds a number in the text of INFO.
func infoInt(info, name string) (int64, error) {
	value, err := infoText(info, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errReply, err)
	}
	return n, nil
}

// infoText finds a value in the text of INFO, whose lines are "name:value".
func infoText(info, name string) (string, error) {
	_, rest, found := strings.Cut(info, "\n"+name+":")
	if !found {
		return "", fmt.Errorf("%w: the server does not report %s", errReply, name)
	}
	value, _, _ := strings.Cut(rest, "\r\n")
	return value, nil
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
	e.breaker.end()
	e.nodes.close()
	e.client.Close()
	return nil
}
