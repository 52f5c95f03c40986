package realtime

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"hyperlocal/cache"
	"hyperlocal/internal/upgrade"
)

// Options tune a hub. The zero value of a field stands for its default.
type Options struct {
	Tick       time.Duration // between two looks at who moved; default 500 ms
	StaleAfter time.Duration // age at which a position is nobody's present; default 60 s
	Lookback   time.Duration // how late a fix may arrive and still be seen at the next tick; default 5 s
	Recheck    time.Duration // followed orders are read at least so often; default 30 s

	MaxClients                int // followers at once; default 20,000
	MaxTopics                 int // topics followed at once, by all; default 50,000
	MaxSubscriptionsPerClient int // default 500
	QueueBytes                int // frames waiting for one follower that must arrive; default 256 KiB

	PingInterval time.Duration // of WebSocket pings and event-stream heartbeats; default 25 s
	WriteTimeout time.Duration // for one frame; default 10 s

	// AllowedOrigins are the origins beside the server's own from which a
	// browser may connect, such as "https://app.example.com"; "*" is any.
	AllowedOrigins []string

	Now    func() time.Time
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	duration := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	number := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	duration(&o.Tick, 500*time.Millisecond)
	duration(&o.StaleAfter, time.Minute)
	duration(&o.Lookback, 5*time.Second)
	duration(&o.Recheck, 30*time.Second)
	duration(&o.PingInterval, 25*time.Second)
	duration(&o.WriteTimeout, 10*time.Second)
	number(&o.MaxClients, 20_000)
	number(&o.MaxTopics, 50_000)
	number(&o.MaxSubscriptionsPerClient, 500)
	number(&o.QueueBytes, 256<<10)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// askTimeout bounds every question to the engine and the sources.
const askTimeout = 5 * time.Second

// errEngineLost ends Run when the engine closes the subscription.
var errEngineLost = errors.New("realtime: engine closed the subscription")

// Hub connects followers with what they follow. Make one with NewHub and run
// it with Run.
type Hub struct {
	opts      Options
	engine    cache.PubSub
	positions Positions
	orders    Orders
	upgrader  websocket.Upgrader

	newTopics chan struct{} // token: a topic waits for its first state
	torn      tornQueue     // orders to read again
	conns     sync.WaitGroup

	mu      sync.RWMutex // guards what follows
	sub     cache.Subscription
	running bool // the hub takes followers
	clients map[*client]struct{}
	topics  map[string]*topic

	counts counts
}

// counts are what Stats reports.
type counts struct {
	frames, conflated, closedSlow, refused, repairs, gone atomic.Int64
}

// Stats is what a hub is doing, for metrics. The second group counts since the
// hub was made.
type Stats struct {
	Clients int // WebSockets and event streams
	Topics  int // followed by at least one of them

	FramesSent  int64
	Conflated   int64 // states that went into a later frame because the follower was busy
	ClosedSlow  int64
	Refused     int64 // connections refused because there were too many
	Repairs     int64 // orders read again because of a gap or a lost publication
	HistoryGone int64 // followers told that events are not kept any more
}

// NewHub makes a hub. It takes followers once Run runs.
func NewHub(engine cache.PubSub, positions Positions, orders Orders, opts Options) *Hub {
	h := &Hub{
		opts:      opts.withDefaults(),
		engine:    engine,
		positions: positions,
		orders:    orders,
		newTopics: make(chan struct{}, 1),
		torn:      tornQueue{wake: make(chan struct{}, 1)},
		clients:   map[*client]struct{}{},
		topics:    map[string]*topic{},
	}
	h.upgrader = upgrade.New(h.opts.AllowedOrigins)
	return h
}

// Stats may be called at any time.
func (h *Hub) Stats() Stats {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return Stats{
		Clients:     len(h.clients),
		Topics:      len(h.topics),
		FramesSent:  h.counts.frames.Load(),
		Conflated:   h.counts.conflated.Load(),
		ClosedSlow:  h.counts.closedSlow.Load(),
		Refused:     h.counts.refused.Load(),
		Repairs:     h.counts.repairs.Load(),
		HistoryGone: h.counts.gone.Load(),
	}
}

// errFull and errNotRunning are why a follower is refused.
var (
	errFull       = errors.New("too many followers")
	errNotRunning = errors.New("hub is not running")
)

// attach takes a follower in. The caller detaches it, on the way out of the
// goroutine that reads for it, and calls h.conns.Done for each of its
// goroutines; n is how many.
func (h *Hub) attach(n int) (*client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.running:
		return nil, errNotRunning
	case len(h.clients) >= h.opts.MaxClients:
		h.counts.refused.Add(1)
		return nil, errFull
	}
	c := newClient(h)
	h.clients[c] = struct{}{}
	h.conns.Add(n)
	return c, nil
}

// detach ends all of a follower's subscriptions.
func (h *Hub) detach(c *client) {
	c.out.shut(&closeGoingAway) // what is still published goes nowhere
	for _, s := range c.subs {
		c.leave(s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
}

// acquire returns the topic of a name, subscribed to its channel, and counts
// one more reference to it.
func (h *Hub) acquire(ctx context.Context, n topicName) (*topic, error) {
	h.mu.Lock()
	t, ok := h.topics[n.name]
	if !ok {
		if len(h.topics) >= h.opts.MaxTopics {
			h.mu.Unlock()
			return nil, errFull
		}
		t = newTopic(n.name, n.kind, n.id)
		h.topics[n.name] = t
	}
	t.refs++
	sub := h.sub
	h.mu.Unlock()

	if err := t.open(ctx, sub); err != nil {
		h.release(t)
		return nil, err
	}
	return t, nil
}

// open subscribes the topic's channel unless it is.
func (t *topic) open(ctx context.Context, sub cache.Subscription) error {
	if t.channel == "" {
		return nil
	}
	t.channelMu.Lock()
	defer t.channelMu.Unlock()
	if t.channelOpen {
		return nil
	}
	if sub == nil {
		return errNotRunning
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := sub.Add(ctx, t.channel); err != nil {
		return err
	}
	t.channelOpen = true
	return nil
}

// release gives a reference back. With the last one the topic and its channel
// go.
func (h *Hub) release(t *topic) {
	h.mu.Lock()
	t.refs--
	last := t.refs == 0
	h.mu.Unlock()
	if !last {
		return
	}
	// The topic stays in the map until its channel is given back: whoever
	// acquires it meanwhile waits in open for this lock, and subscribes again.
	t.channelMu.Lock()
	defer t.channelMu.Unlock()
	h.mu.RLock()
	last = t.refs == 0
	sub := h.sub
	h.mu.RUnlock()
	if !last {
		return
	}
	if t.channelOpen && sub != nil {
		h.giveBack(sub, t.channel)
	}
	t.channelOpen = false
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.refs == 0 && h.topics[t.name] == t {
		delete(h.topics, t.name)
	}
}

func (h *Hub) giveBack(sub cache.Subscription, channel string) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	if err := sub.Remove(ctx, channel); err != nil {
		// Its messages find no topic and end there.
		h.opts.Logger.Debug("channel not given back", "channel", channel, "err", err)
	}
}

// followed returns the topics of a kind.
func (h *Hub) followed(k kind) []*topic {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var topics []*topic
	for _, t := range h.topics {
		if t.kind == k {
			topics = append(topics, t)
		}
	}
	return topics
}

// topicNamed returns a topic that somebody follows, or nil.
func (h *Hub) topicNamed(name string) *topic {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.topics[name]
}

// signal puts a token into a channel of one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
