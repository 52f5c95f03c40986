package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// maxJoinReads bounds how often a new follower reads an order's events until it
// has caught up with those who follow it already. One read is enough unless
// events happen meanwhile.
const maxJoinReads = 8

// joinOrder makes s a subscription of its order, with the events after since.
func (h *Hub) joinOrder(ctx context.Context, s *subscription, since int64) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	t := s.topic
	o, err := h.orders.Order(ctx, t.id)
	if err != nil {
		return err
	}
	switch {
	case since == noSince:
		since = o.Seq
		s.client.push(t.orderFrame(typeSubscribed, o, since))
	case since > o.Seq: // seen in a history that was lost since
		since = o.Seq
		s.client.push(t.orderFrame(typeHistoryGone, o, since))
		h.counts.gone.Add(1)
	default:
		s.client.push(t.orderFrame(typeSubscribed, o, since))
	}
	for range maxJoinReads {
		events, err := h.orders.Events(ctx, t.id, since)
		if err != nil {
			return err
		}
		events = after(events, since)
		if gap(events, since, o.Seq) {
			if o, err = h.orders.Order(ctx, t.id); err != nil {
				return err
			}
			since = o.Seq
			s.client.push(t.orderFrame(typeHistoryGone, o, since))
			h.counts.gone.Add(1)
			continue
		}
		var joined bool
		if since, joined = h.tryJoin(s, o, since, events); joined {
			return nil
		}
	}
	h.tearNow(t) // perhaps the others have what is gone by now
	return fmt.Errorf("order %s: cannot catch up from number %d", t.id, since)
}

// tryJoin sends events, which go on from since, and makes s a subscription if
// it then has all that the others have. It returns the number of the last event
// sent.
func (h *Hub) tryJoin(s *subscription, o Order, since int64, events []Event) (int64, bool) {
	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	run := contiguous(events, since)
	for _, e := range run {
		s.client.push(t.statusFrame(e))
		since = e.Seq
	}
	if since < o.Seq || since < t.order.seq {
		return since, false
	}
	if !t.order.live {
		t.order.live, t.order.seq, t.order.checked = true, o.Seq, h.opts.Now()
		t.assign(o.DriverID, o.Status)
	}
	t.advance(run) // others may not have them yet
	t.subs[s] = struct{}{}
	switch {
	case len(t.state.parts) > 0:
		s.client.mark(s) // where the driver is
	case t.order.driver != "" && !t.loaded:
		signal(h.newTopics)
	}
	if t.order.hinted > t.order.seq {
		h.tear(t)
	}
	return since, true
}

// after drops events that a source returned beside what was asked for.
func after(events []Event, seq int64) []Event {
	return slices.DeleteFunc(events, func(e Event) bool { return e.Seq <= seq })
}

// gap reports whether events, read after the order was at number present, do
// not go on from since: what lies between is not kept any more.
func gap(events []Event, since, present int64) bool {
	if len(events) == 0 {
		return since < present
	}
	return events[0].Seq != since+1
}

// contiguous returns the events that follow seq without a gap.
func contiguous(events []Event, seq int64) []Event {
	for i, e := range events {
		if e.Seq != seq+1 {
			return events[:i]
		}
		seq = e.Seq
	}
	return events
}

// advance passes events on to all subscriptions, skipping those they have. It
// stops at a gap. The caller holds t.mu.
func (t *topic) advance(events []Event) {
	for _, e := range events {
		switch {
		case e.Seq <= t.order.seq:
			continue
		case e.Seq > t.order.seq+1:
			return
		}
		t.order.seq = e.Seq
		t.assign(e.DriverID, e.Status)
		f := t.statusFrame(e)
		for s := range t.subs {
			s.client.push(f)
		}
	}
}

// assign remembers who brings the order. An event that names no driver leaves
// the one before. The caller holds t.mu.
func (t *topic) assign(driver, status string) {
	o := &t.order
	o.done = final(status)
	switch {
	case o.done:
		driver = ""
	case driver == "":
		driver = o.driver
	}
	if driver != o.driver {
		o.driver, t.loaded = driver, false
		t.state.clear() // another driver's position is none of this order's
	}
}

// hint takes in a publication on an order's channel.
func (h *Hub) hint(t *topic, payload string) {
	var e Event
	if err := json.Unmarshal([]byte(payload), &e); err != nil || e.Seq <= 0 || e.Status == "" {
		h.opts.Logger.Warn("publication is no event", "topic", t.name, "err", err)
		h.tearNow(t)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.order.hinted = max(t.order.hinted, e.Seq)
	if !t.order.live {
		return // whoever is joining reads it, or sees hinted
	}
	driver := t.order.driver
	t.advance([]Event{e})
	if t.order.driver != driver {
		signal(h.newTopics)
	}
	if e.Seq > t.order.seq {
		h.tear(t)
	}
}

// tearNow is tear for a caller without t.mu.
func (h *Hub) tearNow(t *topic) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h.tear(t)
}
