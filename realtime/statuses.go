package realtime

import (
	"context"
	"encoding/json"
	"fmt"
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
		run, whole := goingOn(events, since, o.Seq)
		if !whole {
			if o, err = h.orders.Order(ctx, t.id); err != nil {
				return err
			}
			since = o.Seq
			s.client.push(t.orderFrame(typeHistoryGone, o, since))
			h.counts.gone.Add(1)
			continue
		}
		var joined bool
		if since, joined = h.tryJoin(s, o, since, run); joined {
			return nil
		}
	}
	h.tearNow(t) // perhaps the others have what is gone by now
	return fmt.Errorf("order %s: cannot catch up from number %d", t.id, since)
}

// tryJoin sends run, which goes on from since, and makes s a subscription if it
// then has all that the others have. It returns the number of the last event
// sent.
func (h *Hub) tryJoin(s *subscription, o Order, since int64, run []Event) (int64, bool) {
	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range run {
		s.client.push(t.eventFrame(e))
		since = e.Seq
	}
	if since < t.order.seq {
		return since, false
	}
	if !t.order.live {
		t.order.live, t.order.seq, t.order.checked = true, o.Seq, h.opts.Now()
		t.assign(o.DriverID, o.Status)
	}
	s.seen = since
	t.subs[s] = struct{}{}
	switch {
	case len(t.state.parts) > 0:
		s.client.mark(s) // where the driver is
	case t.order.driver != "" && !t.loaded:
		signal(h.newTopics)
	}
	if max(t.order.hinted, since) > t.order.seq {
		h.tear(t) // there is more than the others have
	}
	return since, true
}

// goingOn returns the events that follow seq without a gap. whole is false if
// they do not reach the number where the order stood when they were read: then
// what lies between is not kept any more.
func goingOn(events []Event, seq, present int64) (run []Event, whole bool) {
	for _, e := range events {
		if e.Seq <= seq {
			continue // not asked for
		}
		if e.Seq != seq+1 {
			break
		}
		seq = e.Seq
		run = append(run, e)
	}
	return run, seq >= present
}

// advance passes events on to all subscriptions that do not have them. It stops
// at a gap. The caller holds t.mu.
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
		f := t.eventFrame(e)
		for s := range t.subs {
			if e.Seq > s.seen {
				s.seen = e.Seq
				s.client.push(f)
			}
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
