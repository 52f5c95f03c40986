package storetest

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

func movement(store string, seq int64) persist.Movement {
	return persist.Movement{
		StoreID: store, Seq: seq, TS: monday + seq, Kind: "reserve", ProductID: "product:101",
		Available: -3, Reserved: 3, Reference: "order:56789",
	}
}

func testLedger(t *testing.T, f *fixture) {
	ctx := t.Context()

	t.Run("a row comes back as it was written", func(t *testing.T) {
		m := movement(tag(), 1)
		m.Kind, m.ProductID, m.Reference = "ವಾಪಸ್", "product ' \" ಹಾಲು", "note\x00\n"
		m.TS, m.Available, m.Reserved = -1, math.MaxInt64, math.MinInt64
		require.NoError(t, f.a.AppendMovements(ctx, []persist.Movement{m}))
		require.Equal(t, []persist.Movement{m}, movements(t, f.b, m.StoreID, 0, 10))
	})

	t.Run("the first one stays, in one call and in two", func(t *testing.T) {
		first := movement(tag(), 1)
		for _, kind := range []string{"adjust", "waste"} { // before and after "reserve"
			other := first
			other.Kind, other.Available = kind, 77
			require.NoError(t, f.a.AppendMovements(ctx, []persist.Movement{first, other}))
			require.NoError(t, f.b.AppendMovements(ctx, []persist.Movement{other}))
			require.Equal(t, []persist.Movement{first}, movements(t, f.b, first.StoreID, 0, 10))
		}
	})

	t.Run("pages", func(t *testing.T) {
		store := tag()
		all := ledger(store, 1, 25)
		shuffle(all)
		require.NoError(t, f.a.AppendMovements(ctx, all))
		for _, c := range []struct {
			after    int64
			limit    int
			from, to int64
		}{
			{0, 10, 1, 10}, {10, 10, 11, 20}, {20, 10, 21, 25}, {25, 10, 1, 0}, {24, 1, 25, 25},
			{-5, 3, 1, 3}, {math.MinInt64, 2, 1, 2}, {0, math.MaxInt32, 1, 25},
			{math.MaxInt64, 10, 1, 0}, {0, 0, 1, 0}, {0, -1, 1, 0},
		} {
			require.Equal(t, ledger(store, c.from, c.to), movements(t, f.b, store, c.after, c.limit), "after %d, limit %d", c.after, c.limit)
		}
	})

	t.Run("a gap does not end a page", func(t *testing.T) {
		// Rows of a later call can be there before those of an earlier one.
		store := tag()
		late := ledger(store, 9_998, 10_003)
		far := ledger(store, 1_000_000, 1_000_002)
		require.NoError(t, f.a.AppendMovements(ctx, append(slices.Clone(far), late...)))
		require.Equal(t, slices.Concat(late, far), movements(t, f.a, store, 0, 100))
		require.Equal(t, slices.Concat(late[4:], far[:1]), movements(t, f.a, store, 10_001, 3))
		early := ledger(store, 1, 2)
		require.NoError(t, f.b.AppendMovements(ctx, early))
		require.Equal(t, slices.Concat(early, late, far), movements(t, f.b, store, 0, 100))
	})

	t.Run("the same rows by two servers at once", func(t *testing.T) {
		store := tag()
		byTwoServers(t, f, ledger(store, 1, 60), 11, persist.Store.AppendMovements)
		require.Equal(t, ledger(store, 1, 60), movements(t, f.a, store, 0, 1000))
	})

	t.Run("stores do not see each other", func(t *testing.T) {
		prefix := tag()
		a, b := movement(prefix+"S1", 1), movement(prefix+"S10", 2)
		require.NoError(t, f.a.AppendMovements(ctx, []persist.Movement{a, b}))
		require.Equal(t, []persist.Movement{a}, movements(t, f.a, prefix+"S1", 0, 10))
		require.Empty(t, movements(t, f.a, prefix, 0, 10))
	})

	t.Run("nothing", func(t *testing.T) {
		require.NoError(t, f.a.AppendMovements(ctx, nil))
	})

	t.Run("many rows in a call", func(t *testing.T) {
		store := tag()
		all := ledger(store, 1, 3_000)
		require.NoError(t, f.a.AppendMovements(ctx, all))
		require.Equal(t, all, movements(t, f.b, store, 0, 5_000))
	})
}

// ledger returns the movements first to last of a store.
func ledger(store string, first, last int64) []persist.Movement {
	var ms []persist.Movement
	for seq := first; seq <= last; seq++ {
		ms = append(ms, movement(store, seq))
	}
	return ms
}
