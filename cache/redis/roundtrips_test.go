package redis_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/cache/redis"
	"hyperlocal/internal/testenv"
)

// network counts round trips: a round trip is whatever is written on a connection
// before something is read. Each takes as long as delay.
type network struct {
	delay atomic.Int64 // nanoseconds

	mu    sync.Mutex
	trips int
}

// link is a connection whose reader gets what was sent to it after the delay.
type link struct {
	net.Conn
	of *network

	mu      sync.Mutex
	waiting bool // something was written since the last read
}

func (n *network) dial(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &link{Conn: conn, of: n}, nil
}

func (l *link) Write(p []byte) (int, error) {
	l.mu.Lock()
	first := !l.waiting
	l.waiting = true
	l.mu.Unlock()
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	if first {
		l.of.trips++
	}
	return l.Conn.Write(p)
}

func (l *link) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.mu.Lock()
	came := l.waiting
	l.waiting = false
	l.mu.Unlock()
	if came {
		time.Sleep(time.Duration(l.of.delay.Load())) // it is the network that takes its time here
	}
	return n, err
}

// count returns what was counted, and begins anew.
func (n *network) count() (trips int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	trips, n.trips = n.trips, 0
	return trips
}

// A batch of scripts over ten tags costs ten round trips at most, and they
// overlap: together they take hardly longer than one.
func TestTenZonesOverlap(t *testing.T) {
	for name, url := range map[string]string{
		"single":   "redis://" + testenv.Redis(t),
		"sentinel": "redis-sentinel://" + testenv.Sentinel(t),
		"cluster":  "redis-cluster://" + testenv.Cluster(t),
	} {
		t.Run(name, func(t *testing.T) {
			const zones = 10
			const delay = 100 * time.Millisecond
			wire := &network{}
			e, err := redis.Open(t.Context(), url, redis.WithDial(redis.Options{Timeout: enginetest.Patience}, wire.dial))
			require.NoError(t, err)
			defer func() { require.NoError(t, e.Close()) }()
			base := enginetest.Tag(t, e)
			var calls []cache.Call
			for i := range zones {
				tag := fmt.Sprint(base, "-", i)
				defer func() { require.NoError(t, enginetest.Clear(context.Background(), e, tag)) }()
				calls = append(calls, cache.Call{
					Script: setAndCount, Args: []string{"v"}, Keys: []string{enginetest.Key(tag, "k"), enginetest.Key(tag, "n")},
				})
			}
			for _, r := range e.RunAll(t.Context(), calls) { // the servers learn the script
				require.NoError(t, r.Err)
			}
			wire.count()
			wire.delay.Store(int64(delay))
			begin := time.Now()
			for _, r := range e.RunAll(t.Context(), calls) {
				require.NoError(t, r.Err)
			}
			took, trips := time.Since(begin), wire.count()
			wire.delay.Store(0)
			t.Logf("%d round trips in %v, each of %v", trips, took, delay)
			require.LessOrEqual(t, trips, zones)
			require.Less(t, took, 5*delay)
		})
	}
}
