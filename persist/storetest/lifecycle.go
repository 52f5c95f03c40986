package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// calls is every method, each with arguments that reach the database.
func calls(ctx context.Context, s persist.Store) map[string]func() error {
	id := tag()
	return map[string]func() error{
		"Ping":            func() error { return s.Ping(ctx) },
		"WriteTracks":     func() error { return s.WriteTracks(ctx, []persist.TrackRow{track(id, "z", monday, 1)}) },
		"BucketRows":      func() error { _, err := s.BucketRows(ctx, id, monday, id); return err },
		"TrackRows":       func() error { _, err := s.TrackRows(ctx, id, monday, monday+hour); return err },
		"AppendMovements": func() error { return s.AppendMovements(ctx, ledger(id, 1, 2)) },
		"Movements":       func() error { _, err := s.Movements(ctx, id, 0, 10); return err },
		"PutReservations": func() error { return s.PutReservations(ctx, []persist.Reservation{reservation(id, id, 1)}) },
		"Reservations":    func() error { _, err := s.Reservations(ctx, id, 0); return err },
		"PutOrder":        func() error { o, events := order(id, 1); return s.PutOrder(ctx, o, events) },
		"Order":           func() error { _, _, err := s.Order(ctx, id); return err },
		"PutProducts":     func() error { return s.PutProducts(ctx, []persist.Product{product(id)}) },
		"ProductsByID":    func() error { _, err := s.ProductsByID(ctx, []string{id}); return err },
		"Products":        func() error { _, err := s.Products(ctx, id, 10); return err },
		"PutDarkStores":   func() error { return s.PutDarkStores(ctx, []persist.DarkStore{{ID: id}}) },
		"ScanTracks": func() error {
			return s.ScanTracks(ctx, monday, monday+hour, func([]persist.TrackRow, float64) error { return nil })
		},
		"ScanOrders": func() error {
			return s.ScanOrders(ctx, func(persist.Order, []persist.OrderEvent) error { return nil })
		},
		"DarkStores": func() error { _, err := s.DarkStores(ctx); return err },
	}
}

// RequireUnavailable requires every method of s to return ErrUnavailable.
func RequireUnavailable(t testing.TB, s persist.Store) {
	t.Helper()
	for name, call := range calls(t.Context(), s) {
		require.ErrorIs(t, call(), persist.ErrUnavailable, name)
	}
}

func testLifecycle(t *testing.T, f *fixture) {
	t.Run("ping", func(t *testing.T) {
		require.NoError(t, f.a.Ping(t.Context()))
	})

	t.Run("closed", func(t *testing.T) {
		s := f.open(t)
		require.NoError(t, s.Close())
		require.NoError(t, s.Close(), "closing again")
		RequireUnavailable(t, s)
		require.NoError(t, f.a.Ping(t.Context()), "the other handle is still open")
	})

	t.Run("close waits for writes under way", func(t *testing.T) {
		s, prefix := f.open(t), tag()
		const writers = 4
		results := make(chan error, writers)
		for i := range writers {
			rows := make([]persist.TrackRow, 300)
			for j := range rows {
				rows[j] = track(fmt.Sprint(prefix, i), "z", monday+int64(j)*30*second, 1)
			}
			go func() { results <- s.WriteTracks(context.WithoutCancel(t.Context()), rows) }()
		}
		require.NoError(t, s.Close())
		written := 0
		for range writers {
			if err := <-results; err == nil {
				written++
			} else {
				require.ErrorIs(t, err, persist.ErrUnavailable)
			}
		}
		whole := 0
		for i := range writers {
			if len(tracks(t, f.a, fmt.Sprint(prefix, i), monday, monday+day)) == 300 {
				whole++
			}
		}
		require.GreaterOrEqual(t, whole, written)
	})

	t.Run("a cancelled call says so and is not an outage", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for name, call := range calls(ctx, f.a) {
			err := call()
			require.ErrorIs(t, err, context.Canceled, name)
			require.NotErrorIs(t, err, persist.ErrUnavailable, name)
		}
		require.NoError(t, f.a.Ping(t.Context()))
	})

	t.Run("a call past its deadline is unavailable", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		for name, call := range calls(ctx, f.a) {
			require.ErrorIs(t, call(), persist.ErrUnavailable, name)
		}
	})
}
