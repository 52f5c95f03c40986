package inventory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/persist"
)

// errDatabase is what the fake database fails with.
var errDatabase = errors.New("the database is on fire")

// fakeDB is a DB in memory that fails when told to.
type fakeDB struct {
	mu        sync.Mutex
	failing   bool
	appends   int // calls of AppendMovements, failed ones too
	products  map[string]persist.Product
	stores    map[string]persist.DarkStore
	movements map[string]map[int64]persist.Movement
	// refuse tells which movements and reservations are invalid. Nil: none.
	refuse       func(store string, seq int64) bool
	reservations map[string]persist.Reservation
}

var _ DB = (*fakeDB)(nil)

func newFakeDB() *fakeDB {
	return &fakeDB{
		products:  map[string]persist.Product{},
		stores:    map[string]persist.DarkStore{},
		movements: map[string]map[int64]persist.Movement{},

		reservations: map[string]persist.Reservation{},
	}
}

// do runs fn under the lock, unless the database fails.
func (db *fakeDB) do(fn func()) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.failing {
		return errDatabase
	}
	fn()
	return nil
}

func (db *fakeDB) fail(yes bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.failing = yes
}

func (db *fakeDB) PutProducts(_ context.Context, ps []persist.Product) error {
	return db.do(func() {
		for _, p := range ps {
			db.products[p.ID] = p
		}
	})
}

func (db *fakeDB) ProductsByID(_ context.Context, ids []string) (found []persist.Product, err error) {
	err = db.do(func() {
		for _, id := range ids {
			if p, ok := db.products[id]; ok {
				found = append(found, p)
			}
		}
	})
	return found, err
}

func (db *fakeDB) Products(_ context.Context, after string, limit int) (page []persist.Product, err error) {
	err = db.do(func() {
		for id, p := range db.products {
			if id > after {
				page = append(page, p)
			}
		}
		slices.SortFunc(page, func(a, b persist.Product) int { return strings.Compare(a.ID, b.ID) })
		page = page[:min(limit, len(page))]
	})
	return page, err
}

func (db *fakeDB) PutDarkStores(_ context.Context, ss []persist.DarkStore) error {
	return db.do(func() {
		for _, s := range ss {
			db.stores[s.ID] = s
		}
	})
}

func (db *fakeDB) DarkStores(context.Context) (all []persist.DarkStore, err error) {
	err = db.do(func() {
		for _, s := range db.stores {
			all = append(all, s)
		}
	})
	return all, err
}

func (db *fakeDB) AppendMovements(_ context.Context, ms []persist.Movement) error {
	db.mu.Lock()
	db.appends++
	db.mu.Unlock()
	for _, m := range ms {
		if db.refuse != nil && db.refuse(m.StoreID, m.Seq) {
			return persist.ErrInvalid
		}
	}
	return db.do(func() {
		for _, m := range ms {
			if db.movements[m.StoreID] == nil {
				db.movements[m.StoreID] = map[int64]persist.Movement{}
			}
			if _, ok := db.movements[m.StoreID][m.Seq]; !ok {
				db.movements[m.StoreID][m.Seq] = m
			}
		}
	})
}

func (db *fakeDB) Movements(_ context.Context, storeID string, after int64, limit int) (page []persist.Movement, err error) {
	err = db.do(func() {
		for seq, m := range db.movements[storeID] {
			if seq > after {
				page = append(page, m)
			}
		}
		slices.SortFunc(page, func(a, b persist.Movement) int { return int(a.Seq - b.Seq) })
		page = page[:min(limit, len(page))]
	})
	return page, err
}

func (db *fakeDB) PutReservations(_ context.Context, rs []persist.Reservation) error {
	for _, r := range rs {
		if db.refuse != nil && db.refuse(r.StoreID, r.Seq) {
			return persist.ErrInvalid
		}
	}
	return db.do(func() {
		for _, r := range rs {
			if db.reservations[r.ID].Seq <= r.Seq {
				db.reservations[r.ID] = r
			}
		}
	})
}

func (db *fakeDB) Reservations(_ context.Context, storeID string, closedSince int64) (rs []persist.Reservation, err error) {
	err = db.do(func() {
		for _, r := range db.reservations {
			if r.StoreID == storeID && (r.ClosedTS == 0 || r.ClosedTS >= closedSince) {
				rs = append(rs, r)
			}
		}
		slices.SortFunc(rs, func(a, b persist.Reservation) int { return strings.Compare(a.ID, b.ID) })
	})
	return rs, err
}

// clock is a clock that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.UnixMilli(1_764_000_000_000)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// rig is an inventory on the memory engine and a fake database, with the store
// S1 and the products product:1 to product:9.
type rig struct {
	*Inventory
	engine cache.Engine
	db     *fakeDB
	clock  *clock
}

func newRig(t testing.TB) rig {
	t.Helper()
	r := rig{engine: enginetest.Memory(t), db: newFakeDB(), clock: newClock()}
	r.Inventory = newLoaded(t, r.engine, r.db, Options{Now: r.clock.now})
	var products []persist.Product
	for n := '1'; n <= '9'; n++ {
		products = append(products, persist.Product{ID: "product:" + string(n), Name: "Product " + string(n), MRPPaise: 100, PricePaise: 100})
	}
	require.NoError(t, r.ImportProducts(t.Context(), products))
	_, err := r.PutStore(t.Context(), persist.DarkStore{ID: "S1", Name: "Domlur", Lat: 12.961, Lon: 77.6387, Open: true})
	require.NoError(t, err)
	return r
}

// newLoaded is New and Load.
func newLoaded(t testing.TB, engine cache.Engine, db DB, opt Options) *Inventory {
	t.Helper()
	inv := New(engine, db, opt)
	require.NoError(t, inv.Load(t.Context()))
	return inv
}

// other is another server on the same engine and database.
func (r rig) other(t testing.TB) *Inventory {
	t.Helper()
	return newLoaded(t, r.engine, r.db, Options{Now: r.clock.now})
}

// loseEngine is the same on an engine that has nothing.
func (r rig) loseEngine(t testing.TB) rig {
	t.Helper()
	r.engine = enginetest.Memory(t)
	r.Inventory = New(r.engine, r.db, Options{Now: r.clock.now})
	return r
}

// receive stocks S1.
func (r rig) receive(t testing.TB, lines ...persist.Line) {
	t.Helper()
	_, err := r.Move(t.Context(), "S1", MoveRequest{Kind: Receive, Lines: lines})
	require.NoError(t, err)
}

// requireStock requires units available and reserved of one product in S1.
func (r rig) requireStock(t testing.TB, product string, available, reserved int64) {
	t.Helper()
	stock, err := r.Stock(t.Context(), "S1", []string{product})
	require.NoError(t, err)
	require.Equal(t, available, stock[product], "available units of %s", product)
	units, err := r.engine.HGet(t.Context(), keyReserved("S1"), product)
	require.NoError(t, err)
	require.Equal(t, reserved, whole(units.Str), "reserved units of %s", product)
}

// requireSound requires that the stock of S1 is the sum of its movements.
func (r rig) requireSound(t testing.TB) {
	t.Helper()
	found, err := r.Check(t.Context(), "S1")
	require.NoError(t, err)
	require.Zero(t, found)
}

// requireField requires an error of a kind that names a field.
func requireField(t testing.TB, err, kind error, field string) {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *FieldError
	require.ErrorAs(t, err, &e)
	require.Equal(t, field, e.Field)
	require.NotEmpty(t, e.Detail)
}

func line(product string, units int64) persist.Line {
	return persist.Line{ProductID: "product:" + product, Units: units}
}
