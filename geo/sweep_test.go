package geo

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func TestStaleDriversLeave(t *testing.T) {
	b := newBed(t)
	record(t, b.Fleet, "aa", at("old", westLon, base), at("young", westLon, base+5000))
	query := NearbyQuery{Lat: 12.97, Lon: 77.59, RadiusM: 1000, Limit: 10}

	b.clock.advance(time.Minute)
	n, err := b.Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "exactly a minute old is not stale")

	b.clock.advance(time.Millisecond)
	near, err := b.Nearby(t.Context(), query)
	require.NoError(t, err)
	require.Len(t, near, 1, "a stale driver leaves the answers at once")
	require.Equal(t, "young", near[0].DriverID)
	n, err = b.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	requireInZones(t, b, "old")
	requireInZones(t, b, "young", "west")
	p, err := b.Driver(t.Context(), "old")
	require.NoError(t, err)
	require.True(t, p.Stale)
	require.Equal(t, base, p.TS)

	// What comes late does not bring the stale driver back.
	record(t, b.Fleet, "l", at("old", westLon, base-10_000))
	requireInZones(t, b, "old")
	// A new fix does, and the next sweep has nothing to say about it.
	record(t, b.Fleet, "a", at("old", westLon, base+60_000))
	requireInZones(t, b, "old", "west")
	n, err = b.Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}

// seen may be behind the newest fix: the sweep looks before it takes a driver out, and
// brings seen up to date.
func TestSweepOfAFreshDriver(t *testing.T) {
	b := newBed(t)
	start := base / seenEvery * seenEvery
	b.clock.advance(time.Duration(start+seenEvery-base) * time.Millisecond)
	record(t, b.Fleet, "a", at("d", westLon, start))
	record(t, b.Fleet, "a", at("d", westLon, start+seenEvery-1))
	seen := func() float64 {
		score, _, err := b.engine.ZScore(t.Context(), newZoneKeys("west").seen, "d")
		require.NoError(t, err)
		return score
	}
	require.EqualValues(t, start, seen())
	b.clock.advance(time.Minute - 1*time.Millisecond)
	n, err := b.Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	require.EqualValues(t, start+seenEvery-1, seen())
	requireInZones(t, b, "d", "west")
	b.clock.advance(time.Millisecond)
	n, err = b.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	requireInZones(t, b, "d")
}

func TestForgottenDriversAndZones(t *testing.T) {
	b := newBed(t)
	record(t, b.Fleet, "aa", at("stays", westLon, base), at("leaves", westLon, base))
	record(t, b.Fleet, "a", at("leaves", eastLon, base+10_000))
	ctx := t.Context()
	last := func(zone string) map[string]string {
		m, err := b.engine.HGetAll(ctx, newZoneKeys(zone).last)
		require.NoError(t, err)
		return m
	}
	require.Len(t, last("west"), 2)

	b.clock.advance(20 * time.Minute)
	_, err := b.Sweep(ctx)
	require.NoError(t, err)
	require.Contains(t, last("west"), "stays", "until nothing older can be accepted")
	require.NotContains(t, last("west"), "leaves", "signposts go earlier")

	b.clock.advance(24 * time.Hour)
	_, err = b.Sweep(ctx)
	require.NoError(t, err)
	require.Empty(t, last("west"))
	require.Empty(t, last("east"))
	_, err = b.Driver(ctx, "stays")
	require.ErrorIs(t, err, ErrUnknownDriver)
	zones, err := zonesOf(ctx, b.engine, []string{"stays", "leaves"})
	require.NoError(t, err)
	require.Equal(t, make([]cache.Optional, 2), zones)

	// Zones stay on the index while buckets wait in them.
	require.Len(t, activeNames(t, b), 2)
	require.NoError(t, NewFlusher(b.Fleet, &store{}, FlushOptions{}).FlushAll(ctx, true))
	b.clock.advance(time.Hour)
	_, err = b.Sweep(ctx)
	require.NoError(t, err)
	require.Empty(t, activeNames(t, b))

	// And come back with the first fix.
	record(t, b.Fleet, "a", at("stays", westLon, b.clock.now().UnixMilli()))
	require.Len(t, activeNames(t, b), 1)
	requireInZones(t, b, "stays", "west")
}

func activeNames(t testing.TB, b *bed) []string {
	t.Helper()
	members, err := readActiveZones(t.Context(), b.engine)
	require.NoError(t, err)
	var out []string
	for _, m := range members {
		out = append(out, m.Name)
	}
	return out
}

func TestSweepTakesManyPages(t *testing.T) {
	b := newBed(t)
	const drivers = 2*sweepPage + 1
	fixes := make([]Fix, drivers)
	for i := range fixes {
		fixes[i] = at(fmt.Sprint("d", i), westLon, base)
	}
	_, err := b.Record(t.Context(), fixes)
	require.NoError(t, err)
	b.clock.advance(2 * time.Minute)
	n, err := b.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, drivers, n)
}
