package orders

import (
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

func TestCreate(t *testing.T) {
	r := newRig(t)
	sub, err := r.engine.Subscribe(t.Context(), Channel("56789"))
	require.NoError(t, err)
	defer sub.Close()
	now := r.clock.now().UnixMilli()
	order, events, err := r.Create(t.Context(), someOrder())
	require.NoError(t, err)
	require.Equal(t, persist.Order{
		ID: "56789", Status: "placed", Version: 1, StoreID: "S1", CustomerID: "c1", ReservationID: "S1.r",
		DropLat: 12.97, DropLon: 77.6, Lines: []persist.Line{{ProductID: "product:101", Units: 2}},
		CreatedTS: now, UpdatedTS: now,
	}, order)
	require.Equal(t, []persist.OrderEvent{{OrderID: "56789", Seq: 1, TS: now, Status: "placed"}}, events)
	require.JSONEq(t, `{"order_id":"56789","seq":1,"ts":1764000000000,"status":"placed"}`, (<-sub.C()).Payload)

	gotOrder, gotEvents, err := r.Get(t.Context(), "56789")
	require.NoError(t, err)
	require.Equal(t, order, gotOrder)
	require.Equal(t, events, gotEvents)
}

func TestCreateMakesAnID(t *testing.T) {
	r := newRig(t)
	n := someOrder()
	n.ID = ""
	one, _, err := r.Create(t.Context(), n)
	require.NoError(t, err)
	two, _, err := r.Create(t.Context(), n)
	require.NoError(t, err)
	require.NotEqual(t, one.ID, two.ID)
	id, err := uuid.Parse(one.ID)
	require.NoError(t, err)
	require.Equal(t, uuid.Version(7), id.Version())
}

func TestCreateIsIdempotent(t *testing.T) {
	byID, byKey := someOrder(), someOrder()
	byKey.ID, byKey.IdempotencyKey = "", "a key"
	for field, n := range map[string]NewOrder{"order_id": byID, "Idempotency-Key": byKey} {
		t.Run(field, func(t *testing.T) {
			r := newRig(t)
			first, events, err := r.Create(t.Context(), n)
			require.NoError(t, err)
			r.clock.advance(time.Second)
			again, eventsAgain, err := r.Create(t.Context(), n)
			require.NoError(t, err)
			require.Equal(t, first, again)
			require.Equal(t, events, eventsAgain)

			other := n
			other.Lines = []persist.Line{{ProductID: "product:101", Units: 3}}
			_, _, err = r.Create(t.Context(), other)
			requireField(t, err, ErrConflict, field)

			// By then it has moved on, has reached the database, and has left
			// the engine.
			_, _, err = r.Advance(t.Context(), first.ID, AdvanceRequest{Status: Cancelled})
			require.NoError(t, err)
			r.drain(t)
			r.loseEngine(t)
			again, _, err = r.Create(t.Context(), n)
			require.NoError(t, err)
			require.Equal(t, "cancelled", again.Status)
			_, _, err = r.Create(t.Context(), other)
			requireField(t, err, ErrConflict, field)
		})
	}
	t.Run("keys belong to a customer", func(t *testing.T) {
		r := newRig(t)
		one, _, err := r.Create(t.Context(), byKey)
		require.NoError(t, err)
		other := byKey
		other.CustomerID = "c2"
		two, _, err := r.Create(t.Context(), other)
		require.NoError(t, err)
		require.NotEqual(t, one.ID, two.ID)
	})
	t.Run("at the same time", func(t *testing.T) {
		r := newRig(t)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, events, err := r.Create(t.Context(), byKey); err != nil || len(events) != 1 {
					t.Error(err, events)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 1, r.drain(t))
	})
}

func TestCreateWithoutADatabase(t *testing.T) {
	r := newRig(t)
	r.db.failWith(persist.ErrUnavailable)
	r.place(t)
	_, _, err := r.Create(t.Context(), someOrder())
	require.NoError(t, err)
}

func TestCreateRefuses(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		field  string
		change func(*NewOrder)
	}{
		{"order_id", func(n *NewOrder) { n.ID = "a}b" }},
		{"order_id", func(n *NewOrder) { n.ID = strings.Repeat("x", 65) }},
		{"store_id", func(n *NewOrder) { n.StoreID = "" }},
		{"customer_id", func(n *NewOrder) { n.CustomerID = strings.Repeat("x", 65) }},
		{"customer_id", func(n *NewOrder) { n.CustomerID = "\xff" }},
		{"reservation_id", func(n *NewOrder) { n.ReservationID = strings.Repeat("x", 129) }},
		{"Idempotency-Key", func(n *NewOrder) { n.IdempotencyKey = strings.Repeat("x", 129) }},
		{"drop.lat", func(n *NewOrder) { n.DropLat = 91 }},
		{"drop.lat", func(n *NewOrder) { n.DropLat = math.NaN() }},
		{"drop.lon", func(n *NewOrder) { n.DropLon = -181 }},
		{"lines", func(n *NewOrder) { n.Lines = nil }},
		{"lines", func(n *NewOrder) { n.Lines = make([]persist.Line, 101) }},
		{"lines[0].product_id", func(n *NewOrder) { n.Lines = []persist.Line{{Units: 1}} }},
		{"lines[0].product_id", func(n *NewOrder) { n.Lines = []persist.Line{{ProductID: "\xff", Units: 1}} }},
		{"lines[1].units", func(n *NewOrder) { n.Lines = []persist.Line{{ProductID: "a", Units: 1}, {ProductID: "b", Units: -1}} }},
		{"lines[0].units", func(n *NewOrder) { n.Lines = []persist.Line{{ProductID: "a", Units: MaxUnits + 1}} }},
	} {
		n := someOrder()
		c.change(&n)
		_, _, err := r.Create(t.Context(), n)
		requireField(t, err, ErrInvalid, c.field)
	}
	r.db.failWith(errDatabase) // not merely away: something is wrong
	_, _, err := r.Create(t.Context(), someOrder())
	require.ErrorIs(t, err, errDatabase)
}

func TestCreateBacklogIsBounded(t *testing.T) {
	r := newRig(t)
	r.Orders = New(r.engine, r.db, Options{Now: r.clock.now, MaxBacklog: 1})
	r.place(t)
	n := someOrder()
	n.ID = "2"
	_, _, err := r.Create(t.Context(), n)
	require.ErrorIs(t, err, ErrBacklog)
	r.advance(t, Accepted) // what is there goes on
	r.drain(t)
	_, _, err = r.Create(t.Context(), n)
	require.NoError(t, err)
}
