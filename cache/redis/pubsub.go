package redis

import (
	"context"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// Publish implements cache.PubSub.
func (e *Engine) Publish(ctx context.Context, channel, payload string) (int64, error) {
	n, err := e.do(ctx, e.client.B().Spublish().Channel(channel).Message(payload).Build()).ToInt64()
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

const (
	opSubscribe   = "SSUBSCRIBE"
	opUnsubscribe = "SUNSUBSCRIBE"
)

// announce sends SSUBSCRIBE or SUNSUBSCRIBE and returns when the server has
// confirmed it.
func (e *Engine) announce(ctx context.Context, conn rueidis.DedicatedClient, op string, channels []string) error {
	for _, p := range e.parts(channels) {
		var cmd rueidis.Completed
		if op == opSubscribe {
			cmd = conn.B().Ssubscribe().Channel(p.keys...).Build()
		} else {
			cmd = conn.B().Sunsubscribe().Channel(p.keys...).Build()
		}
		if err := conn.Do(ctx, cmd).Error(); err != nil {
			return err
		}
	}
	return nil
}

// dedicate makes a connection for one subscription, and checks that it answers.
// It hands over to onMessage from a goroutine of its own; broken gets the
// reason when the connection ends.
func (e *Engine) dedicate(ctx context.Context, onMessage func(rueidis.PubSubMessage)) (conn rueidis.DedicatedClient, broken <-chan error, err error) {
	// The library dials without a context.
	dialed := make(chan rueidis.DedicatedClient, 1)
	go func() {
		c, _ := e.client.Dedicate()
		dialed <- c
	}()
	select {
	case conn = <-dialed:
	case <-ctx.Done():
		go func() { (<-dialed).Close() }()
		return nil, nil, ctx.Err()
	}
	broken = conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: onMessage})
	if err := conn.Do(ctx, conn.B().Ping().Build()).Error(); err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, broken, nil
}
