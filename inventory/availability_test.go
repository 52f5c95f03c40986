package inventory

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

func TestAvailability(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 5), line("2", 7))
	r.reserve(t, line("1", 2))
	store, stock, err := r.Availability(t.Context(), 12.97, 77.64, []string{"product:1", "product:3", "product:2", "product:1"})
	require.NoError(t, err)
	require.Equal(t, "S1", store.ID)
	require.Equal(t, "Domlur", store.Name)
	require.InDelta(t, 1011, store.DistanceM, 5)
	require.Equal(t, map[string]int64{"product:1": 3, "product:2": 7, "product:3": 0}, stock)

	stock, err = r.Stock(t.Context(), "S1", []string{"product:2"})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"product:2": 7}, stock)
}

func TestAvailabilityRefuses(t *testing.T) {
	r := newRig(t)
	ok := []string{"product:1"}
	for _, c := range []struct {
		name     string
		lat, lon float64
		products []string
		kind     error
		field    string
	}{
		{"latitude", 91, 0, ok, ErrInvalid, "lat"},
		{"no latitude", math.NaN(), 0, ok, ErrInvalid, "lat"},
		{"longitude", 0, -181, ok, ErrInvalid, "lon"},
		{"no products", 0, 0, nil, ErrInvalid, "products"},
		{"too many products", 0, 0, make([]string, MaxProducts+1), ErrInvalid, "products"},
		{"unknown product", 0, 0, []string{"product:1", "product:2", "product:3", "product:x"}, ErrUnknownProduct, "products[3]"},
		{"broken product", 0, 0, []string{"product:1", "a b"}, ErrInvalid, "products[1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := r.Availability(t.Context(), c.lat, c.lon, c.products)
			requireField(t, err, c.kind, c.field)
		})
	}
	_, err := r.Stock(t.Context(), "nowhere", ok)
	require.ErrorIs(t, err, ErrUnknownStore)
	_, err = r.PutStore(t.Context(), persist.DarkStore{ID: "S1", Name: "Domlur", Open: false})
	require.NoError(t, err)
	_, _, err = r.Availability(t.Context(), 0, 0, ok)
	require.ErrorIs(t, err, ErrNoOpenStore)
}

// A product that another server has imported is known without a restart, and
// what is known needs no database.
func TestProductsOfAnotherServer(t *testing.T) {
	r := newRig(t)
	other := r.other(t)
	require.NoError(t, other.Load(t.Context()))
	require.NoError(t, r.ImportProducts(t.Context(), []persist.Product{{ID: "new:1", Name: "New"}}))
	_, err := other.Stock(t.Context(), "S1", []string{"product:1", "new:1"})
	require.NoError(t, err)
	r.db.fail(true)
	_, err = other.Stock(t.Context(), "S1", []string{"product:1", "new:1"})
	require.NoError(t, err)
	_, err = other.Stock(t.Context(), "S1", []string{"new:2"})
	require.ErrorIs(t, err, errDatabase)
	require.ErrorIs(t, r.ImportProducts(t.Context(), []persist.Product{{ID: "new:2"}}), errDatabase)
	requireField(t, r.ImportProducts(t.Context(), []persist.Product{{ID: "new 2"}}), ErrInvalid, "products[0].product_id")
}

func TestLoadPagesThroughTheCatalogue(t *testing.T) {
	inv, db := newEmpty(t)
	products := make([]persist.Product, 2*importBatch+1)
	for i := range products {
		products[i].ID = "p" + decimal(int64(i))
	}
	require.NoError(t, inv.ImportProducts(t.Context(), products))
	require.Len(t, db.products, len(products))
	fresh := New(inv.engine, db, Options{})
	require.NoError(t, fresh.Load(t.Context()))
	db.fail(true)
	for _, p := range products {
		require.NoError(t, fresh.RequireProducts(t.Context(), []string{p.ID}))
	}
}
