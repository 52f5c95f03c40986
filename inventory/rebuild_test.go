package inventory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// The engine is lost, the ledger is not: the stock is back, and so are the
// reservations that were open, which can be sold or given back.
func TestRebuild(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 10), line("2", 10))
	sold, dropped := r.reserve(t, line("1", 1)), r.reserve(t, line("1", 1))
	forgotten := r.reserve(t, line("2", 1))
	open, err := r.Reserve(t.Context(), "S1", ReserveRequest{OrderID: "o2", Lines: []persist.Line{line("2", 2), line("1", 3)}, TTL: MaxTTL})
	require.NoError(t, err)
	_, err = r.Commit(t.Context(), sold.ID)
	require.NoError(t, err)
	_, err = r.Release(t.Context(), dropped.ID)
	require.NoError(t, err)
	_, err = r.Drain(t.Context())
	require.NoError(t, err)

	r.clock.advance(DefaultTTL - time.Second)
	r = r.loseEngine(t)
	require.NoError(t, r.Load(t.Context()))
	r.requireStock(t, "product:1", 6, 3)
	r.requireStock(t, "product:2", 7, 3)
	r.requireSound(t)

	for id, end := range map[string]error{sold.ID: nil, dropped.ID: ErrReservationClosed} { // as before
		_, err = r.Commit(t.Context(), id)
		require.ErrorIs(t, err, end)
	}
	ttl, err := r.engine.TTL(t.Context(), keyReservation("S1", sold.ID))
	require.NoError(t, err)
	require.InDelta(t, keepClosed-DefaultTTL, ttl, float64(time.Minute))
	r.clock.advance(time.Second)
	n, err := r.ExpireDue(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n, "at the time that it had before, and the other one not")
	_, err = r.Commit(t.Context(), forgotten.ID)
	require.ErrorIs(t, err, ErrReservationClosed)
	got, err := r.Reservation(t.Context(), open.ID)
	require.NoError(t, err)
	require.Equal(t, open, got)
	_, err = r.Commit(t.Context(), open.ID)
	require.NoError(t, err)
	r.requireStock(t, "product:1", 6, 0)
	r.requireStock(t, "product:2", 8, 0)
	_, err = r.Drain(t.Context())
	require.NoError(t, err)
	r.requireSound(t)
}

func TestRebuildLeavesLiveStockAlone(t *testing.T) {
	r := newRig(t)
	done, err := r.Rebuild(t.Context(), "S1")
	require.NoError(t, err)
	require.False(t, done, "nothing to rebuild from")
	r.receive(t, line("1", 10))
	_, err = r.Drain(t.Context())
	require.NoError(t, err)
	r.receive(t, line("1", 1)) // the ledger does not have this
	done, err = r.Rebuild(t.Context(), "S1")
	require.NoError(t, err)
	require.False(t, done)
	r.requireStock(t, "product:1", 11, 0)
}

// What the engine says wrongly is replaced by what the ledger says.
func TestRestore(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 10))
	require.ErrorIs(t, r.Restore(t.Context(), "S1"), ErrNoLedger, "all would be lost")
	_, err := r.Drain(t.Context())
	require.NoError(t, err)
	open := r.reserve(t, line("1", 4))
	require.ErrorIs(t, r.Restore(t.Context(), "S1"), ErrUndrained)
	r.requireStock(t, "product:1", 6, 4)
	_, err = r.Drain(t.Context())
	require.NoError(t, err)
	_, err = r.engine.HIncrBy(t.Context(), keyStock("S1"), "product:1", 5)
	require.NoError(t, err)
	_, err = r.engine.HIncrBy(t.Context(), keyStock("S1"), "product:2", 5)
	require.NoError(t, err)

	require.NoError(t, r.Restore(t.Context(), "S1"))
	r.requireStock(t, "product:1", 6, 4)
	r.requireSound(t)
	got, err := r.Release(t.Context(), open.ID)
	require.NoError(t, err)
	require.Equal(t, open.OrderID, got.OrderID)
	r.requireStock(t, "product:1", 10, 0)
	_, err = r.Drain(t.Context())
	require.NoError(t, err)
	r.requireSound(t)
}

// Somebody sells while Restore is at work: it leaves all as it is, whether the ledger
// has the sale by then or not.
func TestRestoreDoesNothingIfStockMoves(t *testing.T) {
	for _, drains := range []bool{false, true} {
		r := newRig(t)
		r.receive(t, line("1", 10))
		_, err := r.Drain(t.Context())
		require.NoError(t, err)
		h := &hooked{Engine: r.engine, before: func(s *cache.Script) {
			if s != rebuildScript {
				return
			}
			r.receive(t, line("1", 1))
			if drains {
				_, err := r.Drain(t.Context())
				require.NoError(t, err)
			}
		}}
		err = New(h, r.db, Options{Now: r.clock.now}).Restore(t.Context(), "S1")
		require.ErrorIs(t, err, ErrBusy)
		r.requireStock(t, "product:1", 11, 0)
		r.requireSound(t)
	}
}

// The last movements never reached the ledger, so the engine is ahead of it. Their
// numbers are given again.
func TestRestoreAfterTheLedgerLostMovements(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 10))
	_, err := r.Drain(t.Context())
	require.NoError(t, err)
	r.receive(t, line("1", 1))
	_, err = r.engine.XTrim(t.Context(), keyMovements("S1"), cache.Trim{MinID: "9-0"})
	require.NoError(t, err)
	found, err := r.Check(t.Context(), "S1")
	require.NoError(t, err)
	require.Equal(t, []Span{{2, 2}}, found.MissingSpans)
	require.NoError(t, r.Restore(t.Context(), "S1"))
	r.receive(t, line("1", 1))
	r.requireStock(t, "product:1", 11, 0)
	_, err = r.Drain(t.Context())
	require.NoError(t, err)
	r.requireSound(t)
}

// The server died after a movement was in the ledger and before its reservation's
// row was, and the engine is lost: the ledger decides, and the rows follow.
func TestRebuildPutsRowsRight(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 10))
	open, sold, long := r.reserve(t, line("1", 1)), r.reserve(t, line("1", 2)), r.reserve(t, line("1", 4))
	_, err := r.Drain(t.Context())
	require.NoError(t, err)
	delete(r.db.reservations, open.ID)
	before := r.db.reservations[sold.ID]
	_, err = r.Commit(t.Context(), sold.ID)
	require.NoError(t, err)
	_, err = r.Drain(t.Context())
	require.NoError(t, err)
	after := r.db.reservations[sold.ID]
	r.db.reservations[sold.ID] = before
	found, err := r.Check(t.Context(), "S1")
	require.NoError(t, err)
	require.ElementsMatch(t, []Contradiction{
		{open.ID, "is open by its movements, the database does not have it"},
		{sold.ID, "is open in the database, closed by its movements"},
	}, found.Reservations)

	r.clock.advance(time.Second)
	r = r.loseEngine(t)
	require.NoError(t, r.Load(t.Context()))
	require.Equal(t, after, r.db.reservations[sold.ID])
	require.Equal(t, persist.Reservation{
		StoreID: "S1", ID: open.ID, Seq: 2, OrderID: open.OrderID, State: "open", Lines: open.Lines,
		CreatedTS: r.clock.now().Add(-time.Second).UnixMilli(), ExpiresTS: r.clock.now().Add(DefaultTTL).UnixMilli(),
	}, r.db.reservations[open.ID])
	got, err := r.Reservation(t.Context(), long.ID)
	require.NoError(t, err)
	require.Equal(t, long, got)
	r.requireStock(t, "product:1", 3, 5)
	r.requireSound(t)
}
