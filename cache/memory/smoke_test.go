package memory

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func TestSmoke(t *testing.T) {
	e, err := Open(Options{})
	require.NoError(t, err)
	ctx := context.Background()
	n, err := e.GeoAdd(ctx, "Sicily", cache.GeoMember{Name: "Palermo", Lat: 38.115556, Lon: 13.361389}, cache.GeoMember{Name: "Catania", Lat: 37.502669, Lon: 15.087269})
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	s, ok, _ := e.ZScore(ctx, "Sicily", "Palermo")
	require.True(t, ok)
	require.Equal(t, 3479099956230698.0, s)
	hits, err := e.GeoSearch(ctx, "Sicily", cache.GeoQuery{Lat: 37, Lon: 15, RadiusM: 200000})
	require.NoError(t, err)
	t.Log(hits)
	require.Len(t, hits, 2)
	hits, err = e.GeoSearch(ctx, "Sicily", cache.GeoQuery{Lat: 37, Lon: 15, RadiusM: 200000, Count: 1})
	require.NoError(t, err)
	require.Len(t, hits, 1)
	require.NoError(t, e.Close())
	_, err = e.Get(ctx, "x")
	require.ErrorIs(t, err, cache.ErrUnavailable)
}
