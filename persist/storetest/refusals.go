package storetest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// testRefusals wants every host to refuse the same rows, as rows that will
// never fit, and nothing of the call to be written.
func testRefusals(t *testing.T, f *fixture) {
	ctx := t.Context()

	t.Run("tracks", func(t *testing.T) {
		for name, spoil := range map[string]func(*persist.TrackRow){
			"no driver":             func(r *persist.TrackRow) { r.DriverID = "" },
			"driver not UTF-8":      func(r *persist.TrackRow) { r.DriverID += "\xff" },
			"zone not UTF-8":        func(r *persist.TrackRow) { r.Zone = "\xff" },
			"no fixes":              func(r *persist.TrackRow) { r.Fixes = 0 },
			"more mocked than all":  func(r *persist.TrackRow) { r.MockFixes = r.Fixes + 1 },
			"less mocked than none": func(r *persist.TrackRow) { r.MockFixes = -1 },
			"NaN":                   func(r *persist.TrackRow) { r.DistanceM = math.NaN() },
			"infinity":              func(r *persist.TrackRow) { r.LastLat = math.Inf(-1) },
			"first before bucket":   func(r *persist.TrackRow) { r.FirstTS = r.BucketStart - 1 },
			"last before first":     func(r *persist.TrackRow) { r.LastTS = r.FirstTS - 1 },
			"bucket out of time":    func(r *persist.TrackRow) { r.BucketStart, r.FirstTS, r.LastTS = 1<<60, 1<<60, 1<<60 },
			"bucket too long":       func(r *persist.TrackRow) { r.LastTS = r.BucketStart + persist.MaxBucketMS },
		} {
			good := track(tag(), "z", monday, 1)
			bad := track(good.DriverID, "z", monday-30*second, 1)
			spoil(&bad)
			err := f.a.WriteTracks(ctx, []persist.TrackRow{good, bad})
			require.ErrorIs(t, err, persist.ErrInvalid, name)
			require.ErrorContains(t, err, "row 1", name)
			require.NotErrorIs(t, err, persist.ErrUnavailable, name)
			require.Empty(t, tracks(t, f.a, good.DriverID, monday, monday+day), name)
		}
	})

	t.Run("movements", func(t *testing.T) {
		for name, spoil := range map[string]func(*persist.Movement){
			"no store":          func(m *persist.Movement) { m.StoreID = "" },
			"no product":        func(m *persist.Movement) { m.ProductID = "" },
			"seq 0":             func(m *persist.Movement) { m.Seq = 0 },
			"reference no UTF8": func(m *persist.Movement) { m.Reference = "\xc0" },
		} {
			good := movement(tag(), 1)
			bad := movement(good.StoreID, 2)
			spoil(&bad)
			require.ErrorIs(t, f.a.AppendMovements(ctx, []persist.Movement{good, bad}), persist.ErrInvalid, name)
			require.Empty(t, movements(t, f.a, good.StoreID, 0, 10), name)
		}
	})

	t.Run("reservations", func(t *testing.T) {
		for name, spoil := range map[string]func(*persist.Reservation){
			"no store":          func(r *persist.Reservation) { r.StoreID = "" },
			"no id":             func(r *persist.Reservation) { r.ID = "" },
			"seq 0":             func(r *persist.Reservation) { r.Seq = 0 },
			"state not UTF-8":   func(r *persist.Reservation) { r.State = "\xff" },
			"product not UTF-8": func(r *persist.Reservation) { r.Lines[1].ProductID = "\xff" },
			"closed before 0":   func(r *persist.Reservation) { r.ClosedTS = -1 },
		} {
			good := reservation(tag(), "a", 1)
			bad := reservation(good.StoreID, "b", 2)
			spoil(&bad)
			require.ErrorIs(t, f.a.PutReservations(ctx, []persist.Reservation{good, bad}), persist.ErrInvalid, name)
			require.Empty(t, reservations(t, f.a, good.StoreID, 0), name)
		}
	})

	t.Run("orders", func(t *testing.T) {
		for name, spoil := range map[string]func(*persist.Order, []persist.OrderEvent){
			"version":                func(o *persist.Order, _ []persist.OrderEvent) { o.Version = -1 },
			"place":                  func(o *persist.Order, _ []persist.OrderEvent) { o.DropLat = math.NaN() },
			"line not UTF-8":         func(o *persist.Order, _ []persist.OrderEvent) { o.Lines[0].ProductID = "\xff" },
			"event of another order": func(_ *persist.Order, e []persist.OrderEvent) { e[1].OrderID += "x" },
			"event without seq":      func(_ *persist.Order, e []persist.OrderEvent) { e[0].Seq = 0 },
		} {
			o, events := order(tag(), 2)
			id := o.ID
			spoil(&o, events)
			require.ErrorIs(t, f.a.PutOrder(ctx, o, events), persist.ErrInvalid, name)
			_, _, err := f.a.Order(ctx, id)
			require.ErrorIs(t, err, persist.ErrNotFound, name)
		}
		require.ErrorIs(t, f.a.PutOrder(ctx, persist.Order{}, nil), persist.ErrInvalid)
	})

	t.Run("products and stores", func(t *testing.T) {
		require.ErrorIs(t, f.a.PutProducts(ctx, []persist.Product{product(tag()), {}}), persist.ErrInvalid)
		require.ErrorIs(t, f.a.PutProducts(ctx, []persist.Product{{ID: tag(), Categories: []string{"\xff"}}}), persist.ErrInvalid)
		require.ErrorIs(t, f.a.PutDarkStores(ctx, []persist.DarkStore{{}}), persist.ErrInvalid)
		require.ErrorIs(t, f.a.PutDarkStores(ctx, []persist.DarkStore{{ID: tag(), Lat: math.NaN()}}), persist.ErrInvalid)
	})
}
