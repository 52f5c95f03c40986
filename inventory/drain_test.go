package inventory

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/memory"
	"hyperlocal/internal/aside"
	"hyperlocal/persist"
)

func (r rig) ledger(t testing.TB) []persist.Movement {
	t.Helper()
	ms, err := r.db.Movements(t.Context(), "S1", 0, 1<<20)
	require.NoError(t, err)
	return ms
}

// waiting returns what waits in the stream of S1.
func (r rig) waiting(t testing.TB) []persist.Movement {
	t.Helper()
	b, err := r.undrained(t.Context(), "S1", 0)
	require.NoError(t, err)
	require.Empty(t, b.bad)
	return b.movements
}

func TestDrain(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5), line("2", 5))
	res := r.reserve(t, line("1", 2))
	waiting := r.waiting(t)
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

// hooked is an engine of which single calls fail, or have something happen before.
type hooked struct {
	cache.Engine
	trimmed, set error
	before       func(*cache.Script)
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
	if h.before != nil {
		h.before(s)
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

// A reservation's row has the state of its last movement, once the ledger has that.
func TestDrainWritesReservations(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5), line("2", 5))
	made := r.clock.now().UnixMilli()
	res := r.reserve(t, line("2", 1), line("1", 2))
	want := persist.Reservation{
		StoreID: "S1", ID: res.ID, Seq: 4, OrderID: res.OrderID, State: "open", Lines: res.Lines,
		CreatedTS: made, ExpiresTS: res.ExpiresTS,
	}
	require.Empty(t, r.db.reservations)
	_, err := r.Drain(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]persist.Reservation{res.ID: want}, r.db.reservations)

	for _, c := range []struct {
		settle func(context.Context, string) (Reservation, error)
		state  string
	}{{r.Commit, "committed"}, {r.Release, "released"}, {nil, "expired"}} {
		res := r.reserve(t, line("1", 1))
		r.clock.advance(time.Second)
		if c.settle == nil {
			r.clock.advance(time.Hour)
			_, err = r.ExpireDue(t.Context())
		} else {
			_, err = c.settle(t.Context(), res.ID)
		}
		require.NoError(t, err)
		_, err = r.Drain(t.Context())
		require.NoError(t, err)
		got := r.db.reservations[res.ID]
		require.Equal(t, c.state, got.State)
		require.Equal(t, r.clock.now().UnixMilli(), got.ClosedTS)
		require.Equal(t, res.ExpiresTS, got.ExpiresTS)
		r.requireSound(t)
	}
}

// poison are entries that no script writes.
var poison = map[string][]cache.Field{
	"foreign":     {{Name: "x", Value: "y"}},
	"no number":   {{Name: fieldTS, Value: "1"}, {Name: fieldProduct, Value: "p"}, {Name: fieldAvailable, Value: "many"}},
	"no reserved": {{Name: fieldReserved, Value: ""}},
	"no time":     {{Name: fieldTS, Value: "now"}},
	"no order": {{Name: fieldProduct, Value: "p"}, {Name: fieldKind, Value: kindReserve}, {Name: fieldReserved, Value: "1"},
		{Name: fieldLines, Value: "p 1"}},
}

