package realtime

import (
	"context"
	"errors"
	"fmt"
)

// client is one follower, whatever it is connected by. Its methods are called
// by the goroutine that reads for it, except those of out.
type client struct {
	hub  *Hub
	out  outbox
	subs map[string]*subscription
}

func newClient(h *Hub) *client {
	return &client{hub: h, out: newOutbox(h.opts.QueueBytes), subs: map[string]*subscription{}}
}

// handle carries out one message. It reports whether the message was valid.
func (c *client) handle(ctx context.Context, message []byte) bool {
	r, bad, err := decodeRequest(message, 2*c.hub.opts.MaxSubscriptionsPerClient)
	if err != nil {
		c.refuse("", *err)
		return false
	}
	for _, b := range bad {
		c.refuse(b.topic, b.refusal)
	}
	for _, t := range r.unsubscribe {
		if s, ok := c.subs[t.name]; ok {
			c.leave(s)
		}
	}
	for _, t := range r.subscribe {
		if ctx.Err() != nil {
			return true // the connection has ended
		}
		if refused := c.subscribe(ctx, t); refused != nil {
			refused.Field = t.field
			c.refuse(t.name, *refused)
		}
	}
	return len(bad) == 0
}

func (c *client) refuse(topic string, r refusal) { c.push(errorFrame(topic, r)) }

// push queues a frame that must arrive.
func (c *client) push(f *frame) {
	if !c.out.push(f) {
		c.hub.counts.closedSlow.Add(1)
	}
}

// mark queues the news of a topic of states.
func (c *client) mark(s *subscription) {
	if !c.out.mark(s) {
		c.hub.counts.conflated.Add(1)
	}
}

// subscribe starts over if the topic is subscribed already.
func (c *client) subscribe(ctx context.Context, n topicName) *refusal {
	if s, ok := c.subs[n.name]; ok {
		c.leave(s)
	}
	if limit := c.hub.opts.MaxSubscriptionsPerClient; len(c.subs) >= limit {
		return &refusal{Code: codeTooMany, Detail: fmt.Sprintf("a connection follows at most %d topics", limit)}
	}
	t, err := c.hub.acquire(ctx, n)
	if err != nil {
		return c.cannot(n, err)
	}
	s := &subscription{client: c, topic: t}
	switch t.kind {
	case orderKind:
		err = c.hub.joinOrder(ctx, s, n.since)
	case fenceKind:
		joinFence(s)
	default:
		c.hub.joinState(s)
	}
	if err != nil {
		c.hub.release(t)
		return c.cannot(n, err)
	}
	c.subs[n.name] = s
	return nil
}

// cannot turns the reason why a topic cannot be followed into a refusal.
func (c *client) cannot(n topicName, err error) *refusal {
	switch {
	case errors.Is(err, ErrUnknownOrder):
		return &refusal{Code: codeNotFound, Detail: "there is no such order"}
	case errors.Is(err, errFull):
		return &refusal{Code: codeTooMany, Detail: "the server follows as many topics as it can"}
	}
	c.hub.opts.Logger.Debug("topic cannot be followed", "topic", n.name, "err", err)
	return &refusal{Code: codeUnavailable, Detail: "the topic cannot be read now; subscribe again in a while"}
}

// leave ends a subscription.
func (c *client) leave(s *subscription) {
	s.topic.mu.Lock()
	delete(s.topic.subs, s)
	s.topic.mu.Unlock()
	c.out.forget(s)
	c.hub.release(s.topic)
	delete(c.subs, s.topic.name)
}

// joinState makes s a subscription of a topic of states. Its acknowledgement
// carries the state, and so waits until there is one.
func (h *Hub) joinState(s *subscription) {
	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	t.subs[s] = struct{}{}
	if t.loaded {
		s.client.mark(s)
		return
	}
	signal(h.newTopics)
}
