package realtime

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"hyperlocal/cache"
)

// Run takes followers and serves them until ctx ends; then it closes all
// connections with a code that says to come back, and returns nil when they are
// gone. It fails if the engine refuses the subscription, or closes it. A hub is
// run once.
//
// Run should end before the HTTP server is shut down: the server waits for
// event streams, which end with Run.
func (h *Hub) Run(ctx context.Context) error {
	sub, err := h.engine.Subscribe(ctx)
	if err != nil {
		return fmt.Errorf("realtime: subscribe: %w", err)
	}
	g, gctx := errgroup.WithContext(ctx)
	h.mu.Lock()
	h.sub, h.running = sub, true
	h.mu.Unlock()

	g.Go(func() error { return h.receive(gctx, sub.C()) })
	g.Go(func() error { return h.tickLoop(gctx) })
	g.Go(func() error { return h.repairLoop(gctx) })
	err = g.Wait()

	if errors.Is(err, errEngineLost) {
		h.closeAll(&closeEngine)
	} else {
		h.closeAll(&closeGoingAway)
		err = nil // ctx has ended
	}
	h.conns.Wait()
	return errors.Join(err, sub.Close())
}

// closeAll refuses new followers and closes the present ones.
func (h *Hub) closeAll(reason *closing) {
	h.mu.Lock()
	h.running = false
	clients := make([]*client, 0, len(h.clients))
	for c := range h.clients {
		clients = append(clients, c)
	}
	h.mu.Unlock()
	for _, c := range clients {
		c.out.shut(reason)
	}
}

// receive passes publications on. Nothing in it waits for a follower or asks
// anyone, so the subscription's buffer empties as fast as it can.
func (h *Hub) receive(ctx context.Context, messages <-chan cache.Message) error {
	for {
		select {
		case m, ok := <-messages:
			switch {
			case !ok:
				return errEngineLost
			case m.Lost:
				h.tearAll()
				h.newsLost(storeKind)
				h.newsLost(fenceKind)
			default:
				h.publication(m)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// publication finds the topic of a channel. A channel that was given back a
// moment ago has none.
func (h *Hub) publication(m cache.Message) {
	if t := h.topicOf(m.Channel, orderChannel, orderKind); t != nil {
		h.hint(t, m.Payload)
	} else if t := h.topicOf(m.Channel, storeChannel, storeKind); t != nil {
		h.stock(t, m.Payload)
	} else if t := h.topicOf(m.Channel, fenceChannel, fenceKind); t != nil {
		h.fenceEvent(t, m.Payload)
	}
}

func (h *Hub) topicOf(channel, prefix string, k kind) *topic {
	if len(channel) < len(prefix) || channel[:len(prefix)] != prefix {
		return nil
	}
	return h.topicNamed(string(k) + ":" + cache.Tag(channel))
}
