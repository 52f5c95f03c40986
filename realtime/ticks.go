package realtime

import (
	"context"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// pageSize is how many positions one question answers at most.
	pageSize = 2000
	// maxPages bounds the answers for one zone in one tick. What is left is
	// found by the next sweep, or when the drivers move again.
	maxPages = 25
	// sweepEvery is the time between two looks at all live drivers of a zone.
	// In between only recent fixes are looked for, which misses phones whose
	// clock is behind, or whose network is slower than Options.Lookback.
	sweepEvery = 5 * time.Second
)

// tickLoop asks who moved, once a tick, and at once for what is newly followed.
func (h *Hub) tickLoop(ctx context.Context) error {
	ticker := time.NewTicker(h.opts.Tick)
	defer ticker.Stop()
	out := outage{log: h.opts.Logger, what: "positions"}
	for {
		newOnly := false
		select {
		case <-ticker.C:
		case <-h.newTopics:
			newOnly = true
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := h.tick(ctx, newOnly); ctx.Err() == nil {
			out.report(err)
		}
	}
}

// tick brings the positions of what is followed up to date.
func (h *Hub) tick(ctx context.Context, newOnly bool) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, t := range h.followed(zoneKind) {
		if newOnly && t.zone.swept != 0 {
			continue
		}
		g.Go(func() error { return h.tickZone(ctx, t) })
	}
	h.tickDrivers(ctx, &g, newOnly)
	return g.Wait()
}

// tickZone merges who moved in a zone into its state. Fixes are asked for by
// the time they were taken, so the question reaches back some way, and what is
// known already falls out by its time.
func (h *Hub) tickZone(ctx context.Context, t *topic) error {
	now := h.opts.Now().UnixMilli()
	stale := now - h.opts.StaleAfter.Milliseconds()
	since := now - h.opts.Lookback.Milliseconds()
	sweep := now-t.zone.swept >= sweepEvery.Milliseconds()
	if sweep {
		since = stale
	}
	for page, cursor := 0, int64(0); page < maxPages; page++ {
		moved, next, err := h.positions.MovedSince(ctx, t.id, since, cursor, pageSize)
		if err != nil {
			return err
		}
		t.merge(moved)
		if next == 0 {
			break
		}
		cursor = next
	}
	if sweep {
		t.zone.swept = now
		t.settle(stale)
	}
	return nil
}

// merge takes positions in and marks the topic for its followers if one is
// news.
func (t *topic) merge(moved []Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := false
	for i := range moved {
		p := &moved[i]
		if t.state.put(p.DriverID, p.TS, p.appendJSON) {
			changed = true
		}
	}
	if changed {
		t.changed()
	}
}

// settle forgets drivers without a fix since stale, and acknowledges those who
// wait for the first state.
func (t *topic) settle(stale int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.prune(stale)
	if !t.loaded {
		t.loaded = true
		t.markAll()
	}
}

// tickDrivers asks for the positions of followed drivers and of those who bring
// followed orders.
func (h *Hub) tickDrivers(ctx context.Context, g *errgroup.Group, newOnly bool) {
	watched := map[string][]*topic{}
	for _, k := range []kind{driverKind, orderKind} {
		for _, t := range h.followed(k) {
			t.mu.Lock()
			if d := t.driver(); d != "" && !(newOnly && t.loaded) {
				watched[d] = append(watched[d], t)
			}
			t.mu.Unlock()
		}
	}
	ids := slices.Collect(maps.Keys(watched))
	for page := range slices.Chunk(ids, pageSize) {
		g.Go(func() error { return h.locate(ctx, page, watched) })
	}
}

// driver is whose position the topic tells, if anyone's. The caller holds t.mu.
func (t *topic) driver() string {
	if t.kind == orderKind {
		return t.order.driver
	}
	return t.id
}

// locate asks where drivers are and tells the topics that watch them.
func (h *Hub) locate(ctx context.Context, drivers []string, watched map[string][]*topic) error {
	found, err := h.positions.Positions(ctx, drivers)
	if err != nil {
		return err
	}
	stale := h.opts.Now().Add(-h.opts.StaleAfter).UnixMilli()
	for i := range found {
		p := &found[i]
		if p.TS < stale {
			continue
		}
		for _, t := range watched[p.DriverID] {
			t.place(p)
		}
	}
	for _, id := range drivers {
		for _, t := range watched[id] {
			t.settle(stale) // nowhere is an answer, too
		}
	}
	return nil
}

// place takes in where the topic's driver is.
func (t *topic) place(p *Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.driver() != p.DriverID {
		return // the order was given to another meanwhile
	}
	if t.state.put(p.DriverID, p.TS, p.appendJSON) {
		t.changed()
	}
}
