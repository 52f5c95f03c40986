package inventory

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/memory"
	"hyperlocal/persist"
)

func (r rig) ledger(t testing.TB) []persist.Movement {
	t.Helper()
	ms, err := r.db.Movements(t.Context(), "S1", 0, 1<<20)
	require.NoError(t, err)
	return ms
}

func TestDrain(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5), line("2", 5))
	res := r.reserve(t, line("1", 2))
	waiting, err := r.undrained(t.Context(), "S1", 0)
	require.NoError(t, err)
	require.Len(t, waiting, 3)

	n, err := r.Drain(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, waiting, r.ledger(t))
	left, err := r.engine.XLen(t.Context(), keyMovements("S1"))
	require.NoError(t, err)
	require.Zero(t, left)
	r.requireSound(t)

	_, err = r.Commit(t.Context(), res.ID) // numbering goes on after the stream was emptied
	require.NoError(t, err)
	r.requireSound(t)
	n, err = r.Drain(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, persist.Movement{
		StoreID: "S1", Seq: 4, TS: r.clock.now().UnixMilli(), Kind: "commit",
		ProductID: "product:1", Reserved: -2, Reference: res.ID,
	}, r.ledger(t)[3])
	r.requireSound(t)
	require.Equal(t, Stats{Drained: 4}, r.Stats())
}

func TestDrainWhileTheDatabaseIsGone(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5))
	r.db.fail(true)
	r.clock.advance(time.Minute)
	for i := range 3 {
		r.receive(t, line("1", 1)) // stock goes on
		n, err := r.Drain(t.Context())
		require.ErrorIs(t, err, errDatabase)
		require.Zero(t, n)
		require.Equal(t, Stats{DrainFailures: int64(i + 1), DrainLag: time.Minute}, r.Stats())
	}
	r.clock.advance(time.Minute)
	require.Equal(t, 2*time.Minute, r.Stats().DrainLag, "the lag grows between passes too")
	r.db.fail(false)
	n, err := r.Drain(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.Zero(t, r.Stats().DrainLag)
	r.requireStock(t, "product:1", 8, 0)
	r.requireSound(t)
}

func TestDrainTakesMoreThanAPass(t *testing.T) {
	r := newRig(t)
	for range 3*drainStore/2 + 1 {
		r.receive(t, line("1", 1), line("2", 1), line("3", 1), line("4", 1))
	}
	n, err := r.Drain(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4*(3*drainStore/2+1), n)
	for i, m := range r.ledger(t) {
		require.Equal(t, int64(i+1), m.Seq)
	}
	r.requireSound(t)
}

// hooked is an engine of which single calls fail.
type hooked struct {
	cache.Engine
	trimmed, set error
}

func (h *hooked) Durable(cache.Durability) cache.Engine { return h }

func (h *hooked) XTrim(ctx context.Context, key string, trim cache.Trim) (int64, error) {
	if h.trimmed != nil {
		return 0, h.trimmed
	}
	return h.Engine.XTrim(ctx, key, trim)
}

func (h *hooked) Run(ctx context.Context, s *cache.Script, keys, args []string) (cache.Value, error) {
	if h.set != nil && s == cache.SetScript {
		return cache.Value{}, h.set
	}
	return h.Engine.Run(ctx, s, keys, args)
}

// Between the ledger's write and the stream's the process dies, or the engine
// does: the next pass writes the same rows once more.
func TestDrainIsRepeatable(t *testing.T) {
	r := newRig(t)
	h := &hooked{Engine: r.engine, trimmed: errors.New("gone")}
	inv := New(h, r.db, Options{Now: r.clock.now})
	r.receive(t, line("1", 5))
	_, err := inv.Drain(t.Context())
	require.ErrorIs(t, err, h.trimmed)
	require.Len(t, r.ledger(t), 1)
	r.requireSound(t) // what is in both counts once
	r.receive(t, line("1", 1))
	r.requireSound(t)
	h.trimmed = nil
	n, err := inv.Drain(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Len(t, r.ledger(t), 2)
	r.requireSound(t)
}

func TestLedgerGetsOnlyWhatIsDurable(t *testing.T) {
	r := newRig(t)
	h := &hooked{Engine: r.engine, set: cache.ErrNotDurable}
	r.receive(t, line("1", 5))
	_, err := New(h, r.db, Options{Now: r.clock.now}).Drain(t.Context())
	require.ErrorIs(t, err, cache.ErrNotDurable)
	require.Zero(t, r.db.appends)
}

// A stream that somebody has written to by hand stops its own store, no other.
func TestDrainGoesAroundABrokenStream(t *testing.T) {
	for name, fields := range map[string][]cache.Field{
		"foreign":     {{Name: "x", Value: "y"}},
		"no number":   {{Name: fieldTS, Value: "1"}, {Name: fieldProduct, Value: "p"}, {Name: fieldAvailable, Value: "many"}},
		"no reserved": {{Name: fieldReserved, Value: ""}},
		"no time":     {{Name: fieldTS, Value: "now"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			_, err := r.PutStore(t.Context(), persist.DarkStore{ID: "A", Name: "first in order"})
			require.NoError(t, err)
			_, err = r.engine.XAdd(t.Context(), keyMovements("A"), "1-0", cache.Trim{}, fields...)
			require.NoError(t, err)
			r.receive(t, line("1", 5))
			n, err := r.Drain(t.Context())
			require.ErrorIs(t, err, errBadMovement)
			require.ErrorContains(t, err, "store A")
			require.Equal(t, 1, n)
			require.Len(t, r.ledger(t), 1)
		})
	}
}

func TestRunDrainer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, err := memory.Open(memory.Options{})
		require.NoError(t, err)
		defer engine.Close()
		db := newFakeDB()
		inv := New(engine, db, Options{})
		require.NoError(t, inv.ImportProducts(t.Context(), []persist.Product{{ID: "p"}}))
		_, err = inv.PutStore(t.Context(), persist.DarkStore{ID: "S1", Name: "x"})
		require.NoError(t, err)
		_, err = inv.Move(t.Context(), "S1", MoveRequest{Kind: Receive, Lines: []persist.Line{{ProductID: "p", Units: 1}}})
		require.NoError(t, err)

		db.fail(true)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { inv.RunDrainer(ctx, time.Second); close(ended) }()
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, Stats{DrainFailures: 3, DrainLag: 3500 * time.Millisecond}, inv.Stats())
		db.fail(false)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, Stats{Drained: 1, DrainFailures: 3}, inv.Stats())
		cancel()
		<-ended
	})
}
