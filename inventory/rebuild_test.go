package inventory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/enginetest"
	"hyperlocal/persist"
)

// The engine is lost, the ledger is not: the stock is back, and so are the
// reservations that were open, which can be sold or given back.
func TestRebuild(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 10), line("2", 10))
	sold, dropped := r.reserve(t, line("1", 1)), r.reserve(t, line("1", 1))
	open, forgotten := r.reserve(t, line("1", 3), line("2", 2)), r.reserve(t, line("2", 1))
	_, err := r.Commit(t.Context(), sold.ID)
	require.NoError(t, err)
	_, err = r.Release(t.Context(), dropped.ID)
	require.NoError(t, err)
	_, err = r.Drain(t.Context())
	require.NoError(t, err)

	r.engine = enginetest.Memory(t)
	r.Inventory = New(r.engine, r.db, Options{Now: r.clock.now})
	require.NoError(t, r.Load(t.Context()))
	r.requireStock(t, "product:1", 6, 3)
	r.requireStock(t, "product:2", 7, 3)
	r.requireSound(t)

	got, err := r.Commit(t.Context(), open.ID)
	require.NoError(t, err)
	require.Equal(t, open.Lines, got.Lines)
	require.Equal(t, open.OrderID, got.OrderID)
	_, err = r.Commit(t.Context(), sold.ID)
	require.ErrorIs(t, err, ErrNotFound)
	r.clock.advance(DefaultTTL)
	n, err := r.ExpireDue(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = r.Commit(t.Context(), forgotten.ID)
	require.ErrorIs(t, err, ErrReservationClosed)
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
	open := r.reserve(t, line("1", 4))
	require.ErrorIs(t, r.Restore(t.Context(), "S1"), ErrUndrained)
	_, err := r.Drain(t.Context())
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

func TestCheckFindsWhatDoesNotAddUp(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 10), line("2", 10))
	_, err := r.Drain(t.Context())
	require.NoError(t, err)
	r.reserve(t, line("1", 4))
	_, err = r.engine.HIncrBy(t.Context(), keyStock("S1"), "product:1", 1)
	require.NoError(t, err)
	_, err = r.engine.HIncrBy(t.Context(), keyReserved("S1"), "product:2", 2)
	require.NoError(t, err)
	_, err = r.engine.HDel(t.Context(), keyStock("S1"), "product:3")
	require.NoError(t, err)
	differ, err := r.Check(t.Context(), "S1")
	require.NoError(t, err)
	require.Equal(t, []Discrepancy{
		{ProductID: "product:1", Live: Levels{7, 4}, Recorded: Levels{6, 4}},
		{ProductID: "product:2", Live: Levels{10, 2}, Recorded: Levels{10, 0}},
	}, differ)
	_, err = r.Check(t.Context(), "nowhere")
	require.ErrorIs(t, err, ErrUnknownStore)
	r.db.fail(true)
	_, err = r.Check(t.Context(), "S1")
	require.ErrorIs(t, err, errDatabase)
}

// Movements come, are drained and leave while Check looks: it never cries wolf.
func TestCheckWhileStockMoves(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 1000))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_, err := r.Move(t.Context(), "S1", MoveRequest{Kind: Waste, Lines: []persist.Line{line("1", 1)}})
			if err == nil && i%3 == 0 {
				_, err = r.Drain(t.Context())
			}
			if err != nil {
				return // out of stock
			}
		}
	}()
	for deadline := time.Now().Add(100 * time.Millisecond); time.Now().Before(deadline); {
		differ, err := r.Check(t.Context(), "S1")
		if err != nil {
			require.ErrorIs(t, err, ErrBusy)
		}
		require.Empty(t, differ)
	}
	close(stop)
	<-done
	r.requireSound(t)
}
