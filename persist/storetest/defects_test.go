package storetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// defects are stores with one fault each, on top of the model. The suite must
// find every fault.
var defects = map[string]func(*memory) persist.Store{
	"loses the last row of a big call":     func(s *memory) persist.Store { return losesRow{s} },
	"takes parts of a bucket for one":      func(s *memory) persist.Store { return onePart{s} },
	"leaves out the last millisecond":      func(s *memory) persist.Store { return exclusive{s} },
	"returns tracks as written":            func(s *memory) persist.Store { return unordered{s} },
	"ends a page at a gap":                 func(s *memory) persist.Store { return stopsAtGap{s} },
	"replaces movements":                   func(s *memory) persist.Store { return replacesMovements{s} },
	"keeps the reservation that came last": func(s *memory) persist.Store { return lastReservation{s} },
	"forgets closed reservations":          func(s *memory) persist.Store { return forgetsClosed{s} },
	"keeps the order that came last":       func(s *memory) persist.Store { return lastOrder{s} },
	"forgets events of older versions":     func(s *memory) persist.Store { return forgetsEvents{s} },
	"returns products in order of id":      func(s *memory) persist.Store { return sortedProducts{s} },
	"answers after close":                  func(s *memory) persist.Store { return neverCloses{s} },
	"takes every row":                      func(s *memory) persist.Store { return takesAll{s} },
	"calls a cancelled call an outage":     func(s *memory) persist.Store { return outageOnCancel{s} },
	"writes the good rows of a bad call":   func(s *memory) persist.Store { return halfCalls{s} },
	"scans rows of one bucket apart":       func(s *memory) persist.Store { return scansRows{s} },
	"scans tracks by their buckets":        func(s *memory) persist.Store { return scansBuckets{s} },
	"wraps the error that ends a scan":     func(s *memory) persist.Store { return wrapsErrors{s} },
}

const defectName = "HYPERLOCAL_STORETEST_DEFECT"

// TestModelPasses runs the suite on the store without a defect.
func TestModelPasses(t *testing.T) {
	d := newDatabase()
	Run(t, func(testing.TB) persist.Store { return d.open() })
}

// TestSuiteFindsDefects runs the suite on each defect, in a process that must
// fail.
func TestSuiteFindsDefects(t *testing.T) {
	for name := range defects {
		t.Run(name, func(t *testing.T) {
			suite := exec.Command(os.Args[0], "-test.run=^TestDefect$", "-test.failfast", "-rapid.nofailfile", "-rapid.shrinktime=0s")
			suite.Env = append(os.Environ(), defectName+"="+name)
			out, err := suite.CombinedOutput()
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
	d := newDatabase()
	Run(t, func(testing.TB) persist.Store { return defects[name](d.open()) })
}

type losesRow struct{ *memory }

func (s losesRow) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	if len(rows) > 5000 {
		rows = rows[:len(rows)-1]
	}
	return s.memory.WriteTracks(ctx, rows)
}

type onePart struct{ *memory }

func (s onePart) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Part = 1
	}
	return s.memory.WriteTracks(ctx, rows)
}

type exclusive struct{ *memory }

func (s exclusive) TrackRows(ctx context.Context, driver string, from, to int64) ([]persist.TrackRow, error) {
	return s.memory.TrackRows(ctx, driver, from, to-1)
}

type unordered struct{ *memory }

func (s unordered) TrackRows(ctx context.Context, driver string, from, to int64) ([]persist.TrackRow, error) {
	rows, err := s.memory.TrackRows(ctx, driver, from, to)
	slices.SortStableFunc(rows, func(a, b persist.TrackRow) int { return int(a.Part - b.Part) })
	return rows, err
}

type stopsAtGap struct{ *memory }

func (s stopsAtGap) Movements(ctx context.Context, store string, after int64, limit int) ([]persist.Movement, error) {
	ms, err := s.memory.Movements(ctx, store, after, limit)
	for i := 1; i < len(ms); i++ {
		if ms[i].Seq != ms[i-1].Seq+1 {
			return ms[:i], err
		}
	}
	return ms, err
}

