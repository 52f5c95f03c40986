package inventory

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/enginetest"
	"hyperlocal/persist"
)

// Places in Bengaluru, and how far they are from MG Road station as the great
// circle on Redis's sphere has it.
var (
	mgRoad      = [2]float64{12.9756, 77.6066}
	domlur      = persist.DarkStore{ID: "domlur", Name: "Domlur", Lat: 12.9610, Lon: 77.6387, Open: true}           // 3.84 km
	indiranagar = persist.DarkStore{ID: "indiranagar", Name: "Indiranagar", Lat: 12.9784, Lon: 77.6408, Open: true} // 3.72 km
	mysuru      = persist.DarkStore{ID: "mysuru", Name: "Mysuru", Lat: 12.2958, Lon: 76.6394, Open: true}           // 129.4 km
	lima        = persist.DarkStore{ID: "lima", Name: "Lima", Lat: -12.0464, Lon: -77.0428, Open: true}             // 17,267 km
)

func newEmpty(t testing.TB, stores ...persist.DarkStore) (*Inventory, *fakeDB) {
	t.Helper()
	db := newFakeDB()
	inv := newLoaded(t, enginetest.Memory(t), db, Options{})
	for _, s := range stores {
		got, err := inv.PutStore(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, s, got)
	}
	return inv, db
}

func ids(near []StoreDistance) []string {
	var out []string
	for _, s := range near {
		out = append(out, s.ID)
	}
	return out
}

func TestNearestStores(t *testing.T) {
	inv, _ := newEmpty(t, domlur, lima, mysuru, indiranagar)
	near, err := inv.NearestStores(t.Context(), mgRoad[0], mgRoad[1], 4)
	require.NoError(t, err)
	require.Equal(t, []string{"indiranagar", "domlur", "mysuru", "lima"}, ids(near))
	require.Equal(t, indiranagar, near[0].DarkStore)
	for i, km := range []float64{3.72, 3.84, 129.4, 17267} {
		require.InEpsilon(t, km*1000, near[i].DistanceM, 0.005, near[i].ID)
	}
	near, err = inv.NearestStores(t.Context(), mgRoad[0], mgRoad[1], 3)
	require.NoError(t, err)
	require.Equal(t, []string{"indiranagar", "domlur", "mysuru"}, ids(near), "the circle grows until there are enough")
}

func TestNearestStoreIsOpen(t *testing.T) {
	inv, _ := newEmpty(t, domlur, indiranagar)
	for i := range 50 { // all of them nearer, all closed
		_, err := inv.PutStore(t.Context(), persist.DarkStore{
			ID: fmt.Sprint("closed", i), Name: "Closed", Lat: mgRoad[0] + float64(i)*1e-5, Lon: mgRoad[1],
		})
		require.NoError(t, err)
	}
	nearest := func() []string {
		near, err := inv.NearestStores(t.Context(), mgRoad[0], mgRoad[1], 1)
		require.NoError(t, err)
		return ids(near)
	}
	require.Equal(t, []string{"indiranagar"}, nearest())

	shut := indiranagar
	shut.Open = false
	_, err := inv.PutStore(t.Context(), shut)
	require.NoError(t, err)
	require.Equal(t, []string{"domlur"}, nearest())
	_, err = inv.PutStore(t.Context(), indiranagar)
	require.NoError(t, err)
	require.Equal(t, []string{"indiranagar"}, nearest())
	all, err := inv.Stores(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 52, "closed ones are stores too")
}

func TestNearestStoresWithoutAny(t *testing.T) {
	inv, _ := newEmpty(t)
	near, err := inv.NearestStores(t.Context(), 1, 1, 5)
	require.NoError(t, err)
	require.Empty(t, near)
	_, _, err = inv.Availability(t.Context(), 1, 1, []string{"x"})
	requireField(t, err, ErrUnknownProduct, "products[0]")
}

func TestStoreIsSharedAndDurable(t *testing.T) {
	engine, db := enginetest.Memory(t), newFakeDB()
	one, two := newLoaded(t, engine, db, Options{}), newLoaded(t, engine, db, Options{})
	_, err := one.PutStore(t.Context(), domlur)
	require.NoError(t, err)
	got, err := two.Store(t.Context(), "domlur")
	require.NoError(t, err)
	require.Equal(t, domlur, got)
	_, err = two.Store(t.Context(), "nowhere")
	require.ErrorIs(t, err, ErrUnknownStore)

	// A new engine, the same database.
	three := New(enginetest.Memory(t), db, Options{})
	_, err = three.Store(t.Context(), "domlur")
	require.ErrorIs(t, err, persist.ErrUnavailable, "it may be in the database")
	require.NotErrorIs(t, err, ErrUnknownStore)
	require.NoError(t, three.Load(t.Context()))
	got, err = three.Store(t.Context(), "domlur")
	require.NoError(t, err)
	require.Equal(t, domlur, got)
	near, err := three.NearestStores(t.Context(), mgRoad[0], mgRoad[1], 1)
	require.NoError(t, err)
	require.Equal(t, []string{"domlur"}, ids(near))

	db.fail(true)
	_, err = one.PutStore(t.Context(), mysuru)
	require.ErrorIs(t, err, errDatabase)
	_, err = one.Store(t.Context(), "mysuru")
	require.ErrorIs(t, err, ErrUnknownStore, "what the database does not have, nobody sees")
	require.ErrorIs(t, three.Load(t.Context()), errDatabase)
}

func TestPutStoreRefuses(t *testing.T) {
	inv, db := newEmpty(t)
	for _, c := range []struct {
		field  string
		change func(*persist.DarkStore)
	}{
		{"id", func(s *persist.DarkStore) { s.ID = "" }},
		{"id", func(s *persist.DarkStore) { s.ID = "a}b" }},
		{"id", func(s *persist.DarkStore) { s.ID = "a.b" }},
		{"name", func(s *persist.DarkStore) { s.Name = " " }},
		{"name", func(s *persist.DarkStore) { s.Name = "\xff" }},
		{"lat", func(s *persist.DarkStore) { s.Lat = 91 }},
		{"lat", func(s *persist.DarkStore) { s.Lat = -85.06 }},
		{"lat", func(s *persist.DarkStore) { s.Lat = math.NaN() }},
		{"lon", func(s *persist.DarkStore) { s.Lon = 180.1 }},
		{"lon", func(s *persist.DarkStore) { s.Lon = math.Inf(-1) }},
	} {
		s := domlur
		c.change(&s)
		_, err := inv.PutStore(t.Context(), s)
		requireField(t, err, ErrInvalid, c.field)
	}
	require.Empty(t, db.stores)
	_, err := inv.NearestStores(t.Context(), math.NaN(), 0, 1)
	requireField(t, err, ErrInvalid, "lat")
	_, err = inv.NearestStores(t.Context(), 0, 0, 0)
	requireField(t, err, ErrInvalid, "limit")
	_, err = inv.NearestStores(t.Context(), 0, 0, 101)
	requireField(t, err, ErrInvalid, "limit")
}
