package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"hyperlocal/cache"
)

// publication is what a unit publishes once it is done.
type publication struct {
	channel, payload string
	reached          int64 // subscribers, once delivered
}

// hub knows who listens to which channel.
type hub struct {
	mu       sync.RWMutex
	buffer   int // messages a subscription may be behind
	channels map[string]map[*subscription]struct{}
	subs     map[*subscription]struct{}
	closed   bool
}

func newHub(buffer int) *hub {
	return &hub{
		buffer:   buffer,
		channels: make(map[string]map[*subscription]struct{}),
		subs:     make(map[*subscription]struct{}),
	}
}

// deliver sends publications in order. It never waits for a subscriber.
func (h *hub) deliver(publications []*publication) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, p := range publications {
		m := cache.Message{Channel: p.channel, Payload: p.payload}
		for sub := range h.channels[p.channel] {
			sub.send(m)
			p.reached++
		}
	}
}

// lose tells the subscribers of publications that will never be delivered.
func (h *hub) lose(publications []*publication) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, p := range publications {
		for sub := range h.channels[p.channel] {
			sub.lose()
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for sub := range h.subs {
		h.drop(sub)
	}
}

// drop ends a subscription. h.mu is held.
func (h *hub) drop(sub *subscription) {
	for channel := range sub.channels {
		h.leave(sub, channel)
	}
	delete(h.subs, sub)
	sub.end()
}

// leave takes a subscription off a channel. h.mu is held.
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
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, fmt.Errorf("memory: subscribe: %w", cache.ErrUnavailable)
	}
	h.subs[sub] = struct{}{}
	h.mu.Unlock()
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

	mu    sync.Mutex // makes senders one
	ended bool
	ch    chan cache.Message
}

// Add returns when the channels are subscribed.
func (s *subscription) Add(ctx context.Context, channels ...string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: subscribe: %w", err)
	}
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
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
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
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
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.drop(s)
	return nil
}

func (s *subscription) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		close(s.ch)
	}
}

// send puts a message into the buffer, or a Lost message in the place kept
// for it, or nothing if that is there already.
func (s *subscription) send(m cache.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	switch cap(s.ch) - len(s.ch) {
	case 0:
	case 1:
		s.ch <- cache.Message{Lost: true}
	default:
		s.ch <- m
	}
}

// lose leaves a Lost message, or nothing if the buffer is full and therefore
// ends with one.
func (s *subscription) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended && len(s.ch) < cap(s.ch) {
		s.ch <- cache.Message{Lost: true}
	}
}
