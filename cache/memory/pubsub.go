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
	for t := range topics {
		for name := range sub.places[t] {
			h.leave(sub, t, name)
		}
	}
	delete(h.subs, sub)
	sub.end()
}

// join makes a subscription one of a topic's listeners. Who listens is locked.
func (h *hub) join(sub *subscription, t topic, name string) {
	if _, in := sub.places[t][name]; in {
		return
	}
	if sub.places[t] == nil {
		sub.places[t] = make(map[string]int)
	}
	sub.places[t][name] = len(h.listeners[t][name])
	h.listeners[t][name] = append(h.listeners[t][name], sub)
}

// leave takes a subscription off a topic, and puts the last listener in its
// place. Who listens is locked.
func (h *hub) leave(sub *subscription, t topic, name string) {
	place, in := sub.places[t][name]
	if !in {
		return
	}
	delete(sub.places[t], name)
	all := h.listeners[t][name]
	last := len(all) - 1
	if moved := all[last]; moved != sub {
		all[place], moved.places[t][name] = moved, place
	}
	all[last] = nil
	h.listeners[t][name] = all[:last]
	if last == 0 {
		delete(h.listeners[t], name)
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
	sub := &subscription{hub: h, ch: make(chan cache.Message, h.buffer+1)}
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
	hub    *hub
	places [topics]map[string]int // where it is in hub.listeners; guarded as these
	ended  bool                   // guarded by hub.delivery, as are sends to ch
	ch     chan cache.Message
}

// Add returns when the channels are subscribed.
func (s *subscription) Add(ctx context.Context, channels ...string) error {
	return s.add(ctx, toChannel, channels)
}

// AddPatterns subscribes to all channels that match Redis globs. A message that
// is received by its channel and by patterns comes once for each.
func (s *subscription) AddPatterns(ctx context.Context, patterns ...string) error {
	return s.add(ctx, toPattern, patterns)
}

func (s *subscription) add(ctx context.Context, t topic, names []string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: subscribe: %w", err)
	}
	h := s.hub
	defer h.change()()
	if _, open := h.subs[s]; !open {
		return fmt.Errorf("memory: subscribe: %w", cache.ErrUnavailable)
	}
	for _, name := range names {
		h.join(s, t, name)
	}
	return nil
}

// Remove returns when nothing more is put into the buffer from the channels.
func (s *subscription) Remove(_ context.Context, channels ...string) error {
	s.remove(toChannel, channels)
	return nil
}

// RemovePatterns returns when nothing more is put into the buffer because of
// the patterns.
func (s *subscription) RemovePatterns(_ context.Context, patterns ...string) error {
	s.remove(toPattern, patterns)
	return nil
}

func (s *subscription) remove(t topic, names []string) {
	defer s.hub.change()()
	for _, name := range names {
		s.hub.leave(s, t, name)
	}
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
func (s *subscription) send(m *cache.Message) {
	switch room := cap(s.ch) - len(s.ch); {
	case s.ended || room == 0:
	case room == 1:
		s.ch <- cache.Message{Lost: true}
	default:
		s.ch <- *m
	}
}
