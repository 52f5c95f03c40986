package storetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

func product(id string) persist.Product {
	return persist.Product{
		ID: id, Name: "Toned Milk 500 ml", Categories: []string{"Dairy, Bread & Eggs", "Milk"},
		MRPPaise: 2900, PricePaise: 2700, DiscountPercent: 6, WeightG: 515, PackSize: 500,
	}
}

func testCatalogue(t *testing.T, f *fixture) {
	ctx := t.Context()

	t.Run("a product comes back as it was written", func(t *testing.T) {
		prefix := tag()
		full, bare, odd := product(prefix+"1"), persist.Product{ID: prefix + "2"}, product(prefix+"ಹಾಲು ' \"")
		odd.Name, odd.Categories = "<b>\x00 \\ 🥛", []string{"", "a,b", `"`}
		odd.MRPPaise, odd.PricePaise, odd.WeightG, odd.DiscountPercent = math.MaxInt64, math.MinInt64, math.MaxInt32, -5
		want := []persist.Product{full, bare, odd}
		require.NoError(t, f.a.PutProducts(ctx, want))
		require.Equal(t, want, products(t, f.b, prefix, 100))
		got, err := f.b.ProductsByID(ctx, []string{full.ID, bare.ID, odd.ID})
		require.NoError(t, err)
		require.Equal(t, want, got)
	})

	t.Run("the last one wins, in one call and in two", func(t *testing.T) {
		prefix := tag()
		first, second, third := product(prefix), product(prefix), product(prefix)
		first.Name, second.Name, third.Name = "b", "a", "0"
		second.Categories, third.Categories = nil, []string{"only"}
		require.NoError(t, f.a.PutProducts(ctx, []persist.Product{first, second}))
		require.Equal(t, []persist.Product{second}, byID(t, f.b, prefix))
		require.NoError(t, f.b.PutProducts(ctx, []persist.Product{third}))
		require.Equal(t, []persist.Product{third}, byID(t, f.a, prefix))
	})

	t.Run("by id: in the order asked, unknown ones left out, repeated ones repeated", func(t *testing.T) {
		prefix := tag()
		var want []persist.Product
		var ids []string
		for i := range 50 {
			want = append(want, product(fmt.Sprint(prefix, i)))
		}
		require.NoError(t, f.a.PutProducts(ctx, want))
		shuffle(want)
		want = append(want, want[0])
		for _, p := range want {
			ids = append(ids, p.ID, prefix+"unknown")
		}
		require.Equal(t, want, byID(t, f.b, ids...))
		require.Empty(t, byID(t, f.b))
		require.Empty(t, byID(t, f.b, prefix+"unknown"))
	})

	t.Run("many: written in a call, paged through, found", func(t *testing.T) {
		prefix := tag()
		var want []persist.Product
		var ids []string
		for i := range 700 {
			want = append(want, product(fmt.Sprintf("%s%04d", prefix, i)))
			ids = append(ids, want[i].ID)
		}
		mixed := slices.Clone(want)
		shuffle(mixed)
		require.NoError(t, f.a.PutProducts(ctx, mixed))
		for _, page := range []int{1000, 350, 99} {
			require.Equal(t, want, products(t, f.b, prefix, page))
		}
		require.Equal(t, want, byID(t, f.b, ids...))
		for _, limit := range []int{0, -1} {
			ps, err := f.a.Products(ctx, prefix, limit)
			require.NoError(t, err)
			require.Empty(t, ps)
		}
		ps, err := f.a.Products(ctx, want[9].ID, 2)
		require.NoError(t, err)
		require.Equal(t, want[10:12], ps, "after is not included")
	})

	t.Run("stores", func(t *testing.T) {
		prefix := tag()
		a := persist.DarkStore{ID: prefix + "a", Name: "ಇಂದಿರಾನಗರ", Lat: 12.97, Lon: 77.64, Open: true}
		b := persist.DarkStore{ID: prefix + "b"}
		require.NoError(t, f.a.PutDarkStores(ctx, []persist.DarkStore{b, a}))
		require.Equal(t, []persist.DarkStore{a, b}, darkStores(t, f.b, prefix))
		a.Open = false
		require.NoError(t, f.b.PutDarkStores(ctx, []persist.DarkStore{a}))
		require.Equal(t, []persist.DarkStore{a, b}, darkStores(t, f.a, prefix))
	})

	t.Run("nothing", func(t *testing.T) {
		require.NoError(t, f.a.PutProducts(ctx, nil))
		require.NoError(t, f.a.PutDarkStores(ctx, nil))
	})
}

func byID(t *testing.T, s persist.Store, ids ...string) []persist.Product {
	t.Helper()
	ps, err := s.ProductsByID(t.Context(), ids)
	require.NoError(t, err)
	return ps
}
