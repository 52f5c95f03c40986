package inventory

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
	"hyperlocal/persist"
	"hyperlocal/persist/sqlite"
)

// On the hosts that a server uses by default: the real catalogue is stocked,
// sold from, drained, and after a restart all of it is as it was.
func TestRestart(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	db, err := sqlite.Open(ctx, filepath.Join(dir, "record.sqlite"), sqlite.Options{})
	require.NoError(t, err)
	defer db.Close()
	start := func() (*memory.Engine, *Inventory) {
		engine, err := memory.Open(memory.Options{Dir: filepath.Join(dir, "engine")})
		require.NoError(t, err)
		inv := New(engine, db, Options{})
		require.NoError(t, inv.Load(ctx))
		return engine, inv
	}
	engine, inv := start()

	catalogue, err := ReadCatalogue(strings.NewReader(catalogueFile(t)))
	require.NoError(t, err)
	require.NoError(t, inv.ImportProducts(ctx, catalogue.Products))
	_, err = inv.PutStore(ctx, persist.DarkStore{ID: "S1", Name: "Domlur", Lat: 12.961, Lon: 77.6387, Open: true})
	require.NoError(t, err)
	received, err := inv.StockStore(ctx, "S1", catalogue.Opening)
	require.NoError(t, err)
	_, err = inv.Drain(ctx)
	require.NoError(t, err)
	reserve := func(units int64) Reservation {
		r, err := inv.Reserve(ctx, "S1", ReserveRequest{OrderID: "o", Lines: []persist.Line{line("1", units)}})
		require.NoError(t, err)
		return r
	}
	sold, open := reserve(1), reserve(2)
	_, err = inv.Commit(ctx, sold.ID)
	require.NoError(t, err)

	requireAsBefore := func() {
		t.Helper()
		_, stock, err := inv.Availability(ctx, 12.97, 77.64, []string{"product:1", "product:2"})
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"product:1": 0, "product:2": 3}, stock)
		got, err := inv.Reservation(ctx, open.ID)
		require.NoError(t, err)
		require.Equal(t, open, got)
		found, err := inv.Check(ctx, "S1")
		require.NoError(t, err)
		require.Zero(t, found)
	}
	requireAsBefore()
	require.NoError(t, engine.Close())

	engine, inv = start()
	defer engine.Close()
	requireAsBefore()
	again, err := inv.StockStore(ctx, "S1", catalogue.Opening)
	require.NoError(t, err)
	require.Zero(t, again, "stocked once")
	n, err := inv.Drain(ctx)
	require.NoError(t, err)
	require.Equal(t, 3, n, "what waited before the restart")
	requireAsBefore()
	ledger, err := db.Movements(ctx, "S1", 0, 10_000)
	require.NoError(t, err)
	require.Len(t, ledger, received+3)
}
