package realtime

import "encoding/json"

// stockChange is the payload of the channel stock_updates:{S}, as far as
// followers care: units available by product, of those that changed.
type stockChange struct {
	Stock map[string]json.RawMessage `json:"stock"`
}

// stock merges what became of a store's products. Publications of one channel
// come in order, so the last is the newest.
func (h *Hub) stock(t *topic, payload string) {
	var change stockChange
	if err := json.Unmarshal([]byte(payload), &change); err != nil {
		h.opts.Logger.Warn("publication is no stock", "topic", t.name, "err", err)
		return
	}
	if len(change.Stock) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	newest := int64(t.state.version) + 1
	for product, units := range change.Stock {
		t.state.put(product, newest, func([]byte) []byte { return units })
	}
	t.changed()
}

// newsLost tells the followers of all stores, or of all fences, that something was
// missed. The hub does not keep the stock, or events: they read it again.
func (h *Hub) newsLost(k kind) {
	for _, t := range h.followed(k) {
		t.mu.Lock()
		f := newFrame(t.quoted, typeHistoryGone, "", []byte("null"))
		for s := range t.subs {
			s.client.push(f)
		}
		t.mu.Unlock()
	}
}
