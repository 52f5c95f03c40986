package redis

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/redis/rueidis"
)

// wires are the connections of one subscription: one to the server there is, or
// on a Cluster one to each primary that has channels of it, made when the first
// one comes. They are given up together: if one breaks, or a server drops a
// channel because its slot has moved, all are made anew.
type wires struct {
	engine    *Engine
	onMessage func(rueidis.PubSubMessage)
	// wanted tells whether a channel is still listened to.
	wanted func(channel string) bool
	// broken gets the first reason to give them up.
	broken chan error
	shape  *shape // of a Cluster; used by whoever has the subscription's turn

	mu     sync.Mutex
	to     map[string]rueidis.DedicatedClient // by address; "" is the one server
	closed bool
}

const (
	opSubscribe   = "SSUBSCRIBE"
	opUnsubscribe = "SUNSUBSCRIBE"
)

var (
	errDropped = errors.New("the server dropped a channel")
	// errMoved says that channels are another server's now.
	errMoved = errors.New("channels have moved to another node")
)

// wire connects, and checks that there is an answer.
func (e *Engine) wire(ctx context.Context, onMessage func(rueidis.PubSubMessage), wanted func(string) bool) (*wires, error) {
	w := &wires{
		engine: e, onMessage: onMessage, wanted: wanted,
		broken: make(chan error, 1), to: map[string]rueidis.DedicatedClient{},
	}
	if e.life.Err() != nil {
		return nil, rueidis.ErrClosing
	}
	var err error
	if e.cluster {
		w.shape, err = e.shapeNow(ctx)
	} else {
		_, err = w.dedicate(ctx, "")
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// groupMost bounds how many channels one command names.
const groupMost = 256

// announce sends SSUBSCRIBE or SUNSUBSCRIBE and returns when the servers have
// confirmed it. Channels that have moved are looked for again.
func (w *wires) announce(ctx context.Context, op string, channels []string) error {
	err := w.tell(ctx, op, channels)
	for pause := shortestPause; errors.Is(err, errMoved) && sleep(ctx, pause); pause = min(2*pause, longestPause) {
		// What was told already is told twice: that is harmless.
		if w.shape, err = w.engine.shapeNow(ctx); err == nil {
			err = w.tell(ctx, op, channels)
		}
	}
	return err
}

func (w *wires) tell(ctx context.Context, op string, channels []string) error {
	byNode, err := w.byNode(channels)
	if err != nil {
		return err
	}
	for addr, mine := range byNode {
		conn := w.at(addr)
		if conn == nil {
			if op == opUnsubscribe {
				continue // nothing of it is listened to
			}
			if conn, err = w.dedicate(ctx, addr); err != nil {
				return err
			}
		}
		for _, part := range w.engine.parts(mine) {
			for group := range slices.Chunk(part.keys, groupMost) {
				if err := tellOne(ctx, conn, op, group); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// tellOne sends one command, whose channels are of one slot.
func tellOne(ctx context.Context, conn rueidis.DedicatedClient, op string, channels []string) error {
	cmd := conn.B().Ssubscribe().Channel(channels...).Build
	if op == opUnsubscribe {
		cmd = conn.B().Sunsubscribe().Channel(channels...).Build
	}
	reply := conn.Do(ctx, cmd())
	if slotMoves(reply) {
		if op == opUnsubscribe {
			return nil // the server has dropped them itself
		}
		return errMoved
	}
	return reply.Error()
}

// byNode sorts channels by the server of their slots.
func (w *wires) byNode(channels []string) (map[string][]string, error) {
	if w.shape == nil {
		return map[string][]string{"": channels}, nil
	}
	byNode := map[string][]string{}
	for _, c := range channels {
		addr, err := w.shape.primary(slotOf(c))
		if err != nil {
			return nil, errMoved
		}
		byNode[addr] = append(byNode[addr], c)
	}
	return byNode, nil
}

func (w *wires) at(addr string) rueidis.DedicatedClient {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to[addr]
}

// dedicate makes a connection to one server, and checks that it answers. Messages
// are handed over from a goroutine of its own.
func (w *wires) dedicate(ctx context.Context, addr string) (rueidis.DedicatedClient, error) {
	client := w.engine.client
	if addr != "" {
		var err error
		if client, err = w.engine.nodes.at(ctx, addr); err != nil {
			return nil, err
		}
	}
	// The library dials without a context.
	dialed := make(chan rueidis.DedicatedClient, 1)
	go func() {
		c, _ := client.Dedicate()
		dialed <- c
	}()
	var conn rueidis.DedicatedClient
	select {
	case conn = <-dialed:
	case <-ctx.Done():
		go func() { (<-dialed).Close() }()
		return nil, ctx.Err()
	}
	ended := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: w.onMessage, OnSubscription: w.watch})
	go func() {
		for err := range ended {
			w.giveUp(err)
		}
	}()
	err := conn.Do(ctx, conn.B().Ping().Build()).Error()
	if err == nil {
		err = w.keep(addr, conn)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (w *wires) keep(addr string, conn rueidis.DedicatedClient) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return rueidis.ErrClosing
	}
	w.to[addr] = conn
	return nil
}

// watch hears what a server confirms, and what it drops unasked: a channel whose
// slot is another node's now.
func (w *wires) watch(s rueidis.PubSubSubscription) {
	if s.Kind == "sunsubscribe" && w.wanted(s.Channel) {
		w.giveUp(errDropped)
	}
}

// giveUp never waits: it may run on a connection's reader.
func (w *wires) giveUp(err error) {
	select {
	case w.broken <- err:
	default:
	}
}

func (w *wires) close() {
	w.mu.Lock()
	conns := w.to
	w.to, w.closed = nil, true
	w.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
}
