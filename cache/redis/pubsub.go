package redis

import (
	"context"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// Publish implements cache.PubSub.
func (e *Engine) Publish(ctx context.Context, channel, payload string) (int64, error) {
	told := Engine{shared: e.shared} // a message is no write for replicas to have
	n, err := told.do(ctx, e.client.B().Spublish().Channel(channel).Message(payload).Build()).ToInt64()
	return n, fail("SPUBLISH", channel, err)
}

// Subscribe implements cache.PubSub. A subscription has a connection of its
// own: better few of them with many channels than many with few.
func (e *Engine) Subscribe(ctx context.Context, channels ...string) (cache.Subscription, error) {
	s := newSubscription(e)
	if !e.enroll(s) {
		s.shut()
		return nil, fail(opSubscribe, first(channels), rueidis.ErrClosing)
	}
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	broken, err := s.connect(ctx)
	if err != nil {
		_ = s.Close()
		return nil, fail(opSubscribe, first(channels), err)
	}
	go s.keep(broken)
	if err := s.Add(ctx, channels...); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (e *Engine) enroll(s *subscription) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.subs[s] = struct{}{}
	}
	return !e.closed
}

func (e *Engine) forget(s *subscription) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.subs, s)
}
