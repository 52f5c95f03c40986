package storetest

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

var statuses = []string{"placed", "accepted", "being_prepared", "picked_up", "out_for_delivery", "delivered"}

// order returns the order as of a version with its events up to it.
func order(id string, version int) (persist.Order, []persist.OrderEvent) {
	o := persist.Order{
		ID: id, Status: statuses[version-1], Version: int64(version), StoreID: "S1", CustomerID: "customer:7",
		ReservationID: "r-1", DropLat: 12.97, DropLon: 77.59,
		Lines:     []persist.Line{{ProductID: "product:1", Units: 2}, {ProductID: "ಹಾಲು", Units: 1}, {ProductID: "product:1", Units: 5}},
		CreatedTS: monday, UpdatedTS: monday + int64(version),
	}
	if version > 1 {
		o.DriverID = "driver:9"
	}
	var events []persist.OrderEvent
	for seq := 1; seq <= version; seq++ {
		events = append(events, persist.OrderEvent{
			OrderID: id, Seq: int64(seq), TS: monday + int64(seq), Status: statuses[seq-1], DriverID: "driver:9", Note: "n"})
	}
	return o, events
}

func putOrder(t *testing.T, s persist.Store, o persist.Order, events []persist.OrderEvent) {
	t.Helper()
	require.NoError(t, s.PutOrder(t.Context(), o, events))
}

func requireOrder(t require.TestingT, s persist.Store, o persist.Order, events []persist.OrderEvent) {
	got, history, err := s.Order(context.Background(), o.ID)
	require.NoError(t, err)
	require.Equal(t, o, got)
	require.Equal(t, events, history)
}

func testOrders(t *testing.T, f *fixture) {
	t.Run("an order comes back as it was written", func(t *testing.T) {
		o, events := order(tag(), 2)
		events[0].Note, events[1].TS = "ಕರೆ ಮಾಡಿ ' \" \x00", math.MinInt64
		o.Lines[0].Units, o.DropLon, o.UpdatedTS = math.MaxInt64, -180, math.MaxInt64
		putOrder(t, f.a, o, events)
		requireOrder(t, f.b, o, events)
	})

	t.Run("without lines, without events, empty fields", func(t *testing.T) {
		o := persist.Order{ID: tag()}
		putOrder(t, f.a, o, nil)
		requireOrder(t, f.b, o, nil)
		_, events := order(o.ID, 1)
		putOrder(t, f.b, o, events)
		requireOrder(t, f.a, o, events)
	})

	t.Run("an unknown order", func(t *testing.T) {
		_, _, err := f.a.Order(t.Context(), tag())
		require.ErrorIs(t, err, persist.ErrNotFound)
		require.NotErrorIs(t, err, persist.ErrUnavailable)
	})

	t.Run("step by step", func(t *testing.T) {
		id := tag()
		for version := 1; version <= len(statuses); version++ {
			o, events := order(id, version)
			putOrder(t, f.a, o, events[version-1:])
			requireOrder(t, f.b, o, events)
		}
	})

	t.Run("an older version changes nothing but adds its events", func(t *testing.T) {
		id := tag()
		newer, all := order(id, 4)
		older, _ := order(id, 2)
		older.Lines, older.DriverID, older.Status = nil, "zzz", "zzz"
		putOrder(t, f.a, newer, all[3:])
		requireOrder(t, f.b, newer, all[3:])
		putOrder(t, f.b, older, all[:2])
		requireOrder(t, f.a, newer, []persist.OrderEvent{all[0], all[1], all[3]})
		putOrder(t, f.a, older, all[2:3])
		requireOrder(t, f.b, newer, all)
	})

	t.Run("a newer version may empty a field", func(t *testing.T) {
		id := tag()
		older, _ := order(id, 3)
		newer := persist.Order{ID: id, Version: 4, Status: "cancelled", Lines: nil}
		putOrder(t, f.a, older, nil)
		putOrder(t, f.a, newer, nil)
		requireOrder(t, f.b, newer, nil)
	})

	t.Run("an event that is there stays", func(t *testing.T) {
		o, events := order(tag(), 2)
		putOrder(t, f.a, o, events)
		for _, note := range []string{"a", "z"} { // before and after what it is
			other := events[0]
			other.Note, other.TS = note, 5
			putOrder(t, f.b, o, []persist.OrderEvent{other})
			requireOrder(t, f.b, o, events)
		}
	})

	t.Run("orders do not see each other", func(t *testing.T) {
		prefix := tag()
		one, ones := order(prefix+"1", 3)
		ten, tens := order(prefix+"10", 2)
		putOrder(t, f.a, one, ones)
		putOrder(t, f.a, ten, tens)
		requireOrder(t, f.b, one, ones)
		requireOrder(t, f.b, ten, tens)
	})

	t.Run("all versions in any order by two servers at once", func(t *testing.T) {
		for range 5 {
			id := tag()
			var wg sync.WaitGroup
			for _, i := range rand.Perm(4 * len(statuses)) {
				s, version := []persist.Store{f.a, f.b}[i%2], i%len(statuses)+1
				wg.Go(func() {
					o, events := order(id, version)
					if err := s.PutOrder(t.Context(), o, events[version-1:]); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			last, all := order(id, len(statuses))
			requireOrder(t, f.a, last, all)
			requireOrder(t, f.b, last, all)
		}
	})
}
