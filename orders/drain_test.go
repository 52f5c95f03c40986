package orders

import (
	"context"
	"fmt"
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

func (r *rig) waiting(t testing.TB) int64 {
	t.Helper()
	n, err := r.engine.ZCard(t.Context(), keyChanged)
	require.NoError(t, err)
	return n
}

func TestDrain(t *testing.T) {
	r := newRig(t)
	r.place(t)
	n, err := r.Drain(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "it may not have settled yet")
	require.Equal(t, 1, r.drain(t))
	require.Zero(t, r.waiting(t))
	require.Equal(t, 0, r.drain(t))
	r.advance(t, Accepted, BeingPrepared)
	require.Equal(t, 1, r.drain(t), "several steps, one write")
	require.Equal(t, 2, r.db.puts)

	order, events, err := r.Get(t.Context(), "56789")
	require.NoError(t, err)
	require.Equal(t, order, r.db.orders["56789"])
	require.Equal(t, events, r.db.events["56789"])
	require.Equal(t, Stats{Drained: 2}, r.Stats())
}

func TestFinishedOrdersLeaveTheEngine(t *testing.T) {
	r := newRig(t)
	r.place(t)
	ttl := func(key string) time.Duration {
		d, err := r.engine.TTL(t.Context(), key)
		require.NoError(t, err)
		return d
	}
	r.drain(t)
	require.Equal(t, cache.NoTTL, ttl(keyOrder("56789")))
	r.advance(t, Accepted, BeingPrepared, PickedUp, OutForDelivery, Delivered)
	require.Equal(t, cache.NoTTL, ttl(keyOrder("56789")), "not before the database has it")
	r.drain(t)
	require.InDelta(t, keepFinished, ttl(keyOrder("56789")), float64(time.Minute))
	require.InDelta(t, keepFinished, ttl(keyEvents("56789")), float64(time.Minute))

	order, events, err := r.Get(t.Context(), "56789")
	require.NoError(t, err)
	// A day later, and half a moment before: either of the two keys is gone.
	for _, key := range []string{keyEvents("56789"), keyOrder("56789")} {
		_, err = r.engine.Del(t.Context(), key)
		require.NoError(t, err)
		gotOrder, gotEvents, err := r.Get(t.Context(), "56789")
		require.NoError(t, err)
		require.Equal(t, order, gotOrder)
		require.Equal(t, events, gotEvents)
	}
}

func TestDrainWhileTheDatabaseIsGone(t *testing.T) {
	r := newRig(t)
	r.place(t)
	r.db.failWith(persist.ErrUnavailable)
	r.clock.advance(time.Minute)
	for i := range 3 {
		_, err := r.Drain(t.Context())
		require.ErrorIs(t, err, persist.ErrUnavailable)
		require.Equal(t, Stats{DrainFailures: int64(i + 1), DrainLag: time.Minute}, r.Stats())
	}
	r.advance(t, Accepted) // the order goes on
	require.Equal(t, int64(1), r.waiting(t))
	r.db.failWith(nil)
	require.Equal(t, 1, r.drain(t))
	require.Len(t, r.db.events["56789"], 2)
	require.Zero(t, r.Stats().DrainLag)
}

func TestDrainGoesAroundAnInvalidOrder(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		n := someOrder()
		n.ID = fmt.Sprint(i)
		_, _, err := r.Create(t.Context(), n)
		require.NoError(t, err)
	}
	r.db.refuse = "1"
	r.clock.advance(settle)
	n, err := r.Drain(t.Context())
	require.ErrorIs(t, err, persist.ErrInvalid)
	require.ErrorContains(t, err, "order 1")
	require.Equal(t, 2, n)
	require.Equal(t, int64(1), r.waiting(t))
}

// More orders than a pass takes are refused, or are no orders at all: they are set
// aside, and the one behind them is written.
func TestDrainSetsAsideWhatIsRefused(t *testing.T) {
	r := newRig(t)
	path := filepath.Join(t.TempDir(), "orders.jsonl")
	r.Orders = New(r.engine, r.db, Options{Now: r.clock.now, Aside: aside.New(path, 1<<20)})
	for i := range drainBatch {
		_, err := r.engine.ZAdd(t.Context(), keyChanged, cache.Member{Name: fmt.Sprint("bad", i), Score: 1})
		require.NoError(t, err)
		_, err = r.engine.HSet(t.Context(), keyOrder(fmt.Sprint("bad", i)), cache.Field{Name: "x", Value: "y"})
		require.NoError(t, err)
	}
	r.place(t)
	second := someOrder()
	second.ID = "1"
	_, _, err := r.Create(t.Context(), second)
	require.NoError(t, err)
	r.db.refuse = "1"
	require.Equal(t, 1, r.drain(t))
	require.Contains(t, r.db.orders, "56789")
	require.Zero(t, r.waiting(t))
	require.Equal(t, Stats{Drained: 1, SetAside: drainBatch + 1}, r.Stats())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	require.Len(t, lines, drainBatch+1)
	require.Contains(t, lines[drainBatch], `"order_id_quoted":"\"1\"","order_quoted":"\"{ID:1 Status:placed `)
	_, _, err = r.Get(t.Context(), "1")
	require.NoError(t, err, "the engine keeps it")
}