type replacesMovements struct{ *memory }

func (s replacesMovements) AppendMovements(ctx context.Context, ms []persist.Movement) error {
	if err := persist.ValidateAll(ms); err != nil {
		return err
	}
	return s.call(ctx, func() {
		for _, m := range ms {
			s.m.movements[seqKey{m.StoreID, m.Seq}] = m
		}
	})
}

type lastReservation struct{ *memory }

func (s lastReservation) PutReservations(ctx context.Context, rs []persist.Reservation) error {
	err := s.memory.PutReservations(ctx, rs)
	if err != nil {
		return err
	}
	return s.call(ctx, func() {
		for _, r := range rs {
			s.m.reservations[reservationKey{r.StoreID, r.ID}] = r
		}
	})
}

type forgetsClosed struct{ *memory }

func (s forgetsClosed) Reservations(ctx context.Context, store string, closedSince int64) ([]persist.Reservation, error) {
	rs, err := s.memory.Reservations(ctx, store, closedSince)
	return slices.DeleteFunc(rs, func(r persist.Reservation) bool { return r.ClosedTS > 0 }), err
}

type lastOrder struct{ *memory }

func (s lastOrder) PutOrder(ctx context.Context, o persist.Order, events []persist.OrderEvent) error {
	err := s.memory.PutOrder(ctx, o, events)
	if err != nil {
		return err
	}
	return s.call(ctx, func() { s.m.orders[o.ID] = o })
}

type forgetsEvents struct{ *memory }

func (s forgetsEvents) PutOrder(ctx context.Context, o persist.Order, events []persist.OrderEvent) error {
	if stored, _, err := s.Order(ctx, o.ID); err == nil && stored.Version > o.Version {
		return nil
	}
	return s.memory.PutOrder(ctx, o, events)
}

type sortedProducts struct{ *memory }

func (s sortedProducts) ProductsByID(ctx context.Context, ids []string) ([]persist.Product, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return s.memory.ProductsByID(ctx, ids)
}

type neverCloses struct{ *memory }

func (neverCloses) Close() error { return nil }

type takesAll struct{ *memory }

func (s takesAll) PutProducts(ctx context.Context, ps []persist.Product) error {
	if persist.ValidateAll(ps) != nil {
		return nil
	}
	return s.memory.PutProducts(ctx, ps)
}

type outageOnCancel struct{ *memory }

func (s outageOnCancel) Ping(ctx context.Context) error {
	if s.memory.Ping(ctx) != nil {
		return persist.ErrUnavailable
	}
	return nil
}

type halfCalls struct{ *memory }

func (s halfCalls) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	for i := range rows {
		if rows[i].Validate() == nil {
			_ = s.memory.WriteTracks(ctx, rows[i:i+1])
		}
	}
	return s.memory.WriteTracks(ctx, rows)
}

type scansRows struct{ *memory }

func (s scansRows) ScanTracks(ctx context.Context, from, to int64, fn func([]persist.TrackRow, float64) error) error {
	return s.memory.ScanTracks(ctx, from, to, func(rows []persist.TrackRow, done float64) error {
		for i := range rows {
			if err := fn(rows[i:i+1], done); err != nil {
				return err
			}
		}
		return nil
	})
}

type scansBuckets struct{ *memory }

func (s scansBuckets) ScanTracks(ctx context.Context, from, to int64, fn func([]persist.TrackRow, float64) error) error {
	return s.memory.ScanTracks(ctx, from, to, func(rows []persist.TrackRow, done float64) error {
		rows = slices.DeleteFunc(rows, func(r persist.TrackRow) bool { return r.BucketStart < from })
		if len(rows) == 0 {
			return nil
		}
		return fn(rows, done)
	})
}

type wrapsErrors struct{ *memory }

func (s wrapsErrors) ScanOrders(ctx context.Context, fn func(persist.Order, []persist.OrderEvent) error) error {
	if err := s.memory.ScanOrders(ctx, fn); err != nil {
		return fmt.Errorf("scan orders: %w", err)
	}
	return nil
}
