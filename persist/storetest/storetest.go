// Package storetest is the conformance suite of persist.Store. Each host runs
// it on a real database:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) persist.Store { return open(t, path) })
//	}
//
// It needs no empty database: everything it writes has ids with a tag of the
// run in front, so that one keyspace, which costs seconds to make, serves a
// whole test run.
package storetest

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// Open returns a new handle on one and the same database. Two handles stand
// for two servers. The handle is closed when the test ends, and closing it
// before does no harm.
type Open func(t testing.TB) persist.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, topic := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"Tracks", testTracks},
		{"Ledger", testLedger},
		{"Reservations", testReservations},
		{"Orders", testOrders},
		{"Catalogue", testCatalogue},
		{"Archive", testArchive},
		{"Refusals", testRefusals},
		{"Lifecycle", testLifecycle},
		{"Model", testModel},
	} {
		t.Run(topic.name, func(t *testing.T) {
			topic.run(t, &fixture{open: open, a: open(t), b: open(t)})
		})
	}
}

// fixture is what a topic works with: two servers on one database.
type fixture struct {
	open Open
	a, b persist.Store
}

// tag returns an id prefix that nothing else in the database has.
func tag() string { return uuid.NewString()[:13] + ":" }

// under cuts the rows that have the prefix out of all, which is in order of id.
func under[T any](all []T, prefix string, id func(T) string) []T {
	var some []T
	for _, v := range all {
		if strings.HasPrefix(id(v), prefix) {
			some = append(some, v)
		}
	}
	return some
}

// byTwoServers writes all rows eight times at once through both stores, each time in
// another order and so many to a call.
func byTwoServers[T any](t *testing.T, f *fixture, rows []T, perCall int, write func(persist.Store, context.Context, []T) error) {
	var wg sync.WaitGroup
	for i := range 8 {
		shuffled := slices.Clone(rows)
		shuffle(shuffled)
		s := []persist.Store{f.a, f.b}[i%2]
		wg.Go(func() {
			for part := range slices.Chunk(shuffled, perCall) {
				if err := write(s, t.Context(), part); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// tracks returns a driver's rows of an interval.
func tracks(t require.TestingT, s persist.Store, driver string, from, to int64) []persist.TrackRow {
	rows, err := s.TrackRows(context.Background(), driver, from, to)
	require.NoError(t, err)
	return rows
}

// movements returns a page of a ledger.
func movements(t require.TestingT, s persist.Store, store string, after int64, limit int) []persist.Movement {
	ms, err := s.Movements(context.Background(), store, after, limit)
	require.NoError(t, err)
	return ms
}

// reservations returns a store's reservations.
func reservations(t require.TestingT, s persist.Store, store string, closedSince int64) []persist.Reservation {
	rs, err := s.Reservations(context.Background(), store, closedSince)
	require.NoError(t, err)
	return rs
}

// products returns the products under prefix by paging through them.
func products(t require.TestingT, s persist.Store, prefix string, page int) []persist.Product {
	var all []persist.Product
	for after := prefix; ; after = all[len(all)-1].ID {
		ps, err := s.Products(context.Background(), after, page)
		require.NoError(t, err)
		require.LessOrEqual(t, len(ps), page)
		mine := under(ps, prefix, func(p persist.Product) string { return p.ID })
		all = append(all, mine...)
		if len(mine) < page {
			return all
		}
	}
}

// darkStores returns the stores under prefix.
func darkStores(t require.TestingT, s persist.Store, prefix string) []persist.DarkStore {
	all, err := s.DarkStores(context.Background())
	require.NoError(t, err)
	return under(all, prefix, func(d persist.DarkStore) string { return d.ID })
}

func shuffle[T any](all []T) {
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}
