package storetest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"hyperlocal/persist"
)

// memory is a persist.Store on top of the model: what the suite takes for right
// must itself pass the suite.
type memory struct {
	*database
	closed bool
}

// database is what the handles of one memory share.
type database struct {
	mu sync.Mutex
	m  *model
}

func newDatabase() *database { return &database{m: newModel()} }

func (d *database) open() *memory { return &memory{database: d} }

// call does fn alone, unless the handle is closed or ctx done.
func (s *memory) call(ctx context.Context, fn func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch err := ctx.Err(); {
	case s.closed:
		return persist.ErrUnavailable
	case err == context.DeadlineExceeded:
		return fmt.Errorf("%w: %w", persist.ErrUnavailable, err)
	case err != nil:
		return err
	}
	fn()
	return nil
}

func (s *memory) Ping(ctx context.Context) error { return s.call(ctx, func() {}) }

func (s *memory) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *memory) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	if err := persist.ValidateAll(rows); err != nil {
		return err
	}
	return s.call(ctx, func() { s.m.writeTracks(rows) })
}

func (s *memory) TrackRows(ctx context.Context, driver string, from, to int64) (rows []persist.TrackRow, err error) {
	err = s.call(ctx, func() { rows = s.m.trackRows(driver, from, to) })
	return rows, err
}

func (s *memory) BucketRows(ctx context.Context, zone string, start int64, driver string) (rows []persist.TrackRow, err error) {
	err = s.call(ctx, func() { rows = s.m.bucketRows(zone, start, driver) })
	return rows, err
}

func (s *memory) AppendMovements(ctx context.Context, ms []persist.Movement) error {
	if err := persist.ValidateAll(ms); err != nil {
		return err
	}
	return s.call(ctx, func() { s.m.appendMovements(ms) })
}

func (s *memory) Movements(ctx context.Context, store string, after int64, limit int) (ms []persist.Movement, err error) {
	err = s.call(ctx, func() { ms = s.m.ledger(store, after, max(limit, 0)) })
	return ms, err
}

func (s *memory) PutReservations(ctx context.Context, rs []persist.Reservation) error {
	if err := persist.ValidateAll(rs); err != nil {
		return err
	}
	return s.call(ctx, func() { s.m.putReservations(rs) })
}

func (s *memory) Reservations(ctx context.Context, store string, closedSince int64) (rs []persist.Reservation, err error) {
	err = s.call(ctx, func() { rs = s.m.reservationsOf(store, closedSince) })
	return rs, err
}

func (s *memory) PutOrder(ctx context.Context, o persist.Order, events []persist.OrderEvent) error {
	if err := persist.ValidateOrder(o, events); err != nil {
		return err
	}
	return s.call(ctx, func() { s.m.putOrder(o, events) })
}

func (s *memory) Order(ctx context.Context, id string) (o persist.Order, events []persist.OrderEvent, err error) {
	var found bool
	err = s.call(ctx, func() {
		o, found = s.m.orders[id]
		events = s.m.history(id)
	})
	if err == nil && !found {
		err = persist.ErrNotFound
	}
	return o, events, err
}

func (s *memory) PutProducts(ctx context.Context, ps []persist.Product) error {
	if err := persist.ValidateAll(ps); err != nil {
		return err
	}
	return s.call(ctx, func() {
		for _, p := range ps {
			s.m.products[p.ID] = p
		}
	})
}

func (s *memory) ProductsByID(ctx context.Context, ids []string) (ps []persist.Product, err error) {
	err = s.call(ctx, func() {
		for _, id := range ids {
			if p, ok := s.m.products[id]; ok {
				ps = append(ps, p)
			}
		}
	})
	return ps, err
}

func (s *memory) Products(ctx context.Context, after string, limit int) (ps []persist.Product, err error) {
	err = s.call(ctx, func() {
		ps = sorted(s.m.products, func(p persist.Product) bool { return p.ID > after },
			func(a, b persist.Product) int { return strings.Compare(a.ID, b.ID) })
		ps = ps[:min(max(limit, 0), len(ps))]
	})
	return ps, err
}

func (s *memory) PutDarkStores(ctx context.Context, ss []persist.DarkStore) error {
	if err := persist.ValidateAll(ss); err != nil {
		return err
	}
	return s.call(ctx, func() {
		for _, d := range ss {
			s.m.stores[d.ID] = d
		}
	})
}

func (s *memory) DarkStores(ctx context.Context) (ss []persist.DarkStore, err error) {
	err = s.call(ctx, func() {
		ss = sorted(s.m.stores, func(persist.DarkStore) bool { return true },
			func(a, b persist.DarkStore) int { return cmp.Compare(a.ID, b.ID) })
	})
	return ss, err
}

func (s *memory) ScanTracks(ctx context.Context, from, to int64, fn func([]persist.TrackRow, float64) error) error {
	var rows []persist.TrackRow
	err := s.call(ctx, func() { rows = s.m.allTracks(from, to) })
	if err == nil && len(rows) > 0 {
		err = fn(rows, 0)
	}
	return err
}

func (s *memory) ScanOrders(ctx context.Context, fn func(persist.Order, []persist.OrderEvent) error) error {
	var ids []string
	err := s.call(ctx, func() { ids = slices.Sorted(maps.Keys(s.m.orders)) })
	for i := 0; err == nil && i < len(ids); i++ {
		var o persist.Order
		var events []persist.OrderEvent
		if o, events, err = s.Order(ctx, ids[i]); err == nil {
			err = fn(o, events)
		}
	}
	return err
}
