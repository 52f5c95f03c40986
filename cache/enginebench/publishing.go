//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"hyperlocal/cache"
)

const (
	subscribers    = 1000
	channel        = "order_updates:{1}"
	payload        = `{"status":"out_for_delivery","n":7}`
	ownPublishes   = 4000
	redisPublishes = 1000
)

// publishing measures what a publication costs for each of many subscribers
// that take it, what the taking costs in this process included. A burst of
// depth is taken before the next one is sent, on both hosts: whoever takes is
// woken for several at once.
func publishing(options) measurement {
	return measurement{
		name: "publish", journals: without,
		rows: []row{{title: fmt.Sprintf("PUBLISH to %d subscribers, each", subscribers), figure: cpu, unit: "µs", bar: 0.15}},
		ours: func(ctx context.Context, h *ownHost) (round, error) {
			e, err := h.open()
			if err != nil {
				return nil, err
			}
			var taken arrivals
			for range subscribers {
				sub, err := e.Subscribe(ctx, channel)
				if err != nil {
					return nil, err
				}
				go takeBursts(sub, &taken) // ends with the process
			}
			return publishRound(h.scaled(ownPublishes), 1, &taken, ownCPU, func(n int) error {
				for range n {
					if _, err := e.Publish(ctx, channel, payload); err != nil {
						return err
					}
				}
				return nil
			}), nil
		},
		redis: func(ctx context.Context, h *redisHost) (round, error) {
			if err := h.start(ctx, inMemory...); err != nil {
				return nil, err
			}
			var taken arrivals
			for range subscribers {
				c, err := dial(h.addr)
				if err != nil {
					return nil, err
				}
				if _, err := c.do("SUBSCRIBE", channel); err != nil {
					return nil, err
				}
				go func() { // ends with the server
					defer c.Close()
					_, _ = io.Copy(&taken, c.r) // what is missing is waited for
				}()
			}
			var p pipeline
			p.add("message", channel, payload)
			pushed := int64(depth * len(p.groups[0].bytes))
			return publishRound(h.scaled(redisPublishes), pushed, &taken, h.cpu, func(n int) error {
				var p pipeline
				for range n {
					p.add("PUBLISH", channel, payload)
				}
				return h.conn.run(&p)
			}), nil
		},
	}
}

// takeBursts receives, and tells of each whole burst: telling of each message
// would be a cost of its own. A message lost would be waited for.
func takeBursts(sub cache.Subscription, taken *arrivals) {
	n := 0
	for m := range sub.C() {
		if m.Lost {
			continue
		}
		if n++; n%depth == 0 {
			taken.add(1)
		}
	}
}

// publishRound publishes in bursts, each of which is waited for: arrivals is
// what is to come of one at each subscriber.
func publishRound(n int, each int64, taken *arrivals, clock stopwatch, burst func(n int) error) round {
	return func(ctx context.Context) (sample, error) {
		bursts := (n + depth - 1) / depth
		used, err := clock(func() error {
			for range bursts {
				all := taken.expect(subscribers * each)
				if err := burst(depth); err != nil {
					return err
				}
				select {
				case <-all:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
		return sample{cpu: perOp(used, bursts*depth*subscribers)}, err
	}
}

// arrivals counts until all that is expected has come.
type arrivals struct {
	missing atomic.Int64
	all     chan struct{}
}

// expect returns a channel that is closed after n arrivals. It is called before
// any of them, and after all that were expected before.
func (a *arrivals) expect(n int64) <-chan struct{} {
	a.all = make(chan struct{})
	a.missing.Store(n)
	return a.all
}

func (a *arrivals) add(n int64) {
	if a.missing.Add(-n) == 0 {
		close(a.all)
	}
}

// Write counts bytes.
func (a *arrivals) Write(b []byte) (int, error) {
	a.add(int64(len(b)))
	return len(b), nil
}
