package inventory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

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
	found, err := r.Check(t.Context(), "S1")
	require.NoError(t, err)
	require.Equal(t, Findings{Products: []Discrepancy{
		{ProductID: "product:1", Live: Levels{7, 4}, Recorded: Levels{6, 4}},
		{ProductID: "product:2", Live: Levels{10, 2}, Recorded: Levels{10, 0}},
	}}, found)
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
			res, err := r.Reserve(t.Context(), "S1", ReserveRequest{OrderID: "o", Lines: []persist.Line{line("1", 1)}})
			if err == nil && i%2 == 0 {
				_, err = r.Commit(t.Context(), res.ID)
			}
			if err == nil && i%3 == 0 {
				_, err = r.Drain(t.Context())
			}
			if err != nil {
				return // out of stock
			}
		}
	}()
	for deadline := time.Now().Add(100 * time.Millisecond); time.Now().Before(deadline); {
		found, err := r.Check(t.Context(), "S1")
		if err != nil {
			require.ErrorIs(t, err, ErrBusy)
		}
		require.Zero(t, found)
	}
	close(stop)
	<-done
	r.requireSound(t)
}

// What is told of a reservation that engine, movements and database do not agree on.
func TestCheckFindsLostReservations(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*testing.T, rig, Reservation) error
		says  string
	}{
		"its turn to expire is lost": {func(t *testing.T, r rig, res Reservation) error {
			_, err := r.engine.ZRem(t.Context(), keyExpiring("S1"), res.ID)
			return err
		}, "is open by its movements, not in the engine"},
		"its hash is lost": {func(t *testing.T, r rig, res Reservation) error {
			_, err := r.engine.Del(t.Context(), keyReservation("S1", res.ID))
			return err
		}, `is due to expire in the engine, where its state is ""`},
		"its units are others": {func(t *testing.T, r rig, res Reservation) error {
			_, err := r.engine.HSet(t.Context(), keyReservation("S1", res.ID), cache.Field{Name: fieldLines, Value: "product:1 1"})
			return err
		}, "has product:1 1 in the engine, product:1 4 by its movements"},
		"its turn is another": {func(t *testing.T, r rig, res Reservation) error {
			_, err := r.engine.ZAdd(t.Context(), keyExpiring("S1"), cache.Member{Name: res.ID, Score: float64(res.ExpiresTS - 1000)})
			return err
		}, "expires at 2025-11-24T16:01:00Z, its turn is at 2025-11-24T16:00:59Z"},
		"its row is lost": {func(_ *testing.T, r rig, res Reservation) error {
			delete(r.db.reservations, res.ID)
			return nil
		}, "is open by its movements, the database does not have it"},
		"its row is closed": {func(_ *testing.T, r rig, res Reservation) error {
			row := r.db.reservations[res.ID]
			row.ClosedTS = r.clock.now().UnixMilli()
			r.db.reservations[res.ID] = row
			return nil
		}, "is closed in the database, open by its movements"},
		"its row ends at another time": {func(_ *testing.T, r rig, res Reservation) error {
			row := r.db.reservations[res.ID]
			row.ExpiresTS += 60_000
			r.db.reservations[res.ID] = row
			return nil
		}, "ends at 2025-11-24T16:02:00Z in the database, at 2025-11-24T16:01:00Z in the engine"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.receive(t, line("1", 10))
			res := r.reserve(t, line("1", 4))
			_, err := r.Drain(t.Context())
			require.NoError(t, err)
			r.reserve(t, line("1", 1)) // its row is on its way
			r.requireSound(t)
			require.NoError(t, c.spoil(t, r, res))
			found, err := r.Check(t.Context(), "S1")
			require.NoError(t, err)
			require.Contains(t, found.Reservations, Contradiction{res.ID, c.says})
			require.Empty(t, found.Products)

			if name == "its row is closed" { // a row of the same movement stays: nobody but a hand makes one
				return
			}
			_, err = r.Drain(t.Context())
			require.NoError(t, err)
			require.NoError(t, r.Restore(t.Context(), "S1"))
			r.requireSound(t)
			_, err = r.Release(t.Context(), res.ID)
			require.NoError(t, err)
			r.requireStock(t, "product:1", 9, 1)
		})
	}
	t.Run("the engine has one of its own", func(t *testing.T) {
		r := newRig(t)
		_, err := r.engine.ZAdd(t.Context(), keyExpiring("S1"), cache.Member{Name: "S1.x", Score: 1})
		require.NoError(t, err)
		found, err := r.Check(t.Context(), "S1")
		require.NoError(t, err)
		require.Equal(t, []Contradiction{{"S1.x", "is open in the engine, not by its movements"}}, found.Reservations)
	})
}

// A pair that comes to nothing is missed by its numbers, and so is what the engine
// has forgotten.
func TestCheckCountsMovements(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 10))
	res := r.reserve(t, line("1", 4))
	_, err := r.Release(t.Context(), res.ID)
	require.NoError(t, err)
	r.receive(t, line("1", 1))
	_, err = r.Drain(t.Context())
	require.NoError(t, err)
	r.receive(t, line("1", 1))
	r.requireSound(t)

	delete(r.db.movements["S1"], 2)
	delete(r.db.movements["S1"], 3)
	_, err = r.engine.XTrim(t.Context(), keyMovements("S1"), cache.Trim{MinID: "6-0"})
	require.NoError(t, err)
	found, err := r.Check(t.Context(), "S1")
	require.NoError(t, err)
	require.Equal(t, int64(3), found.Missing)
	require.Equal(t, []Span{{2, 3}, {5, 5}}, found.MissingSpans)

	r.db.movements["S1"][9] = persist.Movement{StoreID: "S1", Seq: 9, ProductID: "product:1"}
	found, err = r.Check(t.Context(), "S1")
	require.NoError(t, err)
	require.Equal(t, int64(4), found.Ahead)
	require.False(t, found.None())
}
