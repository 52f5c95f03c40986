package inventory

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
	"hyperlocal/persist"
)

func (r rig) reserve(t testing.TB, lines ...persist.Line) Reservation {
	t.Helper()
	res, err := r.Reserve(t.Context(), "S1", ReserveRequest{OrderID: "o1", Lines: lines, TTL: time.Minute})
	require.NoError(t, err)
	return res
}

func TestReserveCommit(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5), line("2", 5))
	res := r.reserve(t, line("1", 2), line("2", 1), line("1", 1))
	require.True(t, strings.HasPrefix(res.ID, "S1."))
	require.Equal(t, Reservation{
		ID: res.ID, StoreID: "S1", OrderID: "o1", State: Open,
		Lines:     []persist.Line{line("1", 3), line("2", 1)},
		ExpiresTS: r.clock.now().Add(time.Minute).UnixMilli(),
	}, res)
	r.requireStock(t, "product:1", 2, 3)
	r.requireStock(t, "product:2", 4, 1)

	read, err := r.other(t).Reservation(t.Context(), res.ID)
	require.NoError(t, err)
	require.Equal(t, res, read)

	sold := res
	sold.State = Committed
	for range 2 { // twice is fine, and sells once
		got, err := r.Commit(t.Context(), res.ID)
		require.NoError(t, err)
		require.Equal(t, sold, got)
		r.requireStock(t, "product:1", 2, 0)
		r.requireSound(t)
	}
	got, err := r.Release(t.Context(), res.ID)
	require.ErrorIs(t, err, ErrReservationClosed)
	require.Equal(t, sold, got)
	var closed *ClosedError
	require.ErrorAs(t, err, &closed)
	require.Equal(t, ClosedError{ReservationID: res.ID, State: Committed}, *closed)
}

func TestReserveRelease(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5))
	res := r.reserve(t, line("1", 5))
	for range 2 {
		got, err := r.Release(t.Context(), res.ID)
		require.NoError(t, err)
		require.Equal(t, Released, got.State)
		r.requireStock(t, "product:1", 5, 0)
	}
	_, err := r.Commit(t.Context(), res.ID)
	require.ErrorIs(t, err, ErrReservationClosed)
	r.requireSound(t)
}

func TestReserveAllOrNothing(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5), line("2", 1))
	_, err := r.Reserve(t.Context(), "S1", ReserveRequest{OrderID: "o1", Lines: []persist.Line{line("1", 3), line("2", 2), line("1", 3)}})
	var short *ShortageError
	require.ErrorAs(t, err, &short)
	require.Equal(t, []Shortage{{"product:1", 6, 5}, {"product:2", 2, 1}}, short.Shortages)
	r.requireStock(t, "product:1", 5, 0)
	r.requireStock(t, "product:2", 1, 0)
	r.requireSound(t)
}

func TestReserveIsIdempotent(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5))
	req := ReserveRequest{OrderID: "o1", Lines: []persist.Line{line("1", 2)}, IdempotencyKey: "k"}
	first, err := r.Reserve(t.Context(), "S1", req)
	require.NoError(t, err)
	r.clock.advance(time.Second)
	again, err := r.other(t).Reserve(t.Context(), "S1", req)
	require.NoError(t, err)
	require.Equal(t, first, again)
	r.requireStock(t, "product:1", 3, 2)

	other := req
	other.OrderID = "o2"
	_, err = r.Reserve(t.Context(), "S1", other)
	require.ErrorIs(t, err, ErrConflict)

	_, err = r.Commit(t.Context(), first.ID)
	require.NoError(t, err)
	again, err = r.Reserve(t.Context(), "S1", req)
	require.NoError(t, err)
	require.Equal(t, Committed, again.State, "as it is by then")
	r.requireStock(t, "product:1", 3, 0)
}

