package orders

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/persist"
)

// errDatabase is what the fake database fails with.
var errDatabase = errors.New("the database is on fire")

// fakeDB is a persist.Orders in memory that fails when told to.
type fakeDB struct {
	mu     sync.Mutex
	fail   error
	refuse string // an order that it finds invalid
	orders map[string]persist.Order
	events map[string][]persist.OrderEvent
	puts   int // calls of PutOrder that wrote
}

var _ persist.Orders = (*fakeDB)(nil)

func newFakeDB() *fakeDB {
	return &fakeDB{orders: map[string]persist.Order{}, events: map[string][]persist.OrderEvent{}}
}

func (db *fakeDB) failWith(err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.fail = err
}

func (db *fakeDB) PutOrder(_ context.Context, o persist.Order, events []persist.OrderEvent) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.fail != nil {
		return db.fail
	}
	if o.ID == db.refuse {
		return persist.ErrInvalid
	}
	if err := persist.ValidateOrder(o, events); err != nil {
		return err
	}
	db.puts++
	if db.orders[o.ID].Version <= o.Version {
		db.orders[o.ID] = o
	}
	for _, e := range events {
		if !slices.ContainsFunc(db.events[o.ID], func(x persist.OrderEvent) bool { return x.Seq == e.Seq }) {
			db.events[o.ID] = append(db.events[o.ID], e)
		}
	}
	return nil
}

func (db *fakeDB) Order(_ context.Context, id string) (persist.Order, []persist.OrderEvent, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.fail != nil {
		return persist.Order{}, nil, db.fail
	}
	o, ok := db.orders[id]
	if !ok {
		return o, nil, persist.ErrNotFound
	}
	return o, slices.Clone(db.events[id]), nil
}

// rig is orders on the memory engine and a fake database, with a clock that
// stands still until it is moved.
type rig struct {
	*Orders
	engine cache.Engine
	db     *fakeDB
	clock  *clock
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{engine: enginetest.Memory(t), db: newFakeDB(), clock: &clock{t: time.UnixMilli(1_764_000_000_000)}}
	r.Orders = New(r.engine, r.db, Options{Now: r.clock.now})
	return r
}

// loseEngine replaces the engine by an empty one.
func (r *rig) loseEngine(t testing.TB) {
	t.Helper()
	r.engine = enginetest.Memory(t)
	r.Orders = New(r.engine, r.db, Options{Now: r.clock.now})
}

func someOrder() NewOrder {
	return NewOrder{
		ID: "56789", StoreID: "S1", CustomerID: "c1", ReservationID: "S1.r", DropLat: 12.97, DropLon: 77.6,
		Lines: []persist.Line{{ProductID: "product:101", Units: 2}},
	}
}

// place places someOrder.
func (r *rig) place(t testing.TB) {
	t.Helper()
	_, _, err := r.Create(t.Context(), someOrder())
	require.NoError(t, err)
}

// advance takes someOrder through states, the driver being d7 from accepted on.
func (r *rig) advance(t testing.TB, states ...Status) {
	t.Helper()
	for _, s := range states {
		r.clock.advance(time.Minute)
		_, _, err := r.Advance(t.Context(), "56789", AdvanceRequest{Status: s, DriverID: "d7"})
		require.NoError(t, err)
	}
}

// drain lets the outbox settle and empties it.
func (r *rig) drain(t testing.TB) int {
	t.Helper()
	r.clock.advance(settle)
	n, err := r.Drain(t.Context())
	require.NoError(t, err)
	return n
}

// requireField requires an error of a kind that names a field.
func requireField(t testing.TB, err, kind error, field string) {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *FieldError
	require.ErrorAs(t, err, &e)
	require.Equal(t, field, e.Field)
	require.True(t, e.Detail != "" && strings.Contains(err.Error(), field))
}
