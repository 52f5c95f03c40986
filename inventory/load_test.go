package inventory

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// beforeLoad are calls that must be refused before Load, by an engine that has lost
// the store or not.
func beforeLoad(inv *Inventory) map[string]func(t *testing.T) error {
	lines := []persist.Line{line("1", 1)}
	return map[string]func(t *testing.T) error{
		"move": func(t *testing.T) error {
			_, err := inv.Move(t.Context(), "S1", MoveRequest{Kind: Receive, Lines: lines})
			return err
		},
		"opening stock": func(t *testing.T) error {
			_, err := inv.StockStore(t.Context(), "S1", []persist.Line{line("9", 1)})
			return err
		},
		"reserve": func(t *testing.T) error {
			_, err := inv.Reserve(t.Context(), "S1", ReserveRequest{OrderID: "o", Lines: lines})
			return err
		},
		"reservation": func(t *testing.T) error {
			_, err := inv.Reservation(t.Context(), "S1."+uuid.NewString())
			return err
		},
		"commit": func(t *testing.T) error {
			_, err := inv.Commit(t.Context(), "S1."+uuid.NewString())
			return err
		},
		"release": func(t *testing.T) error {
			_, err := inv.Release(t.Context(), "S1."+uuid.NewString())
			return err
		},
		"unknown store": func(t *testing.T) error {
			_, err := inv.Store(t.Context(), "S2")
			return err
		},
	}
}

// A server starts while the database is gone, on an engine that has lost a store. If
// it moved stock, the movements would get numbers that the ledger has.
func TestBeforeLoadWithALostStore(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5))
	_, err := r.Drain(t.Context())
	require.NoError(t, err)
	r = r.loseEngine(t)
	r.db.fail(true)
	require.ErrorIs(t, r.Load(t.Context()), errDatabase)

	refused := beforeLoad(r.Inventory)
	refused["store"] = func(t *testing.T) error {
		_, err := r.Store(t.Context(), "S1")
		return err
	}
	refused["nearest"] = func(t *testing.T) error {
		_, err := r.NearestStores(t.Context(), 12.97, 77.64, 1)
		return err
	}
	for _, failing := range []bool{true, false} { // it may be back before it has been read
		r.db.fail(failing)
		for name, call := range refused {
			require.ErrorIs(t, call(t), persist.ErrUnavailable, name)
		}
	}
	// The store is known again, as by a change of it, and its stock is not.
	_, err = r.PutStore(t.Context(), persist.DarkStore{ID: "S1", Name: "Domlur", Lat: 12.961, Lon: 77.6387, Open: true})
	require.NoError(t, err)
	_, err = r.Stock(t.Context(), "S1", []string{"product:1"})
	require.ErrorIs(t, err, persist.ErrUnavailable, "no units is not what it has")
	for name, call := range beforeLoad(r.Inventory) {
		require.ErrorIs(t, call(t), persist.ErrUnavailable, name)
	}
	seq, err := r.lastSeq(t.Context(), "S1")
	require.NoError(t, err)
	require.Zero(t, seq, "nothing was moved")

	require.NoError(t, r.Load(t.Context()))
	r.requireStock(t, "product:1", 5, 0)
	r.receive(t, line("1", 1))
	_, err = r.Drain(t.Context())
	require.NoError(t, err)
	r.requireStock(t, "product:1", 6, 0)
	r.requireSound(t)
	_, err = r.Store(t.Context(), "S2")
	require.ErrorIs(t, err, ErrUnknownStore)
	_, err = r.Commit(t.Context(), "S1."+uuid.NewString())
	require.ErrorIs(t, err, ErrNotFound)
}

// What the engine has kept is answered, and open reservations go on.
func TestBeforeLoadWithAStoreThatIsThere(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5))
	var made [3]Reservation
	for i := range made {
		var err error
		made[i], err = r.Reserve(t.Context(), "S1", ReserveRequest{OrderID: "o", Lines: []persist.Line{line("1", 1)}})
		require.NoError(t, err)
	}
	r.Inventory = New(r.engine, r.db, Options{Now: r.clock.now})
	r.db.fail(true)
	require.ErrorIs(t, r.Load(t.Context()), errDatabase)
	for name, call := range beforeLoad(r.Inventory) {
		require.ErrorIs(t, call(t), persist.ErrUnavailable, name)
	}
	_, err := r.Store(t.Context(), "S1")
	require.NoError(t, err)
	near, err := r.NearestStores(t.Context(), 12.97, 77.64, 1)
	require.NoError(t, err)
	require.Len(t, near, 1)
	_, err = r.Commit(t.Context(), made[0].ID)
	require.NoError(t, err)
	_, err = r.Release(t.Context(), made[1].ID)
	require.NoError(t, err)
	r.clock.advance(DefaultTTL + time.Second)
	n, err := r.ExpireDue(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)

	r.db.fail(false)
	r.requireStock(t, "product:1", 4, 0)
	require.NoError(t, r.Load(t.Context()))
	r.requireSound(t)
}

// slowDB calls meanwhile when it has read the stores and not returned them.
type slowDB struct {
	*fakeDB
	meanwhile func()
}

func (db slowDB) DarkStores(ctx context.Context) ([]persist.DarkStore, error) {
	all, err := db.fakeDB.DarkStores(ctx)
	db.meanwhile()
	return all, err
}

// A store is changed while Load reads the stores, and Load does not undo it.
func TestLoadBesideAChangeOfAStore(t *testing.T) {
	r := newRig(t)
	want := persist.DarkStore{ID: "S1", Name: "Indiranagar", Lat: 12, Lon: 77, Open: true}
	put := make(chan error, 1)
	var inv *Inventory
	inv = New(r.engine, slowDB{r.db, func() {
		go func() {
			_, err := inv.PutStore(t.Context(), want)
			put <- err
		}()
		select { // it waits for Load, or Load would publish what it has changed
		case err := <-put:
			put <- err
		case <-time.After(50 * time.Millisecond):
		}
	}}, Options{})
	require.NoError(t, inv.Load(t.Context()))
	require.NoError(t, <-put)
	got, err := inv.Store(t.Context(), "S1")
	require.NoError(t, err)
	require.Equal(t, want, got)
}
