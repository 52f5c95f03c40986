package resp

import (
	"context"
	"time"
)

// subscriptionKind is one of the three ways to listen. To the engine a channel
// and a shard channel are the same.
type subscriptionKind struct {
	join, leave string // the commands, and what confirms them
	pattern     bool
	set         func(s *subscriber) map[string]struct{}
	// counted is the number that a confirmation tells: shard channels are
	// counted apart.
	counted func(s *subscriber) int
}

var (
	channelKind = &subscriptionKind{
		join: "subscribe", leave: "unsubscribe", counted: (*subscriber).open,
		set: func(s *subscriber) map[string]struct{} { return s.channels },
	}
	patternKind = &subscriptionKind{
		join: "psubscribe", leave: "punsubscribe", pattern: true, counted: (*subscriber).open,
		set: func(s *subscriber) map[string]struct{} { return s.patterns },
	}
	shardKind = &subscriptionKind{
		join: "ssubscribe", leave: "sunsubscribe", counted: func(s *subscriber) int { return len(s.shards) },
		set: func(s *subscriber) map[string]struct{} { return s.shards },
	}
	subscriptionKinds = []*subscriptionKind{channelKind, patternKind, shardKind}
)

// open counts channels and patterns.
func (s *subscriber) open() int { return len(s.channels) + len(s.patterns) }

func pubSubCommands() []command {
	const (
		group  = "pubsub"
		listen = pubSub | subscribed
		send   = pubSub | fast
	)
	return []command{
		{name: "subscribe", arity: -2, flags: listen, group: group, summary: "Listen to channels.", run: subscribeTo(channelKind)},
		{name: "unsubscribe", arity: -1, flags: listen, group: group, summary: "Stop listening to channels, or to all.", run: unsubscribeFrom(channelKind)},
		{name: "psubscribe", arity: -2, flags: listen, group: group, summary: "Listen to all channels that match patterns.", run: subscribeTo(patternKind)},
		{name: "punsubscribe", arity: -1, flags: listen, group: group, summary: "Stop listening to patterns, or to all.", run: unsubscribeFrom(patternKind)},
		// To a cluster's clients a shard channel is like a key.
		{name: "ssubscribe", arity: -2, flags: listen, keys: allKeys, group: group, summary: "SUBSCRIBE by another name.", run: subscribeTo(shardKind)},
		{name: "sunsubscribe", arity: -1, flags: listen, keys: allKeys, group: group, summary: "UNSUBSCRIBE's counterpart for SSUBSCRIBE.", run: unsubscribeFrom(shardKind)},
		{name: "publish", arity: 3, flags: send, group: group, summary: "Send a message to who listens to a channel.", run: publish},
		{name: "spublish", arity: 3, flags: send, keys: oneKey, group: group, summary: "PUBLISH by another name.", run: publish},
	}
}

// How a client that publishes without pause lets the others listen: after so
// many messages it waits, up to so long, until nobody is far behind. To listen is
// only to queue, so nobody is for long; but an engine's subscription holds a
// thousand messages or so, and a long pipeline is faster than a busy machine
// wakes those who take them.
const (
	publishTurn  = 64
	listenPause  = 50 * time.Microsecond
	listenPauses = 200
)

func publish(c *client, args []string) error {
	n, err := c.srv.engine.Publish(c.life, args[0], args[1])
	if err != nil {
		return err
	}
	c.w.integer(n)
	if c.published++; c.published%publishTurn == 0 {
		for range listenPauses {
			if !c.srv.anyBehind() {
				break
			}
			time.Sleep(listenPause)
		}
	}
	return nil
}

// anyBehind tells whether a subscription is more than half full.
func (s *Server) anyBehind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.listening {
		if c := sub.C(); len(c) > cap(c)/2 {
			return true
		}
	}
	return false
}

func subscribeTo(kind *subscriptionKind) func(c *client, names []string) error {
	return func(c *client, names []string) error {
		s, err := c.subscriber()
		if err != nil {
			return err
		}
		c.flush() // what was answered before
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, name := range names {
			if err := s.join(c.life, kind, name); err != nil {
				return err
			}
		}
		return nil
	}
}

func unsubscribeFrom(kind *subscriptionKind) func(c *client, names []string) error {
	return func(c *client, names []string) error {
		s, err := c.subscriber()
		if err != nil {
			return err
		}
		c.flush()
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(names) == 0 {
			names = sortedKeys(kind.set(s))
		}
		if len(names) == 0 { // confirmed all the same
			s.confirm(kind.leave, kind, nil)
		}
		for _, name := range names {
			if err := s.leave(c.life, kind, name); err != nil {
				return err
			}
		}
		return nil
	}
}

// join subscribes and confirms. mu is held, so that no message overtakes the
// confirmation.
func (s *subscriber) join(ctx context.Context, kind *subscriptionKind, name string) error {
	set := kind.set(s)
	if _, in := set[name]; !in {
		if s.names += len(name) + argOverhead; s.names > s.c.srv.opt.Limits.Output {
			return errTooManyNames
		}
		if err := s.add(ctx, kind, name); err != nil {
			return err
		}
		set[name] = struct{}{}
		s.counted()
	}
	s.confirm(kind.join, kind, &name)
	return nil
}

// leave is join's opposite. What was published before and not yet queued is
// not delivered.
func (s *subscriber) leave(ctx context.Context, kind *subscriptionKind, name string) error {
	set := kind.set(s)
	if _, in := set[name]; in {
		delete(set, name)
		s.names -= len(name) + argOverhead
		s.counted()
		if err := s.remove(ctx, kind, name); err != nil {
			return err
		}
	}
	s.confirm(kind.leave, kind, &name)
	return nil
}

func (s *subscriber) confirm(command string, kind *subscriptionKind, name *string) {
	s.out.push(3)
	s.out.bulk(command)
	if name == nil {
		s.out.null()
	} else {
		s.out.bulk(*name)
	}
	s.out.integer(int64(kind.counted(s)))
	s.queued()
}
