package realtime

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// atOnce bounds the questions to a source at one time.
const atOnce = 8

// retryAfter is the wait before an order that could not be read is read again,
// and between two looks for orders that were not checked for long.
const retryAfter = time.Second

// tear queues an order to be read again. The caller holds t.mu.
func (h *Hub) tear(t *topic) {
	if t.order.torn {
		return
	}
	t.order.torn = true
	// Hub.mu comes before topic.mu, so the queue has a lock of its own.
	h.torn.put(t)
}

// tornQueue holds each followed order at most once.
type tornQueue struct {
	wake chan struct{} // token: the queue is not empty

	mu     sync.Mutex
	topics []*topic
}

func (q *tornQueue) put(t *topic) {
	q.mu.Lock()
	q.topics = append(q.topics, t)
	q.mu.Unlock()
	signal(q.wake)
}

func (q *tornQueue) takeAll() []*topic {
	q.mu.Lock()
	defer q.mu.Unlock()
	topics := q.topics
	q.topics = nil
	return topics
}

// repairLoop reads orders again whose publications have a gap, and each of them
// now and then: a publication may get lost without a trace.
func (h *Hub) repairLoop(ctx context.Context) error {
	ticker := time.NewTicker(retryAfter)
	defer ticker.Stop()
	out := outage{log: h.opts.Logger, what: "orders"}
	for {
		select {
		case <-h.torn.wake:
		case <-ticker.C:
			h.tearUnchecked()
		case <-ctx.Done():
			return ctx.Err()
		}
		var g errgroup.Group
		g.SetLimit(atOnce)
		torn := h.torn.takeAll()
		for _, t := range torn {
			g.Go(func() error { return h.repair(ctx, t) })
		}
		if err := g.Wait(); len(torn) > 0 && ctx.Err() == nil {
			out.report(err)
		}
	}
}

// tearUnchecked queues the orders that were last read too long ago.
func (h *Hub) tearUnchecked() {
	limit := h.opts.Now().Add(-h.opts.Recheck)
	for _, t := range h.followed(orderKind) {
		t.mu.Lock()
		if t.order.live && t.order.checked.Before(limit) {
			h.tear(t)
		}
		t.mu.Unlock()
	}
}

// tearAll queues all orders: publications were lost.
func (h *Hub) tearAll() {
	for _, t := range h.followed(orderKind) {
		h.tearNow(t)
	}
}

// repair reads what a topic has missed. If that fails, the next look for
// unchecked orders finds it.
func (h *Hub) repair(ctx context.Context, t *topic) error {
	t.mu.Lock()
	t.order.torn = false
	seq, live, followed := t.order.seq, t.order.live, len(t.subs) > 0
	// Who has come since may have read more than the others have got. If the order
	// stands before that now, it was lost.
	furthest := seq
	for s := range t.subs {
		furthest = max(furthest, s.seen)
	}
	t.mu.Unlock()
	if !live || !followed {
		return nil
	}
	h.counts.repairs.Add(1)
	o, events, err := h.read(ctx, t.id, seq)

	t.mu.Lock()
	defer t.mu.Unlock()
	if errors.Is(err, ErrUnknownOrder) {
		t.order.checked = h.opts.Now() // it has ended and was forgotten
		return nil
	}
	if err != nil {
		t.order.checked = time.Time{}
		return err
	}
	t.order.checked = h.opts.Now()
	run, whole := goingOn(events, seq, o.Seq)
	if t.order.seq == seq && (o.Seq < furthest || !whole) {
		h.restart(t, o)
		return nil
	}
	t.advance(run) // skips what came in meanwhile
	if o.Seq > t.order.seq {
		h.tear(t)
	}
	return nil
}

// read asks for an order's state and then for its events after seq.
func (h *Hub) read(ctx context.Context, orderID string, seq int64) (Order, []Event, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	o, err := h.orders.Order(ctx, orderID)
	if err != nil {
		return Order{}, nil, err
	}
	if o.Seq == seq {
		return o, nil, nil
	}
	events, err := h.orders.Events(ctx, orderID, seq)
	return o, events, err
}

// restart tells all subscriptions that events are gone, and goes on from the
// present state. The caller holds t.mu.
func (h *Hub) restart(t *topic, o Order) {
	t.order.seq = o.Seq
	t.order.driver = ""
	t.assign(o.DriverID, o.Status)
	f := t.orderFrame(typeHistoryGone, o, o.Seq)
	for s := range t.subs {
		s.seen = o.Seq
		s.client.push(f)
		h.counts.gone.Add(1)
	}
}