func TestReservationExpires(t *testing.T) {
	t.Run("at a commit that comes too late", func(t *testing.T) {
		r := newRig(t)
		r.receive(t, line("1", 5))
		res := r.reserve(t, line("1", 2))
		r.clock.advance(time.Minute - time.Millisecond)
		got, err := r.Reservation(t.Context(), res.ID)
		require.NoError(t, err)
		require.Equal(t, Open, got.State)
		r.clock.advance(time.Millisecond)
		got, err = r.Reservation(t.Context(), res.ID)
		require.NoError(t, err)
		require.Equal(t, Expired, got.State, "even before its units are given back")

		got, err = r.Commit(t.Context(), res.ID)
		var closed *ClosedError
		require.ErrorAs(t, err, &closed)
		require.Equal(t, Expired, closed.State)
		require.Equal(t, Expired, got.State)
		r.requireStock(t, "product:1", 5, 0)
		n, err := r.ExpireDue(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
		r.requireSound(t)
	})
	t.Run("by the sweeper", func(t *testing.T) {
		r := newRig(t)
		r.receive(t, line("1", 5))
		due := r.reserve(t, line("1", 2))
		r.clock.advance(time.Second)
		kept := r.reserve(t, line("1", 1))
		r.clock.advance(time.Minute - time.Second)
		n, err := r.other(t).ExpireDue(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, n)
		r.requireStock(t, "product:1", 4, 1)
		_, err = r.Commit(t.Context(), due.ID)
		require.ErrorIs(t, err, ErrReservationClosed)
		_, err = r.Commit(t.Context(), kept.ID)
		require.NoError(t, err)
		r.requireSound(t)
	})
	t.Run("at a release", func(t *testing.T) {
		r := newRig(t)
		r.receive(t, line("1", 5))
		res := r.reserve(t, line("1", 2))
		r.clock.advance(time.Hour)
		got, err := r.Release(t.Context(), res.ID)
		require.NoError(t, err, "the units are back, which is what was asked for")
		require.Equal(t, Expired, got.State)
		r.requireStock(t, "product:1", 5, 0)
	})
	t.Run("more than a batch at once", func(t *testing.T) {
		r := newRig(t)
		r.receive(t, line("1", 1000))
		for range expireBatch + 10 {
			r.reserve(t, line("1", 1))
		}
		r.clock.advance(time.Hour)
		n, err := r.ExpireDue(t.Context())
		require.NoError(t, err)
		require.Equal(t, expireBatch+10, n)
		require.Equal(t, int64(expireBatch+10), r.Stats().Expired)
		r.requireStock(t, "product:1", 1000, 0)
		r.requireSound(t)
	})
}

func TestRunExpirer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, err := memory.Open(memory.Options{})
		require.NoError(t, err)
		defer engine.Close()
		db := newFakeDB()
		inv := newLoaded(t, engine, db, Options{})
		require.NoError(t, inv.ImportProducts(t.Context(), []persist.Product{{ID: "p"}}))
		_, err = inv.PutStore(t.Context(), persist.DarkStore{ID: "S1", Name: "x"})
		require.NoError(t, err)
		_, err = inv.Move(t.Context(), "S1", MoveRequest{Kind: Receive, Lines: []persist.Line{{ProductID: "p", Units: 1}}})
		require.NoError(t, err)
		_, err = inv.Reserve(t.Context(), "S1", ReserveRequest{OrderID: "o", TTL: 10 * time.Second, Lines: []persist.Line{{ProductID: "p", Units: 1}}})
		require.NoError(t, err)

		go inv.RunExpirer(t.Context(), time.Second)
		time.Sleep(10*time.Second - time.Millisecond)
		synctest.Wait()
		require.Zero(t, inv.Stats().Expired)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, int64(1), inv.Stats().Expired)
	})
}

