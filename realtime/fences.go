package realtime

import (
	"encoding/json"
	"strconv"
)

// fenceEvent is what the hub needs to know of the payload of the channel
// fence_events:{F}; followers get all of it.
type fenceEvent struct {
	Seq int64 `json:"seq"`
}

// joinFence makes s a subscription of a fence: events from now on. Those before
// are read over HTTP.
func joinFence(s *subscription) {
	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	s.client.push(newFrame(t.quoted, typeSubscribed, "", []byte("null")))
	t.subs[s] = struct{}{}
}

// fenceEvent passes an event on. Each counts, so none is dropped.
func (h *Hub) fenceEvent(t *topic, payload string) {
	var e fenceEvent
	if err := json.Unmarshal([]byte(payload), &e); err != nil || e.Seq <= 0 {
		h.opts.Logger.Warn("publication is no event of a fence", "topic", t.name, "err", err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f := newFrame(t.quoted, typeFence, strconv.FormatInt(e.Seq, 10), []byte(payload))
	for s := range t.subs {
		s.client.push(f)
	}
}
