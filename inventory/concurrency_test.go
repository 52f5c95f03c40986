package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/persist"
)

// onBothHosts runs a test with a store of its own on each host. The store is
// known to the inventory alone, so that nothing outside its tag is written.
func onBothHosts(t *testing.T, fn func(t *testing.T, r rig, store string)) {
	hosts := map[string]func(testing.TB) cache.Engine{
		"memory": func(t testing.TB) cache.Engine { return enginetest.Memory(t) },
		"redis":  func(t testing.TB) cache.Engine { return enginetest.Redis(t) },
	}
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		t.Run(name, func(t *testing.T) {
			r := rig{engine: hosts[name](t), db: newFakeDB(), clock: newClock()}
			r.Inventory = newLoaded(t, r.engine, r.db, Options{Now: r.clock.now})
			store := enginetest.Tag(t, r.engine)
			r.stores.add(store)
			r.products.add("product:1", "product:2")
			fn(t, r, store)
		})
	}
}

// Fifty customers want the last twenty units; each sells, gives back or forgets
// what it got. Never more than there are is out at once, and in the end
// everything adds up.
func TestNeverOversold(t *testing.T) {
	onBothHosts(t, func(t *testing.T, r rig, store string) {
		ctx := t.Context()
		const stock, customers = 20, 50
		_, err := r.Move(ctx, store, MoveRequest{Kind: Receive, Lines: []persist.Line{line("1", stock), line("2", stock)}})
		require.NoError(t, err)

		var sold, got, refused atomic.Int64
		var wg sync.WaitGroup
		for i := range customers {
			wg.Go(func() {
				res, err := r.Reserve(ctx, store, ReserveRequest{
					OrderID: fmt.Sprint("o", i), Lines: []persist.Line{line("1", 1), line("2", 1)},
				})
				if errors.Is(err, ErrInsufficient) {
					refused.Add(1)
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				got.Add(1)
				switch i % 3 {
				case 0:
					sold.Add(1)
					_, err = r.Commit(ctx, res.ID)
				case 1:
					_, err = r.Release(ctx, res.ID)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, int64(customers), got.Load()+refused.Load())
		require.GreaterOrEqual(t, got.Load(), int64(stock))

		r.clock.advance(time.Hour)
		_, err = r.expireStore(ctx, store)
		require.NoError(t, err)
		left, err := r.Stock(ctx, store, []string{"product:1", "product:2"})
		require.NoError(t, err)
		require.Equal(t, stock-sold.Load(), left["product:1"])
		require.Equal(t, stock-sold.Load(), left["product:2"])
		found, err := r.Check(ctx, store)
		require.NoError(t, err)
		require.Zero(t, found)
	})
}

// The same request from many connections at once, as an impatient client and
// its proxy send it, reserves once.
func TestConcurrentRepetitionsReserveOnce(t *testing.T) {
	onBothHosts(t, func(t *testing.T, r rig, store string) {
		ctx := t.Context()
		_, err := r.Move(ctx, store, MoveRequest{Kind: Receive, Lines: []persist.Line{line("1", 100)}})
		require.NoError(t, err)
		var made [20]string
		var wg sync.WaitGroup
		for i := range made {
			wg.Go(func() {
				res, err := r.Reserve(ctx, store, ReserveRequest{OrderID: "o", Lines: []persist.Line{line("1", 3)}, IdempotencyKey: "k"})
				if err != nil {
					t.Error(err)
				}
				made[i] = res.ID
			})
		}
		wg.Wait()
		for _, id := range made {
			require.Equal(t, made[0], id)
		}
		left, err := r.Stock(ctx, store, []string{"product:1"})
		require.NoError(t, err)
		require.Equal(t, int64(97), left["product:1"])
	})
}

// What porcupine checks: operations on one product, what they answered, and a
// book that says whether they could have happened one after the other.
type (
	operation struct {
		what  string // reserve, commit, release, read
		units int64
		id    string // of the reservation to close
	}
	answer struct {
		ok    bool
		id    string // of the reservation made
		units int64  // available, by a read or a shortage
	}
	book struct {
		available int64
		open      string // the open reservations: " id units" of each, in order of id
	}
)

func (b book) reservations() map[string]int64 {
	m := map[string]int64{}
	for _, l := range splitLines(b.open) {
		m[l.ProductID] = l.Units
	}
	return m
}

func bookOf(available int64, open map[string]int64) book {
	var lines []persist.Line
	for _, id := range slices.Sorted(maps.Keys(open)) {
		lines = append(lines, persist.Line{ProductID: id, Units: open[id]})
	}
	return book{available: available, open: joinLines(lines)}
}

func (b book) step(op operation, out answer) (bool, book) {
	open := b.reservations()
	units, isOpen := open[op.id]
	switch op.what {
	case "read":
		return out.units == b.available, b
	case "reserve":
		if !out.ok {
			return b.available < op.units && out.units == b.available, b
		}
		open[out.id] = op.units
		return b.available >= op.units, bookOf(b.available-op.units, open)
	case "commit", "release":
		// Each reservation is closed by two clients, one this way and one that:
		// exactly the first has its way.
		if !out.ok || !isOpen {
			return !out.ok && !isOpen, b
		}
		delete(open, op.id)
		if op.what == "release" {
			b.available += units
		}
		return true, bookOf(b.available, open)
	}
	return false, b
}

func TestReservationsAreLinearizable(t *testing.T) {
	const stock, clients, rounds = 6, 4, 25
	bookkeeping := porcupine.Model{
		Init: func() any { return book{available: stock} },
		Step: func(state, in, out any) (bool, any) {
			ok, next := state.(book).step(in.(operation), out.(answer))
			return ok, next
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %+v", in, out) },
	}
	onBothHosts(t, func(t *testing.T, r rig, store string) {
		ctx := t.Context()
		_, err := r.Move(ctx, store, MoveRequest{Kind: Receive, Lines: []persist.Line{line("1", stock)}})
		require.NoError(t, err)

		var mu sync.Mutex
		var history []porcupine.Operation
		start := time.Now()
		do := func(client int, op operation) answer {
			called := time.Since(start).Nanoseconds()
			out, err := r.carryOut(ctx, store, op)
			returned := time.Since(start).Nanoseconds()
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			history = append(history, porcupine.Operation{ClientId: client, Input: op, Call: called, Output: out, Return: returned})
			return out
		}
		var wg sync.WaitGroup
		for client := range clients {
			random := rand.New(rand.NewPCG(7, uint64(client)))
			wg.Go(func() {
				for range rounds {
					made := do(client, operation{what: "reserve", units: 1 + random.Int64N(4)})
					do(client, operation{what: "read"})
					if !made.ok {
						continue
					}
					closing := []string{"commit", "release", "release", "release"}[random.IntN(4)]
					opposite := map[string]string{"commit": "release", "release": "commit"}[closing]
					var rival sync.WaitGroup
					rival.Go(func() { do(clients+client, operation{what: opposite, id: made.id}) })
					do(client, operation{what: closing, id: made.id})
					rival.Wait()
				}
			})
		}
		wg.Wait()
		result, _ := porcupine.CheckOperationsVerbose(bookkeeping, history, 30*time.Second)
		require.Equal(t, porcupine.Ok, result)
		require.NotEmpty(t, history)
	})
}

func (r rig) carryOut(ctx context.Context, store string, op operation) (answer, error) {
	switch op.what {
	case "reserve":
		res, err := r.Reserve(ctx, store, ReserveRequest{OrderID: "o", Lines: []persist.Line{line("1", op.units)}})
		var short *ShortageError
		if errors.As(err, &short) {
			return answer{units: short.Shortages[0].Available}, nil
		}
		return answer{ok: true, id: res.ID}, err
	case "read":
		stock, err := r.Stock(ctx, store, []string{"product:1"})
		return answer{units: stock["product:1"]}, err
	}
	closing := r.Commit
	if op.what == "release" {
		closing = r.Release
	}
	_, err := closing(ctx, op.id)
	if errors.Is(err, ErrReservationClosed) {
		return answer{}, nil
	}
	return answer{ok: true}, err
}
