package demo

import (
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/planar"
	"github.com/stretchr/testify/require"
)

func TestWards(t *testing.T) {
	all, err := wards()
	require.NoError(t, err)
	require.Len(t, all, 198)
	people := 0
	for _, w := range all {
		people += w.population
		require.NotEmpty(t, w.name)
		require.Positive(t, w.population, w.name)
		require.True(t, planar.MultiPolygonContains(w.area, w.middle), "%s: its middle lies outside", w.name)
		box := w.area.Bound()
		fill := planar.Area(w.area) / ((box.Max[0] - box.Min[0]) * (box.Max[1] - box.Min[1]))
		require.Greater(t, fill, 0.11, w.name)
	}
	require.Equal(t, 5_840_155, people)
}

func TestStores(t *testing.T) {
	stores, err := Stores()
	require.NoError(t, err)
	require.Len(t, stores, 40)
	require.Equal(t, "S1", stores[0].ID)
	require.Equal(t, "S40", stores[39].ID)
	for i, a := range stores {
		for _, b := range stores[:i] {
			require.GreaterOrEqual(t, geo.Distance(orb.Point{a.Lon, a.Lat}, orb.Point{b.Lon, b.Lat}), storeApartM, "%s, %s", a.Name, b.Name)
		}
	}
	again, err := Stores()
	require.NoError(t, err)
	require.Equal(t, stores, again)
}

func TestAnchors(t *testing.T) {
	all, err := wards()
	require.NoError(t, err)
	byName := make(map[string]ward)
	for _, w := range all {
		byName[w.name] = w
	}
	places, err := anchors(1000)
	require.NoError(t, err)
	require.Len(t, places, 1000)
	used := make(map[string]int)
	for _, a := range places {
		used[a.Name]++
		require.True(t, planar.MultiPolygonContains(byName[a.Name].area, orb.Point{a.Lon, a.Lat}), a.Name)
	}
	require.Greater(t, len(used), 180, "wards with a partner")
	more, err := anchors(1200)
	require.NoError(t, err)
	require.Equal(t, places, more[:1000], "a larger fleet leaves the others where they are")
}

func TestData(t *testing.T) {
	traces, err := Traces()
	require.NoError(t, err)
	require.Len(t, traces, 600)

	lines, err := geojson.UnmarshalFeatureCollection(Roads())
	require.NoError(t, err)
	require.Len(t, lines.Features, 672)
	require.Equal(t, "Bannerghatta Road", lines.Features[0].Properties["name"])

	require.Contains(t, string(Catalogue()[:200]), "sku_id,Category,name,mrp,discountPercent,availableQuantity")
}
