package geo

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// oneZone is a file with one zone around both of twoZones.
func oneZone(t testing.TB) *Zones {
	t.Helper()
	z, err := LoadZones(strings.NewReader(collection(feature(`{"id":"all"}`,
		`{"type":"Polygon","coordinates":[[[77,12],[79,12],[79,14],[77,14],[77,12]]]}`))))
	require.NoError(t, err)
	return z
}

func TestDriversMoveToTheirNewZone(t *testing.T) {
	b := newBed(t)
	record(t, b.Fleet, "aa", at("d", westLon, base), at("e", eastLon, base))
	requireInZones(t, b, "d", "west")
	b.SetZones(oneZone(t))
	require.Equal(t, []Zone{{ID: "all", Name: "all"}}, b.Zones().List())

	b.clock.advance(4 * time.Second)
	for _, radius := range []float64{0, 1000} {
		near, err := b.Nearby(t.Context(), NearbyQuery{Lat: 12.97, Lon: westLon, RadiusM: radius, Limit: 1})
		require.NoError(t, err)
		require.Equal(t, []string{"d"}, names(near), "found where he was")
	}
	record(t, b.Fleet, "a", at("d", westLon, base+4000))
	requireInZones(t, b, "d")
	p, err := b.Driver(t.Context(), "d")
	require.NoError(t, err)
	require.Equal(t, "all", p.Zone)
	b.clock.advance(time.Second) // for so long the active zones are remembered
	in, err := b.InZone(t.Context(), "all", 10)
	require.NoError(t, err)
	require.Equal(t, []string{"d"}, names(in))
	near, err := b.Nearby(t.Context(), NearbyQuery{Lat: 12.97, Lon: westLon, RadiusM: 100_000, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, []string{"d", "e"}, names(near), "each once, in whichever zone")
}

// An operator who mends a file loads it several times in a minute.
func TestDriversAreFoundAfterSeveralChanges(t *testing.T) {
	b := newBed(t)
	record(t, b.Fleet, "aa", at("d", westLon, base), at("e", eastLon, base))
	find := func(radius float64) []string {
		near, err := b.Nearby(t.Context(), NearbyQuery{Lat: 12.97, Lon: westLon, RadiusM: radius, Limit: 10})
		require.NoError(t, err)
		return names(near)
	}
	for i := range 2 * maxFormer {
		b.SetZones(NoZones())
		if i < maxFormer {
			require.Equal(t, []string{"d", "e"}, find(1000), "change %d", i)
		}
		require.Equal(t, []string{"d", "e"}, find(0), "change %d", i)
	}
	require.Len(t, b.zoning.Load().before, maxFormer)

	record(t, b.Fleet, "aa", at("d", westLon, base+4000), at("e", eastLon, base+4000))
	b.clock.advance(time.Minute + time.Millisecond)
	for range 2 { // the ones before are too old to be remembered
		b.SetZones(NoZones())
	}
	require.Len(t, b.zoning.Load().before, 2)
}

// Zones change to and fro while pings come: nobody is lost, and no fix either.
func TestZonesChangeWhilePingsCome(t *testing.T) {
	b := newBed(t)
	b.clock.advance(time.Minute)
	files := []*Zones{oneZone(t), b.zones}
	const drivers, rounds = 40, 50
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for n := range rounds {
				var fixes []Fix
				for d := part; d < drivers; d += 4 {
					fixes = append(fixes, at(fmt.Sprint("d", d), westLon+float64(d)*0.0001, base+int64(n)*1000))
				}
				outcomes, err := b.Record(t.Context(), fixes)
				if err != nil {
					t.Error(err)
					return
				}
				for _, o := range outcomes {
					if !o.Verdict.Joined() {
						t.Errorf("%+v", o)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 200 {
			b.SetZones(files[i%2])
		}
	})
	wg.Wait()
	b.SetZones(files[1])
	for d := range drivers {
		p, err := b.Driver(t.Context(), fmt.Sprint("d", d))
		require.NoError(t, err)
		require.Equal(t, base+(rounds-1)*1000, p.TS)
	}
}
