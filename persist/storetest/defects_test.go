package storetest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
	"hyperlocal/persist/sqlite"
	"hyperlocal/persist/storetest"
)

// defects are stores with one fault each, on top of a good one. The suite must
// find every fault.
var defects = map[string]func(persist.Store) persist.Store{
	"loses the last row of a big call":   func(s persist.Store) persist.Store { return losesRow{s} },
	"takes parts of a bucket for one":    func(s persist.Store) persist.Store { return onePart{s} },
	"leaves out the last millisecond":    func(s persist.Store) persist.Store { return exclusive{s} },
	"returns tracks as written":          func(s persist.Store) persist.Store { return unordered{s} },
	"ends a page at a gap":               func(s persist.Store) persist.Store { return stopsAtGap{s} },
	"replaces movements":                 func(s persist.Store) persist.Store { return replacesMovements{s} },
	"keeps the order that came last":     func(s persist.Store) persist.Store { return lastOrder{s} },
	"forgets events of older versions":   func(s persist.Store) persist.Store { return forgetsEvents{s} },
	"returns products in order of id":    func(s persist.Store) persist.Store { return sortedProducts{s} },
	"answers after close":                func(s persist.Store) persist.Store { return neverCloses{s} },
	"takes every row":                    func(s persist.Store) persist.Store { return takesAll{s} },
	"calls a cancelled call an outage":   func(s persist.Store) persist.Store { return outageOnCancel{s} },
	"writes the good rows of a bad call": func(s persist.Store) persist.Store { return halfCalls{s} },
}

const defectName = "HYPERLOCAL_STORETEST_DEFECT"

// TestSuiteFindsDefects runs the suite on each defect, in a process that must
// fail, and on the store without one, which must not.
func TestSuiteFindsDefects(t *testing.T) {
	run := func(t *testing.T, name string) ([]byte, error) {
		suite := exec.Command(os.Args[0], "-test.run=^TestDefect$", "-rapid.nofailfile", "-rapid.shrinktime=0s", "-rapid.checks=30")
		suite.Env = append(os.Environ(), defectName+"="+name)
		return suite.CombinedOutput()
	}
	t.Run("none", func(t *testing.T) {
		out, err := run(t, "none")
		require.NoError(t, err, "%s", out)
	})
	for name := range defects {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, name)
			require.Error(t, err, "the suite does not notice")
			require.Contains(t, string(out), "--- FAIL: TestDefect/")
		})
	}
}

// TestDefect is what the processes of TestSuiteFindsDefects run.
func TestDefect(t *testing.T) {
	name := os.Getenv(defectName)
	if name == "" {
		t.Skip("runs as a part of TestSuiteFindsDefects")
	}
	path := filepath.Join(t.TempDir(), "record.db")
	storetest.Run(t, func(t testing.TB) persist.Store {
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = s.Close() })
		if defect := defects[name]; defect != nil {
			return defect(s)
		}
		return s
	})
}

type losesRow struct{ persist.Store }

func (s losesRow) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	if len(rows) > 5000 {
		rows = rows[:len(rows)-1]
	}
	return s.Store.WriteTracks(ctx, rows)
}

type onePart struct{ persist.Store }

func (s onePart) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Part = 1
	}
	return s.Store.WriteTracks(ctx, rows)
}

type exclusive struct{ persist.Store }

func (s exclusive) TrackRows(ctx context.Context, driver string, from, to int64) ([]persist.TrackRow, error) {
	return s.Store.TrackRows(ctx, driver, from, to-1)
}

type unordered struct{ persist.Store }

func (s unordered) TrackRows(ctx context.Context, driver string, from, to int64) ([]persist.TrackRow, error) {
	rows, err := s.Store.TrackRows(ctx, driver, from, to)
	slices.SortStableFunc(rows, func(a, b persist.TrackRow) int { return int(a.Part - b.Part) })
	return rows, err
}

type stopsAtGap struct{ persist.Store }

func (s stopsAtGap) Movements(ctx context.Context, store string, after int64, limit int) ([]persist.Movement, error) {
	ms, err := s.Store.Movements(ctx, store, after, limit)
	for i := 1; i < len(ms); i++ {
		if ms[i].Seq != ms[i-1].Seq+1 {
			return ms[:i], err
		}
	}
	return ms, err
}

// memory is what the defects remember, of all handles.
var memory struct {
	sync.Mutex
	movements map[string]map[int64]persist.Movement
	orders    map[string]persist.Order
}

type replacesMovements struct{ persist.Store }

func (s replacesMovements) AppendMovements(ctx context.Context, ms []persist.Movement) error {
	err := s.Store.AppendMovements(ctx, ms)
	memory.Lock()
	defer memory.Unlock()
	for _, m := range ms {
		if memory.movements == nil {
			memory.movements = map[string]map[int64]persist.Movement{}
		}
		if memory.movements[m.StoreID] == nil {
			memory.movements[m.StoreID] = map[int64]persist.Movement{}
		}
		memory.movements[m.StoreID][m.Seq] = m
	}
	return err
}

func (s replacesMovements) Movements(ctx context.Context, store string, after int64, limit int) ([]persist.Movement, error) {
	ms, err := s.Store.Movements(ctx, store, after, limit)
	memory.Lock()
	defer memory.Unlock()
	for i := range ms {
		ms[i] = memory.movements[store][ms[i].Seq]
	}
	return ms, err
}

type lastOrder struct{ persist.Store }

func (s lastOrder) PutOrder(ctx context.Context, o persist.Order, events []persist.OrderEvent) error {
	err := s.Store.PutOrder(ctx, o, events)
	memory.Lock()
	defer memory.Unlock()
	if memory.orders == nil {
		memory.orders = map[string]persist.Order{}
	}
	memory.orders[o.ID] = o
	return err
}

func (s lastOrder) Order(ctx context.Context, id string) (persist.Order, []persist.OrderEvent, error) {
	o, events, err := s.Store.Order(ctx, id)
	memory.Lock()
	defer memory.Unlock()
	if err == nil {
		o = memory.orders[id]
	}
	return o, events, err
}

type forgetsEvents struct{ persist.Store }

func (s forgetsEvents) PutOrder(ctx context.Context, o persist.Order, events []persist.OrderEvent) error {
	if stored, _, err := s.Order(ctx, o.ID); err == nil && stored.Version > o.Version {
		return nil
	}
	return s.Store.PutOrder(ctx, o, events)
}

type sortedProducts struct{ persist.Store }

func (s sortedProducts) ProductsByID(ctx context.Context, ids []string) ([]persist.Product, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return s.Store.ProductsByID(ctx, ids)
}

type neverCloses struct{ persist.Store }

func (neverCloses) Close() error { return nil }

type takesAll struct{ persist.Store }

func (s takesAll) PutProducts(ctx context.Context, ps []persist.Product) error {
	if persist.ValidateAll(ps) != nil {
		return nil
	}
	return s.Store.PutProducts(ctx, ps)
}

type outageOnCancel struct{ persist.Store }

func (s outageOnCancel) Ping(ctx context.Context) error {
	if s.Store.Ping(ctx) != nil {
		return persist.ErrUnavailable
	}
	return nil
}

type halfCalls struct{ persist.Store }

func (s halfCalls) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	for i := range rows {
		if rows[i].Validate() == nil {
			_ = s.Store.WriteTracks(ctx, rows[i:i+1])
		}
	}
	return s.Store.WriteTracks(ctx, rows)
}
