package storetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// reservation returns an open one.
func reservation(store, id string, seq int64) persist.Reservation {
	return persist.Reservation{
		StoreID: store, ID: id, Seq: seq, OrderID: "order:56789", State: "open",
		Lines:     []persist.Line{{ProductID: "product:101", Units: 3}, {ProductID: "product:7", Units: 1}},
		CreatedTS: monday, ExpiresTS: monday + hour,
	}
}

// closed returns a reservation as it is after a later movement.
func closed(r persist.Reservation, seq int64, state string, ts int64) persist.Reservation {
	r.Seq, r.State, r.ClosedTS = seq, state, ts
	return r
}

func testReservations(t *testing.T, f *fixture) {
	ctx := t.Context()
	put := func(t *testing.T, s persist.Store, rs ...persist.Reservation) {
		t.Helper()
		require.NoError(t, s.PutReservations(ctx, rs))
	}

	t.Run("a row comes back as it was written", func(t *testing.T) {
		store := tag()
		odd, bare := reservation(store, "ಹಾಲು ' \"\x00\n", math.MaxInt64), persist.Reservation{StoreID: store, ID: "b", Seq: 1}
		odd.OrderID, odd.State = "\"", "ತೆರೆದ"
		odd.Lines = []persist.Line{{ProductID: "a\"b ಹಾಲು", Units: math.MaxInt64}, {Units: math.MinInt64}}
		odd.CreatedTS, odd.ExpiresTS = math.MinInt64, math.MaxInt64
		done := closed(reservation(store, "c", 8), 9, "expired", math.MaxInt64)
		put(t, f.a, done, odd, bare)
		require.Equal(t, []persist.Reservation{bare, done, odd}, reservations(t, f.b, store, math.MinInt64))
	})

	t.Run("the state of the last movement stays, in one call and in two, in either order", func(t *testing.T) {
		for _, earlierFirst := range []bool{true, false} {
			open := reservation(tag(), "r", 4)
			last := closed(open, 9, "committed", monday+1)
			last.Lines = last.Lines[:1]
			rows := []persist.Reservation{last, open}
			if earlierFirst {
				slices.Reverse(rows)
			}
			put(t, f.a, rows...)
			require.Equal(t, []persist.Reservation{last}, reservations(t, f.b, open.StoreID, monday))
			for _, again := range []persist.Reservation{open, last} {
				put(t, f.b, again)
				require.Equal(t, []persist.Reservation{last}, reservations(t, f.a, open.StoreID, monday))
			}
		}
	})

	t.Run("open ones, and those that were closed since", func(t *testing.T) {
		store := tag()
		open := reservation(store, "a", 1)
		before := closed(reservation(store, "b", 2), 3, "released", monday-1)
		then := closed(reservation(store, "c", 4), 5, "expired", monday)
		put(t, f.a, then, before, open)
		for since, want := range map[int64][]persist.Reservation{
			monday - 1:    {open, before, then},
			monday:        {open, then},
			monday + 1:    {open},
			math.MaxInt64: {open},
			math.MinInt64: {open, before, then},
		} {
			require.Equal(t, want, reservations(t, f.b, store, since), "since %d", since)
		}
	})

	t.Run("the same rows by two servers at once", func(t *testing.T) {
		store := tag()
		var states, want []persist.Reservation
		for i := range 40 {
			open := reservation(store, fmt.Sprintf("r%02d", i), int64(2*i+1))
			last := closed(open, int64(2*i+2), "committed", monday+int64(i))
			states, want = append(states, open, last), append(want, last)
		}
		byTwoServers(t, f, states, 11, persist.Store.PutReservations)
		require.Equal(t, want, reservations(t, f.a, store, monday))
	})

	t.Run("stores do not see each other", func(t *testing.T) {
		prefix := tag()
		a, b := reservation(prefix+"S1", "r", 1), reservation(prefix+"S10", "r", 2)
		put(t, f.a, a, b)
		require.Equal(t, []persist.Reservation{a}, reservations(t, f.b, a.StoreID, 0))
		require.Equal(t, []persist.Reservation{b}, reservations(t, f.b, b.StoreID, 0))
		require.Empty(t, reservations(t, f.a, prefix, 0))
		require.Empty(t, reservations(t, f.a, "", 0))
	})

	t.Run("nothing", func(t *testing.T) {
		put(t, f.a)
	})

	t.Run("many rows in a call", func(t *testing.T) {
		store := tag()
		var all []persist.Reservation
		for i := range 3_000 {
			all = append(all, reservation(store, fmt.Sprintf("r%04d", i), int64(i+1)))
		}
		put(t, f.a, all...)
		require.Equal(t, all, reservations(t, f.b, store, 0))
	})
}