// A stream that somebody has written to by hand stops its own store, no other.
func TestDrainGoesAroundABrokenStream(t *testing.T) {
	for name, fields := range poison {
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

// setAside returns the lines of a file of refused rows.
func setAside(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// What is no movement is set aside, and those behind it go on; then it is missed.
func TestDrainSetsAsideWhatIsNoMovement(t *testing.T) {
	for name, fields := range poison {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			path := filepath.Join(t.TempDir(), "movements.jsonl")
			r.Inventory = newLoaded(t, r.engine, r.db, Options{Now: r.clock.now, Aside: aside.New(path, 1<<20)})
			r.receive(t, line("1", 5))
			_, err := r.engine.HIncrBy(t.Context(), keyMeta("S1"), metaSeq, 1)
			require.NoError(t, err)
			_, err = r.engine.XAdd(t.Context(), keyMovements("S1"), "2-0", cache.Trim{}, fields...)
			require.NoError(t, err)
			r.receive(t, line("1", 5))
			n, err := r.Drain(t.Context())
			require.NoError(t, err)
			require.Equal(t, 2, n)
			require.Equal(t, Stats{Drained: 2, SetAside: 1}, r.Stats())
			require.Len(t, setAside(t, path), 1)
			require.Contains(t, setAside(t, path)[0], `"seq":2,"row_quoted":"\"{ID:2-0 Fields:`)
			found, err := r.Check(t.Context(), "S1")
			require.NoError(t, err)
			require.Equal(t, Findings{Missing: 1, MissingSpans: []Span{{2, 2}}}, found)
		})
	}
}

// A movement that the database refuses, and a reservation, are found and set aside.
func TestDrainSetsAsideWhatTheDatabaseRefuses(t *testing.T) {
	r := newRig(t)
	path := filepath.Join(t.TempDir(), "movements.jsonl")
	r.Inventory = newLoaded(t, r.engine, r.db, Options{Now: r.clock.now, Aside: aside.New(path, 1<<20)})
	_, err := r.PutStore(t.Context(), persist.DarkStore{ID: "S2", Name: "another"})
	require.NoError(t, err)
	r.receive(t, line("1", 9))
	res := r.reserve(t, line("1", 2))
	for range 5 {
		r.receive(t, line("2", 1))
	}
	_, err = r.Move(t.Context(), "S2", MoveRequest{Kind: Receive, Lines: []persist.Line{line("1", 1)}})
	require.NoError(t, err)
	r.db.refuse = func(store string, seq int64) bool { return store == "S1" && (seq == 2 || seq == 6) }
	n, err := r.Drain(t.Context())
	require.NoError(t, err)
	require.Equal(t, 6, n)
	require.Equal(t, Stats{Drained: 6, SetAside: 3}, r.Stats())
	require.Empty(t, r.waiting(t))
	require.Len(t, r.ledger(t), 5)
	lines := setAside(t, path)
	require.Len(t, lines, 3)
	require.Contains(t, lines[0], `{"reason":"invalid row","store_id_quoted":"\"S1\"","seq":2,"row_quoted":"\"{StoreID:S1 Seq:2 `)
	require.Contains(t, lines[2], "ID:"+res.ID)
}

// Where nothing can be set aside, its store waits from the refused movement on, and
// says for how long; the other stores do not.
func TestDrainWhileTheFileIsFull(t *testing.T) {
	r := newRig(t)
	r.Inventory = newLoaded(t, r.engine, r.db, Options{Now: r.clock.now, Aside: aside.New(filepath.Join(t.TempDir(), "x.jsonl"), 1)})
	_, err := r.PutStore(t.Context(), persist.DarkStore{ID: "S2", Name: "another"})
	require.NoError(t, err)
	r.receive(t, line("1", 9))
	r.reserve(t, line("1", 2))
	r.receive(t, line("1", 9))
	_, err = r.Move(t.Context(), "S2", MoveRequest{Kind: Receive, Lines: []persist.Line{line("1", 1)}})
	require.NoError(t, err)
	r.db.refuse = func(store string, seq int64) bool { return store == "S1" && seq == 2 }
	r.clock.advance(time.Minute)
	n, err := r.Drain(t.Context())
	require.ErrorIs(t, err, aside.ErrFull)
	require.Equal(t, 2, n)
	require.Len(t, r.waiting(t), 2)
	require.Equal(t, Stats{Drained: 2, DrainFailures: 1, DrainLag: time.Minute}, r.Stats())
	require.Empty(t, r.db.reservations, "it is not ahead of the ledger")
	r.requireSound(t)

	r.db.refuse = nil
	n, err = r.Drain(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Zero(t, r.Stats().DrainLag)
	r.requireSound(t)
}

func TestRunDrainer(t *testing.T) {
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
