package memory

import (
	"context"
	"errors"
	"fmt"

	"hyperlocal/cache"
)

func (h *hub) close() {
	defer h.change()()
	h.closed = true
	for sub := range h.subs {
		h.drop(sub)
	}
}

// change locks who listens, once all that was published before is delivered.
// Its result unlocks.
func (h *hub) change() (unlock func()) {
	h.delivery.Lock()
	h.deliverLocked()
	h.mu.Lock()
	return func() {
		h.mu.Unlock()
		h.delivery.Unlock()
	}
}

// drop ends a subscription. Who listens is locked.
func (h *hub) drop(sub *subscription) {
	for channel := range sub.channels {
		h.leave(sub, channel)
	}
	delete(h.subs, sub)
	sub.end()
}

// leave takes a subscription off a channel. Who listens is locked.
func (h *hub) leave(sub *subscription, channel string) {
	delete(sub.channels, channel)
	listeners := h.channels[channel]
	delete(listeners, sub)
	if len(listeners) == 0 {
		delete(h.channels, channel)
	}
}

// Publish returns the number of subscribers, slow ones included, as Redis does. It
// goes through the shard of the channel's tag, so that it keeps its place among
// the publications of that tag's scripts.
func (e *Engine) Publish(ctx context.Context, channel, payload string) (int64, error) {
	p := &publication{channel: channel, payload: payload}
	_, err := write(ctx, e, "publish", channel, func(u *unit) (struct{}, error) {
		u.publications = []*publication{p}
		return struct{}{}, nil
	})
	if err != nil {
		return 0, err
	}
	return p.reached, nil
}

// Subscribe opens a subscription whose buffer is Options.SubscriptionBuffer.
func (e *Engine) Subscribe(ctx context.Context, channels ...string) (cache.Subscription, error) {
	h := e.hub
	sub := &subscription{
		hub:      h,
		channels: make(map[string]struct{}),
		ch:       make(chan cache.Message, h.buffer+1),
	}
	unlock := h.change()
	if h.closed {
		unlock()
		return nil, fmt.Errorf("memory: subscribe: %w", cache.ErrUnavailable)
	}
	h.subs[sub] = struct{}{}
	unlock()
	if err := sub.Add(ctx, channels...); err != nil {
		return nil, errors.Join(err, sub.Close())
	}
	return sub, nil
}

// subscription delivers over a channel with one place more than the buffer:
// the last is only ever taken by a Lost message. So whoever falls behind finds
// out exactly where, without a goroutine that waits for room.
type subscription struct {
	hub      *hub
	channels map[string]struct{} // guarded by hub.mu
	ended    bool                // guarded by hub.delivery, as are sends to ch
	ch       chan cache.Message
}

// Add returns when the channels are subscribed.
func (s *subscription) Add(ctx context.Context, channels ...string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: subscribe: %w", err)
	}
	h := s.hub
	defer h.change()()
	if _, open := h.subs[s]; !open {
		return fmt.Errorf("memory: subscribe: %w", cache.ErrUnavailable)
	}
	for _, channel := range channels {
		listeners := h.channels[channel]
		if listeners == nil {
			listeners = make(map[*subscription]struct{})
			h.channels[channel] = listeners
		}
		listeners[s] = struct{}{}
		s.channels[channel] = struct{}{}
	}
	return nil
}

// Remove returns when nothing more is put into the buffer from the channels.
func (s *subscription) Remove(_ context.Context, channels ...string) error {
	defer s.hub.change()()
	for _, channel := range channels {
		if _, ok := s.channels[channel]; ok {
			s.hub.leave(s, channel)
		}
	}
	return nil
}

// C is closed by Close, or with the engine.
func (s *subscription) C() <-chan cache.Message { return s.ch }

// Close ends the subscription; twice is harmless.
func (s *subscription) Close() error {
	defer s.hub.change()()
	s.hub.drop(s)
	return nil
}

func (s *subscription) end() {
	if !s.ended {
		s.ended = true
		close(s.ch)
	}
}

// send puts a message into the buffer, or a Lost message in the place kept
// for it, or nothing if that is there already. hub.delivery is held.
func (s *subscription) send(m cache.Message) {
	switch room := cap(s.ch) - len(s.ch); {
	case s.ended || room == 0:
	case room == 1:
		s.ch <- cache.Message{Lost: true}
	default:
		s.ch <- m
	}
}
