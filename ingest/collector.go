package ingest

import (
	"context"
	"sync"
	"time"
)

const (
	// linger is how long pings of streams wait for those of others, because
	// recording a hundred at once costs a third of recording them one by one.
	linger = 10 * time.Millisecond
	// enough is how many do not wait, and most how many may.
	enough, most = 256, 4096
)

// collector records the pings of all streams in batches. Lock order: the
// collector's mutex and a stream's are never held together.
type collector struct {
	judge func(context.Context, *work) error

	mu      sync.Mutex // guards what follows
	room    sync.Cond  // next has been taken, or the goroutine ends
	running bool
	next    *round
	spare   *round
}

// round is what is recorded at once.
type round struct {
	work  work
	spans []span
}

// span is how many pings in a row are a stream's.
type span struct {
	stream *stream
	pings  int
}

func newCollector(h *Handler) *collector {
	c := &collector{judge: h.judge, next: new(round), spare: new(round)}
	c.room.L = &c.mu
	return c
}

// join adds a stream's pings to the next round. It waits while that is full. What
// becomes of them the stream learns by its method judged.
func (c *collector) join(st *stream, pings []Ping) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.next.work.pings) >= most {
		c.room.Wait()
	}
	c.next.work.pings = append(c.next.work.pings, pings...)
	c.next.spans = append(c.next.spans, span{st, len(pings)})
	if !c.running {
		c.running = true
		go c.run()
	}
}

// finish waits until nothing is left to record.
func (c *collector) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.running {
		c.room.Wait()
	}
}

// run records rounds until there is nothing to record.
func (c *collector) run() {
	for full := false; ; {
		if !full {
			time.Sleep(linger)
		}
		c.mu.Lock()
		r := c.next
		if len(r.spans) == 0 {
			c.running = false
			c.mu.Unlock()
			c.room.Broadcast()
			return
		}
		c.next, c.spare = c.spare, nil
		c.mu.Unlock()
		c.room.Broadcast()

		c.record(r)
		r.reset()
		c.mu.Lock()
		c.spare = r
		full = len(c.next.work.pings) >= enough
		c.mu.Unlock()
	}
}

func (c *collector) record(r *round) {
	err := c.judge(context.Background(), &r.work)
	outcomes := r.work.outcomes
	for _, s := range r.spans {
		if err != nil {
			s.stream.failed(err)
			continue
		}
		s.stream.judged(outcomes[:s.pings])
		outcomes = outcomes[s.pings:]
	}
}

// reset prepares for other pings.
func (r *round) reset() {
	clear(r.spans)
	r.spans = r.spans[:0]
	if cap(r.work.pings) > 2*most {
		r.work = work{}
		return
	}
	r.work.reset()
	r.work.pings = r.work.pings[:0]
}