// Where it cannot be set aside it waits, and the lag tells.
func TestDrainWhileTheFileIsFull(t *testing.T) {
	r := newRig(t)
	r.Orders = New(r.engine, r.db, Options{Now: r.clock.now, Aside: aside.New(filepath.Join(t.TempDir(), "orders.jsonl"), 1)})
	r.place(t)
	r.db.refuse = "56789"
	r.clock.advance(time.Minute)
	_, err := r.Drain(t.Context())
	require.ErrorIs(t, err, aside.ErrFull)
	require.Equal(t, int64(1), r.waiting(t))
	require.Equal(t, Stats{DrainFailures: 1, DrainLag: time.Minute}, r.Stats())
}

func TestDrainTakesMoreThanAPass(t *testing.T) {
	r := newRig(t)
	for i := range drainBatch + 3 {
		n := someOrder()
		n.ID = fmt.Sprint(i)
		_, _, err := r.Create(t.Context(), n)
		require.NoError(t, err)
	}
	require.Equal(t, drainBatch+3, r.drain(t))
	require.Zero(t, r.waiting(t))
}

// A mark whose step never came about, as after a crash between the two.
func TestDrainForgetsAnEmptyMark(t *testing.T) {
	r := newRig(t)
	_, err := r.engine.ZAdd(t.Context(), keyChanged, cache.Member{Name: "ghost", Score: 1})
	require.NoError(t, err)
	require.Equal(t, 0, r.drain(t))
	require.Zero(t, r.waiting(t))
	require.Zero(t, r.db.puts)
}

// stepping is an engine on which an order takes a step whenever the drainer has
// read and is about to write, and whose durable writes may fail.
type stepping struct {
	cache.Engine
	step func()
	fail error
}

func (e *stepping) Durable(cache.Durability) cache.Engine { return e }

func (e *stepping) Run(ctx context.Context, s *cache.Script, keys, args []string) (cache.Value, error) {
	if s == cache.SetScript {
		if e.fail != nil {
			return cache.Value{}, e.fail
		}
		e.step()
	}
	return e.Engine.Run(ctx, s, keys, args)
}

// An order that takes a step while it is being written stays in the outbox.
func TestDrainNoticesAStepMeanwhile(t *testing.T) {
	r := newRig(t)
	r.place(t)
	e := &stepping{Engine: r.engine, step: func() { r.advance(t, Accepted) }}
	drainer := New(e, r.db, Options{Now: r.clock.now})
	r.clock.advance(settle)
	n, err := drainer.Drain(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, int64(1), r.db.orders["56789"].Version)
	require.Equal(t, int64(1), r.waiting(t))
	require.Equal(t, 1, r.drain(t))
	require.Equal(t, int64(2), r.db.orders["56789"].Version)
}

func TestDatabaseGetsOnlyWhatIsDurable(t *testing.T) {
	r := newRig(t)
	r.place(t)
	r.clock.advance(settle)
	_, err := New(&stepping{Engine: r.engine, fail: cache.ErrNotDurable}, r.db, Options{Now: r.clock.now}).Drain(t.Context())
	require.ErrorIs(t, err, cache.ErrNotDurable)
	require.Zero(t, r.db.puts)
}

func TestRunDrainer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, err := memory.Open(memory.Options{})
		require.NoError(t, err)
		defer engine.Close()
		db := newFakeDB()
		db.fail = persist.ErrUnavailable
		o := New(engine, db, Options{})
		_, _, err = o.Create(t.Context(), someOrder())
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { o.RunDrainer(ctx, time.Second); close(ended) }()
		time.Sleep(settle + 1500*time.Millisecond)
		synctest.Wait()
		require.Equal(t, int64(2), o.Stats().DrainFailures)
		db.failWith(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, Stats{Drained: 1, DrainFailures: 2}, o.Stats())
		cancel()
		<-ended
	})
}