// A closed reservation does not stay for ever, an open one must.
func TestReservationKeysAreBounded(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5))
	res := r.reserve(t, line("1", 2))
	key := keyReservation("S1", res.ID)
	ttl, err := r.engine.TTL(t.Context(), key)
	require.NoError(t, err)
	require.Negative(t, ttl)
	_, err = r.Release(t.Context(), res.ID)
	require.NoError(t, err)
	ttl, err = r.engine.TTL(t.Context(), key)
	require.NoError(t, err)
	require.InDelta(t, 24*time.Hour, ttl, float64(time.Minute))
	n, err := r.engine.ZCard(t.Context(), keyExpiring("S1"))
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = r.engine.HLen(t.Context(), keyReserved("S1"))
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestReserveRefuses(t *testing.T) {
	r := newRig(t)
	ok := []persist.Line{line("1", 1)}
	many := make([]persist.Line, MaxReservationLines+1)
	for i := range many {
		many[i] = line("1", 1)
	}
	for _, c := range []struct {
		name  string
		req   ReserveRequest
		kind  error
		field string
	}{
		{"no order", ReserveRequest{Lines: ok}, ErrInvalid, "order_id"},
		{"odd order", ReserveRequest{OrderID: "a b", Lines: ok}, ErrInvalid, "order_id"},
		{"no lines", ReserveRequest{OrderID: "o"}, ErrInvalid, "lines"},
		{"too many lines", ReserveRequest{OrderID: "o", Lines: many}, ErrInvalid, "lines"},
		{"negative units", ReserveRequest{OrderID: "o", Lines: []persist.Line{line("1", -1)}}, ErrInvalid, "lines[0].units"},
		{"unknown product", ReserveRequest{OrderID: "o", Lines: []persist.Line{line("x", 1)}}, ErrUnknownProduct, "lines[0].product_id"},
		{"short", ReserveRequest{OrderID: "o", Lines: ok, TTL: time.Millisecond}, ErrInvalid, "ttl_s"},
		{"negative", ReserveRequest{OrderID: "o", Lines: ok, TTL: -time.Minute}, ErrInvalid, "ttl_s"},
		{"long", ReserveRequest{OrderID: "o", Lines: ok, TTL: 25 * time.Hour}, ErrInvalid, "ttl_s"},
		{"odd key", ReserveRequest{OrderID: "o", Lines: ok, IdempotencyKey: "\x00"}, ErrInvalid, "Idempotency-Key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.Reserve(t.Context(), "S1", c.req)
			requireField(t, err, c.kind, c.field)
		})
	}
	_, err := r.Reserve(t.Context(), "nowhere", ReserveRequest{OrderID: "o", Lines: ok})
	require.ErrorIs(t, err, ErrUnknownStore)
}

func TestReservationNotFound(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{
		"", ".", "S1", "S1.", "S1.x", "S1}.0192d3a0-0000-7000-8000-000000000000",
		"S1.0192d3a0-0000-7000-8000-000000000000",
		"S1.{0192d3a0-0000-7000-8000-000000000000}",
	} {
		for _, ask := range []func() (Reservation, error){
			func() (Reservation, error) { return r.Reservation(t.Context(), id) },
			func() (Reservation, error) { return r.Commit(t.Context(), id) },
			func() (Reservation, error) { return r.Release(t.Context(), id) },
		} {
			_, err := ask()
			require.ErrorIs(t, err, ErrNotFound, "%q", id)
		}
	}
}

// Beyond the bound, stock is neither moved nor reserved, but what is reserved
// can still be sold or given back, and draining opens the way again.
func TestBacklogIsBounded(t *testing.T) {
	r := newRig(t)
	r.Inventory = newLoaded(t, r.engine, r.db, Options{Now: r.clock.now, MaxBacklog: 3})
	r.receive(t, line("1", 5))
	first, second := r.reserve(t, line("1", 1)), r.reserve(t, line("1", 1))
	_, err := r.Move(t.Context(), "S1", MoveRequest{Kind: Receive, Lines: []persist.Line{line("1", 1)}})
	require.ErrorIs(t, err, ErrBacklog)
	_, err = r.Reserve(t.Context(), "S1", ReserveRequest{OrderID: "o", Lines: []persist.Line{line("1", 1)}})
	require.ErrorIs(t, err, ErrBacklog)
	_, err = r.Commit(t.Context(), first.ID)
	require.NoError(t, err)
	_, err = r.Release(t.Context(), second.ID)
	require.NoError(t, err)
	_, err = r.Drain(t.Context())
	require.NoError(t, err)
	r.receive(t, line("1", 1))
	r.requireStock(t, "product:1", 5, 0)
	r.requireSound(t)
}
