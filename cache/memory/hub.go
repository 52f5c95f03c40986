package memory

import (
	"sync"

	"hyperlocal/cache"
	"hyperlocal/cache/glob"
)

// publication is what a unit publishes once it is done.
type publication struct {
	channel, payload string
	reached          int64 // subscribers, once it is in the hub's queue
}

// parcel is a message on its way to the subscribers of a channel.
type parcel struct {
	channel string
	message cache.Message
}

// hub knows who listens to which channel, and brings publications there.
//
// Waking a subscriber costs more than all else about a message. Publications
// therefore wait in a queue for one goroutine, which gives each subscriber all
// that has come meanwhile in one go. It takes microseconds to begin, and finds
// the more the busier the publishers are.
type hub struct {
	buffer int           // messages a subscription may be behind
	wake   chan struct{} // there is something in the queue

	// delivery is held while publications are delivered, and by whoever changes
	// who listens, so that each change has its place among them.
	delivery sync.Mutex
	done     []parcel // the last queue, to be used again

	// mu guards the rest, held shortly. Who listens changes with delivery held
	// too: to read that, one of the two is enough.
	mu        sync.RWMutex
	listeners [topics]map[string][]*subscription // by channel and by pattern
	subs      map[*subscription]struct{}
	closed    bool

	queueMu sync.Mutex
	queue   []parcel
}

// topic is what one subscribes to.
type topic int

const (
	toChannel topic = iota
	toPattern       // all channels that match a Redis glob
	topics
)

// maxQueued is how many publications may wait before their publishers deliver
// them themselves.
const maxQueued = 128

func newHub(buffer int) *hub {
	h := &hub{
		buffer: buffer,
		wake:   make(chan struct{}, 1),
		subs:   make(map[*subscription]struct{}),
	}
	for t := range h.listeners {
		h.listeners[t] = make(map[string][]*subscription)
	}
	return h
}

// publish gives publications their place. Those nobody listens to are over with
// that. It reports whether the queue is so long that the caller, once it holds
// no locks, must help by calling deliver.
func (h *hub) publish(publications []*publication) (full bool) {
	for _, p := range publications {
		full = h.enqueue(p, cache.Message{Channel: p.channel, Payload: p.payload})
	}
	return full
}

// lose tells the subscribers of publications that will never be delivered.
func (h *hub) lose(publications []*publication) {
	for _, p := range publications {
		h.enqueue(p, cache.Message{Lost: true})
	}
}

func (h *hub) enqueue(p *publication, m cache.Message) (full bool) {
	h.mu.RLock()
	p.reached = h.reach(p.channel)
	h.mu.RUnlock()
	if p.reached == 0 {
		return false
	}
	h.queueMu.Lock()
	h.queue = append(h.queue, parcel{p.channel, m})
	full = len(h.queue) >= maxQueued
	h.queueMu.Unlock()
	notify(h.wake)
	return full
}

// reach is how often a publication is received: a subscription gets it once for
// its channel and once for each pattern that matches.
func (h *hub) reach(channel string) int64 {
	n := len(h.listeners[toChannel][channel])
	for pattern, subs := range h.listeners[toPattern] {
		if glob.Match(pattern, channel) {
			n += len(subs)
		}
	}
	return int64(n)
}

// deliverLoop is the goroutine that delivers.
func (h *hub) deliverLoop(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-h.wake:
			h.deliver()
		}
	}
}

// deliver sends what is in the queue. It never waits for a subscriber.
func (h *hub) deliver() {
	h.delivery.Lock()
	defer h.delivery.Unlock()
	h.deliverLocked()
}

// deliverLocked is deliver with h.delivery held.
func (h *hub) deliverLocked() {
	h.queueMu.Lock()
	queue := h.queue
	h.queue = h.done[:0]
	h.queueMu.Unlock()
	for rest := queue; len(rest) > 0; {
		n := 1
		if len(h.listeners[toPattern]) == 0 {
			// Who listens by a pattern too must get one after the other.
			for n < len(rest) && rest[n].channel == rest[0].channel {
				n++
			}
		}
		h.send(rest[:n])
		rest = rest[n:]
	}
	clear(queue)
	h.done = queue
	if cap(queue) > 2*maxQueued {
		h.done = nil
	}
}

// send gives parcels of one channel to each of its subscribers.
func (h *hub) send(run []parcel) {
	channel := run[0].channel
	for _, sub := range h.listeners[toChannel][channel] {
		for i := range run {
			sub.send(&run[i].message)
		}
	}
	for pattern, subs := range h.listeners[toPattern] {
		if !glob.Match(pattern, channel) {
			continue
		}
		for _, p := range run {
			if !p.message.Lost {
				p.message.Pattern = pattern
			}
			for _, sub := range subs {
				sub.send(&p.message)
			}
		}
	}
}
