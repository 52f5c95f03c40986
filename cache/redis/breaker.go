package redis

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// tripAfter is how many calls in a row must fail for the breaker to open. A
	// Cluster of which one node is gone has others that answer in between.
	tripAfter = 5
	// probeEvery is the pause between probes.
	probeEvery = 100 * time.Millisecond
)

// errOpen fails calls at once while the server is known not to answer.
var errOpen = errors.New("the server has not answered lately and is being probed")

// breaker keeps callers from waiting, each for its own deadline, for a server
// that does not answer. While it is open a probe of its own asks, and not one of
// the callers, as the half-open state of the usual libraries has it: so nobody's
// answer is late for it.
type breaker struct {
	probe  func(context.Context) error
	failed atomic.Int32 // calls in a row
	opened atomic.Bool
	trips  atomic.Int64

	mu      sync.Mutex // held to begin probing, or to end it for good
	ended   bool
	probing sync.WaitGroup
}

// report is told how each call went; life ends the probing.
func (b *breaker) report(life context.Context, failed bool) {
	if !failed {
		if b.failed.Load() != 0 {
			b.failed.Store(0)
		}
		return
	}
	if b.failed.Add(1) < tripAfter {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended && b.opened.CompareAndSwap(false, true) {
		b.trips.Add(1)
		b.probing.Go(func() { b.heal(life) })
	}
}

// end returns when no probe is under way, and none will be. Their life must have
// ended: a probe that found its client closed would make a connection.
func (b *breaker) end() {
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
	b.probing.Wait()
}

// heal probes until the server answers.
func (b *breaker) heal(life context.Context) {
	for b.probe(life) != nil {
		select {
		case <-life.Done():
			return
		case <-time.After(probeEvery):
		}
	}
	b.failed.Store(0)
	b.opened.Store(false)
}

// noAnswer tells whether replies show that a server did not answer a caller who
// waited for it.
func noAnswer(ctx context.Context, replies []rueidis.RedisResult) bool {
	for i := range replies {
		err := replies[i].NonRedisError()
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(ctx.Err(), context.Canceled) &&
			!rueidis.IsRedisNil(err) && !rueidis.IsParseErr(err) {
			return true
		}
	}
	return false
}
