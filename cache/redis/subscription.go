package redis

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// A broken subscription is restored at once, then at growing, jittered
// intervals: all subscribers of a server lose it together.
const (
	restoreFirst = 20 * time.Millisecond
	restoreMost  = 2 * time.Second
)

// errNoConnection is why nothing can be added while a connection is restored.
var errNoConnection = errors.New("connection is being restored")

// subscription implements cache.Subscription over connections of its own.
type subscription struct {
	engine *Engine
	box    *mailbox

	life context.Context // ends with Close
	end  context.CancelFunc

	// turn is a token held by whoever talks to the server: Add, Remove, or the
	// restoring of the connection. A channel, so that waiting has a deadline.
	turn chan struct{}

	mu       sync.Mutex // guards what follows; never held while the server is asked
	channels map[string]struct{}
	conn     *wires // nil while there is none
	closed   bool
}

var _ cache.Subscription = (*subscription)(nil)

func newSubscription(e *Engine) *subscription {
	life, end := context.WithCancel(context.Background())
	return &subscription{
		engine:   e,
		box:      newMailbox(e.opts.SubscriptionBuffer),
		life:     life,
		end:      end,
		turn:     make(chan struct{}, 1),
		channels: map[string]struct{}{},
	}
}

func (s *subscription) C() <-chan cache.Message { return s.box.c }

// Add implements cache.Subscription. While the connection is being restored it
// fails with cache.ErrUnavailable. What failed is not added.
func (s *subscription) Add(ctx context.Context, channels ...string) error {
	return s.change(ctx, opSubscribe, channels, func() error {
		// In the set first: a message may come before the confirmation.
		fresh := s.join(channels)
		err := s.ask(ctx, opSubscribe, fresh)
		if err != nil {
			s.leave(fresh)
		}
		return err
	})
}

// Remove implements cache.Subscription. Nothing of the channels is delivered
// any more, apart from what waits in C, even if the server could not be told.
func (s *subscription) Remove(ctx context.Context, channels ...string) error {
	return s.change(ctx, opUnsubscribe, channels, func() error {
		return s.ask(ctx, opUnsubscribe, s.leave(channels))
	})
}

// change runs do alone, unless there is nothing to do.
func (s *subscription) change(ctx context.Context, op string, channels []string, do func() error) error {
	if len(channels) == 0 {
		return nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
		return fail(op, channels[0], do())
	case <-s.life.Done():
		return fail(op, channels[0], rueidis.ErrClosing)
	case <-ctx.Done():
		return fail(op, channels[0], ctx.Err())
	}
}

// ask sends op for the channels on the present connection.
func (s *subscription) ask(ctx context.Context, op string, channels []string) error {
	s.mu.Lock()
	conn, closed := s.conn, s.closed
	s.mu.Unlock()
	switch {
	case closed:
		return rueidis.ErrClosing
	case conn == nil && op == opUnsubscribe:
		return nil // the next connection will not have them
	case conn == nil:
		return errNoConnection
	case len(channels) == 0:
		return nil
	}
	ctx, cancel := s.engine.bounded(ctx)
	defer cancel()
	return conn.announce(ctx, op, channels)
}

// join puts channels into the set and returns those that were not in it.
func (s *subscription) join(channels []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fresh []string
	for _, c := range channels {
		if _, in := s.channels[c]; !in {
			s.channels[c] = struct{}{}
			fresh = append(fresh, c)
		}
	}
	return fresh
}

// leave takes channels out of the set and returns those that were in it.
func (s *subscription) leave(channels []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []string
	for _, c := range channels {
		if _, in := s.channels[c]; in {
			delete(s.channels, c)
			gone = append(gone, c)
		}
	}
	return gone
}

// deliver runs on the connection's reader and must not wait.
func (s *subscription) deliver(m rueidis.PubSubMessage) {
	if s.has(m.Channel) {
		s.box.put(cache.Message{Channel: m.Channel, Payload: m.Message})
	}
}

func (s *subscription) has(channel string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, in := s.channels[channel]
	return in
}

// connect makes a connection that has the set's channels. The caller holds the
// turn, or nobody else knows s yet.
func (s *subscription) connect(ctx context.Context) (<-chan error, error) {
	conn, err := s.engine.wire(ctx, s.deliver, s.has)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	channels := slices.Collect(maps.Keys(s.channels))
	s.mu.Unlock()
	if len(channels) > 0 {
		err = conn.announce(ctx, opSubscribe, channels)
	}
	s.mu.Lock()
	if err == nil && s.closed {
		err = rueidis.ErrClosing
	}
	if err == nil {
		s.conn = conn
	}
	s.mu.Unlock()
	if err != nil {
		conn.close()
		return nil, err
	}
	return conn.broken, nil
}

// keep restores the connection whenever it breaks, until Close.
func (s *subscription) keep(broken <-chan error) {
	for broken != nil {
		select {
		case <-broken: //nolint:errcheck // why it broke is what the next call will say
			s.disconnect()
			broken = s.restore()
		case <-s.life.Done():
			return
		}
	}
}

func (s *subscription) disconnect() {
	s.mu.Lock()
	conn := s.conn
	s.conn = nil
	s.mu.Unlock()
	if conn != nil {
		conn.close()
	}
}

// restore returns when there is a connection again, or nil after Close. Only
// then does it say that messages were lost: whoever reads a stream on that news
// will miss nothing published later.
func (s *subscription) restore() <-chan error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = restoreFirst, restoreMost
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-s.life.Done():
			return nil
		}
		if broken := s.reconnect(); broken != nil {
			s.box.putLost()
			return broken
		}
		timer.Reset(wait.NextBackOff())
	}
}

// reconnect tries once; nil means that it failed.
func (s *subscription) reconnect() <-chan error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-s.life.Done():
		return nil
	}
	ctx, cancel := context.WithTimeout(s.life, s.engine.opts.Timeout)
	defer cancel()
	broken, err := s.connect(ctx)
	if err != nil {
		return nil // Add and every other call report why the server is away
	}
	return broken
}

// Close implements cache.Subscription.
func (s *subscription) Close() error {
	s.engine.forget(s)
	s.shut()
	return nil
}

// shut is Close without telling the engine. The second call does nothing.
func (s *subscription) shut() {
	s.mu.Lock()
	conn, closed := s.conn, s.closed
	s.conn, s.closed = nil, true
	s.mu.Unlock()
	if closed {
		return
	}
	s.end()
	if conn != nil {
		conn.close()
	}
	s.box.close()
}
