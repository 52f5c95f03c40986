package resp

import (
	"context"
	"errors"
	"sync"

	"hyperlocal/cache"
)

// errTooManyNames: the names of a client's channels take as much room as its
// queue may.
const errTooManyNames = refusal("ERR too many subscriptions for one client")

// errPatterns says that the engine cannot match patterns.
const errPatterns = refusal("ERR patterns are not supported by this engine")

// patterned is what a subscription offers if its engine knows patterns. A
// message comes once for its channel and once for each pattern that matches.
type patterned interface {
	AddPatterns(ctx context.Context, patterns ...string) error
	RemovePatterns(ctx context.Context, patterns ...string) error
}

// subscriber is what a client gets besides replies. From the first subscription
// on, all that the client is to receive goes through its queue: listen puts
// messages there as they are published, serve puts replies there, and deliver
// sends. So nobody who publishes ever waits for a client, and a client that
// does not read fills its queue up to Limits.Output and is cut off.
//
// mu is held while the engine's set of channels changes, so that a confirmation
// stands before the messages it announces; it is taken before the engine's own
// locks, and the engine calls nothing back.
type subscriber struct {
	c   *client
	sub cache.Subscription
	wg  sync.WaitGroup

	mu       sync.Mutex
	out      writer // what waits to be sent
	channels map[string]struct{}
	patterns map[string]struct{}
	shards   map[string]struct{}
	names    int  // bytes of the names in them, 64 being added for each
	full     bool // cut off
	ending   bool // what waits is sent, then nothing more
	wake     chan struct{}
}

// subscriber returns the client's, made when it is first asked for.
func (c *client) subscriber() (*subscriber, error) {
	if c.sub != nil {
		return c.sub, nil
	}
	sub, err := c.srv.engine.Subscribe(c.life)
	if err != nil {
		return nil, err
	}
	c.flush()
	s := &subscriber{
		c: c, sub: sub, wake: make(chan struct{}, 1),
		channels: map[string]struct{}{}, patterns: map[string]struct{}{}, shards: map[string]struct{}{},
	}
	s.out.resp3 = c.w.resp3
	c.sub = s
	c.srv.mu.Lock()
	c.srv.listening[sub] = struct{}{}
	c.srv.mu.Unlock()
	s.wg.Go(s.listen)
	s.wg.Go(s.deliver)
	return s, nil
}

// close sends what waits and ends the goroutines.
func (s *subscriber) close() {
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	s.c.srv.mu.Lock()
	delete(s.c.srv.listening, s.sub)
	s.c.srv.mu.Unlock()
	_ = s.sub.Close() // of a subscription that has ended already there is nothing to tell
	s.rouse()
	s.wg.Wait()
}

// enqueue puts replies behind what waits.
func (s *subscriber) enqueue(replies []byte) {
	s.mu.Lock()
	s.out.buf = append(s.out.buf, replies...)
	s.queued()
	s.mu.Unlock()
}

// queued is called with mu held after something was put into the queue.
func (s *subscriber) queued() {
	if len(s.out.buf) > s.c.srv.opt.Limits.Output && !s.full {
		s.full = true
		s.c.srv.opt.Logger.Warn("a Redis client did not read what it subscribed to, and was cut off",
			"client", s.c.conn.RemoteAddr().String())
		s.c.hangUp()
	}
	if s.full {
		s.out.buf = nil
	}
	s.rouse()
}

func (s *subscriber) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// deliver sends what waits, as much at a time as there is.
func (s *subscriber) deliver() {
	var sending []byte
	for range s.wake {
		s.mu.Lock()
		sending, s.out.buf = s.out.buf, sending[:0]
		ending := s.ending
		s.mu.Unlock()
		if len(sending) > 0 && !s.c.send(sending) || ending {
			return
		}
		if cap(sending) > 2*spillAt {
			sending = nil
		}
	}
}

// listen queues what the engine publishes. If the engine lost something on the
// way, the client is cut off, as Redis does with one whose queue is full: it
// will come back and look at what it missed.
func (s *subscriber) listen() {
	for m := range s.sub.C() {
		if m.Lost {
			s.c.srv.opt.Logger.Warn("a Redis client was too slow for what it subscribed to, and was cut off",
				"client", s.c.conn.RemoteAddr().String())
			break
		}
		s.mu.Lock()
		s.message(m)
		s.queued()
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending { // the engine has closed, or see above
		s.c.hangUp()
	}
}

// message writes a publication in the way in which the client listens to it, or
// in both ways in which it may listen to a channel. mu is held.
func (s *subscriber) message(m cache.Message) {
	if m.Pattern != "" {
		if _, in := s.patterns[m.Pattern]; in {
			s.out.push(4)
			s.out.bulk("pmessage")
			s.out.bulk(m.Pattern)
			s.out.bulk(m.Channel)
			s.out.bulk(m.Payload)
		}
		return
	}
	for _, kind := range []struct {
		name string
		set  map[string]struct{}
	}{{"message", s.channels}, {"smessage", s.shards}} {
		if _, in := kind.set[m.Channel]; in {
			s.out.push(3)
			s.out.bulk(kind.name)
			s.out.bulk(m.Channel)
			s.out.bulk(m.Payload)
		}
	}
}

// add calls the engine for channels or patterns.
func (s *subscriber) add(ctx context.Context, kind *subscriptionKind, name string) error {
	if kind.pattern {
		p, ok := s.sub.(patterned)
		if !ok {
			return errPatterns
		}
		return p.AddPatterns(ctx, name)
	}
	return s.sub.Add(ctx, name)
}

// remove is add's opposite. A channel stays with the engine while the other kind
// of subscription to it does.
func (s *subscriber) remove(ctx context.Context, kind *subscriptionKind, name string) error {
	if kind.pattern {
		if p, ok := s.sub.(patterned); ok {
			return p.RemovePatterns(ctx, name)
		}
		return nil
	}
	_, channel := s.channels[name]
	_, shard := s.shards[name]
	if channel || shard {
		return nil
	}
	return s.sub.Remove(ctx, name)
}

// reset ends all subscriptions without a word.
func (s *subscriber) reset(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, kind := range subscriptionKinds {
		set := kind.set(s)
		for name := range set {
			delete(set, name)
			s.names -= len(name) + argOverhead
			errs = append(errs, s.remove(ctx, kind, name))
		}
	}
	s.out.resp3 = false
	s.counted()
	return errors.Join(errs...)
}

// counted tells CLIENT LIST how much the client listens to. mu is held.
func (s *subscriber) counted() {
	s.c.mu.Lock()
	s.c.listens = listening{channels: len(s.channels), patterns: len(s.patterns), shards: len(s.shards)}
	s.c.mu.Unlock()
}
