package geo

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Nearby must answer as a look at every driver would, over many zones, borders
// and cells outside, on both hosts.
func TestNearbyEqualsBruteForce(t *testing.T) {
	z := wards(t)
	random := rand.New(rand.NewPCG(7, 8))
	clock := &clock{ms: base}
	for name, open := range hosts {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			f := NewFleet(e, z, FleetOptions{Now: clock.now})
			fixes := make([]Fix, 3000)
			for i := range fixes {
				fixes[i] = at(fmt.Sprint("d", i), 77.40+random.Float64()*0.4, base-int64(random.IntN(80_000)))
				fixes[i].Lat = 12.78 + random.Float64()*0.4
				fixes[i].Busy = i%3 == 0
			}
			// Some at one place, so that the limit cuts between equals.
			for i := range 20 {
				fixes[i].Lat, fixes[i].Lon = 12.97, 77.59
			}
			_, err := f.Record(t.Context(), fixes)
			require.NoError(t, err)
			for range 60 {
				q := NearbyQuery{
					Lat: 12.75 + random.Float64()*0.45, Lon: 77.38 + random.Float64()*0.45,
					RadiusM:   []float64{0, 50, 800, 3000, 20_000, 100_000}[random.IntN(6)],
					Limit:     []int{1, 10, 100, 5000}[random.IntN(4)],
					MaxAge:    []time.Duration{0, 5 * time.Second, time.Hour}[random.IntN(3)],
					Available: random.IntN(2) == 0,
				}
				if random.IntN(5) == 0 {
					q.Lat, q.Lon = 12.97, 77.59
				}
				got, err := f.Nearby(t.Context(), q)
				require.NoError(t, err)
				requireSameDrivers(t, bruteForce(fixes, q), got, q)
			}
		})
	}
}

// Steps within a cell of the index leave a driver's place in it as it was; answers
// are about the newest fixes all the same.
func TestNearbyAfterSmallSteps(t *testing.T) {
	random := rand.New(rand.NewPCG(17, 18))
	clock := &clock{ms: base}
	for name, open := range hosts {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			f := NewFleet(e, wards(t), FleetOptions{Now: clock.now})
			fixes := make([]Fix, 300)
			for i := range fixes {
				fixes[i] = at(fmt.Sprint("d", i), 77.59+random.Float64()*0.004, base-50_000)
				fixes[i].Lat = 12.97 + random.Float64()*0.004
			}
			kept := 0
			scores := map[string]float64{}
			for range 8 {
				clock.advance(activeFresh * time.Millisecond)
				for i := range fixes {
					fixes[i].TS += 4000
					fixes[i].Lat += (random.Float64() - 0.5) * 2e-4
					fixes[i].Lon += (random.Float64() - 0.5) * 2e-4
				}
				_, err := f.Record(t.Context(), fixes)
				require.NoError(t, err)
				for _, fix := range fixes {
					k := f.keysAt(f.zoning.Load(), fix.Lat, fix.Lon)
					score, in, err := e.ZScore(t.Context(), k.zone, fix.DriverID)
					require.NoError(t, err)
					require.True(t, in)
					if scores[fix.DriverID] == score {
						kept++
					}
					scores[fix.DriverID] = score
				}
				for range 20 {
					q := NearbyQuery{
						Lat: 12.97 + random.Float64()*0.004, Lon: 77.59 + random.Float64()*0.004,
						RadiusM: []float64{0, 5, 30, 100}[random.IntN(4)], Limit: []int{1, 5, 400}[random.IntN(3)],
					}
					got, err := f.Nearby(t.Context(), q)
					require.NoError(t, err)
					requireSameDrivers(t, bruteForce(fixes, q), got, q)
				}
			}
			require.Greater(t, kept, 500, "most steps stay in their cell")
		})
	}
}

// A hundred thousand drivers where answers go wrong: over the antimeridian, as far
// north and south as there are any, across borders of zones, in a hole of one, in one
// heap, and all over the Earth.
func TestNearbyAtTheEnds(t *testing.T) {
	type region struct{ south, west, north, east float64 }
	regions := []region{
		{-20, 179, -10, 181}, {84, -180, MaxLat, 180}, {-MaxLat, -180, -84.5, 180}, {12.6, 77.2, 13.3, 78},
		{27.95, 77.1, 28.05, 77.3}, {-MaxLat, -180, MaxLat, 180}, {12.97, 77.59, 12.9701, 77.5901},
	}
	place := func(rt *rapid.T, r region) (lat, lon float64) {
		lat = rapid.Float64Range(r.south, r.north).Draw(rt, "lat")
		return lat, wrapLon(rapid.Float64Range(r.west, r.east).Draw(rt, "lon"))
	}
	random := rand.New(rand.NewPCG(41, 42))
	fixes := make([]Fix, 100_000)
	for i := range fixes {
		r := regions[random.IntN(len(regions))]
		fixes[i] = at(fmt.Sprint("d", i), wrapLon(r.west+random.Float64()*(r.east-r.west)), base-int64(random.IntN(80_000)))
		fixes[i].Lat, fixes[i].Busy = r.south+random.Float64()*(r.north-r.south), random.IntN(4) == 0
	}
	b := newBed(t)
	f := NewFleet(b.engine, country(t), FleetOptions{Now: b.clock.now})
	for batch := range slices.Chunk(fixes, 5000) {
		_, err := f.Record(t.Context(), batch)
		require.NoError(t, err)
	}
	checks := 0
	rapid.Check(t, func(rt *rapid.T) {
		if checks++; checks > 15 { // each looks at all drivers
			return
		}
		q := NearbyQuery{
			RadiusM:   rapid.SampledFrom([]float64{0, 0, 300, 20_000, 100_000}).Draw(rt, "radius"),
			Limit:     rapid.SampledFrom([]int{1, 10, 300}).Draw(rt, "limit"),
			MaxAge:    rapid.SampledFrom([]time.Duration{0, 5 * time.Second}).Draw(rt, "age"),
			Available: rapid.Bool().Draw(rt, "available"),
		}
		q.Lat, q.Lon = place(rt, rapid.SampledFrom(regions).Draw(rt, "region"))
		got, err := f.Nearby(t.Context(), q)
		require.NoError(t, err)
		requireSameDrivers(t, bruteForce(fixes, q), got, q)
	})
}

// The antimeridian is one place, whichever way it is written.
func TestNearbyOnTheAntimeridian(t *testing.T) {
	for name, open := range hosts {
		t.Run(name, func(t *testing.T) {
			clock := &clock{ms: base}
			f := NewFleet(open(t), wards(t), FleetOptions{Now: clock.now})
			record(t, f, "aa", at("east", 180, base), at("west", -180, base))
			for _, lon := range []float64{180, -180, 179.9999, -179.9999} {
				for _, radius := range []float64{0, 100, 100_000} {
					got, err := f.Nearby(t.Context(), NearbyQuery{Lat: 12.97, Lon: lon, RadiusM: radius, Limit: 5})
					require.NoError(t, err)
					require.Len(t, got, 2, "%v within %v m", lon, radius)
				}
			}
		})
	}
}

// away is never more than the way to any place in the box.
func TestBoxAway(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lats, lons := rapid.Float64Range(-90, 90), rapid.Float64Range(-180, 180)
		b := box{south: lats.Draw(rt, "south"), west: lons.Draw(rt, "west"), east: lons.Draw(rt, "east")}
		b.north = rapid.Float64Range(b.south, 90).Draw(rt, "north")
		lat, lon := lats.Draw(rt, "lat"), lons.Draw(rt, "lon")
		width := b.east - b.west
		if width < 0 {
			width += 360
		}
		for range 5 {
			inLat := rapid.Float64Range(b.south, b.north).Draw(rt, "in lat")
			inLon := wrapLon(b.west + width*rapid.Float64Range(0, 1).Draw(rt, "in lon"))
			require.LessOrEqual(rt, b.away(lat, lon), Distance(lat, lon, inLat, inLon)+0.01)
		}
	})
	city := box{12.8, 77.4, 13.2, 77.8}
	require.Zero(t, city.away(13, 77.5))
	require.InDelta(t, Distance(14, 77.5, 13.2, 77.5), city.away(14, 77.5), 1)
	require.InDelta(t, Distance(13, 77, 13, 77.4), city.away(13, 77), 10)
}

func bruteForce(fixes []Fix, q NearbyQuery) (out []Position) {
	maxAge := int64(60_000)
	if q.MaxAge > 0 && q.MaxAge < time.Minute {
		maxAge = q.MaxAge.Milliseconds()
	}
	for _, f := range fixes {
		d := Distance(q.Lat, q.Lon, f.Lat, f.Lon)
		if (q.RadiusM == 0 || d <= q.RadiusM) && base-f.TS <= maxAge && !(q.Available && f.Busy) {
			out = append(out, Position{DriverID: f.DriverID, DistanceM: d})
		}
	}
	slices.SortFunc(out, func(a, b Position) int {
		return cmp.Or(cmp.Compare(a.DistanceM, b.DistanceM), cmp.Compare(a.DriverID, b.DriverID))
	})
	return out
}

// requireSameDrivers allows for places being kept to 1e-7 degree: two drivers
// within a decimetre of each other may change places.
func requireSameDrivers(t *testing.T, all, got []Position, q NearbyQuery) {
	t.Helper()
	require.Len(t, got, min(q.Limit, len(all)), "%+v", q)
	distance := map[string]float64{}
	for _, p := range all {
		distance[p.DriverID] = p.DistanceM
	}
	for i, p := range got {
		want, ok := distance[p.DriverID]
		require.True(t, ok, "%s does not belong to %+v", p.DriverID, q)
		require.InDelta(t, want, p.DistanceM, 0.05)
		require.InDelta(t, all[i].DistanceM, p.DistanceM, 0.05, "%d: %+v", i, q)
		delete(distance, p.DriverID)
	}
}

func TestNearbyRefuses(t *testing.T) {
	b := newBed(t)
	for field, q := range map[string]NearbyQuery{
		"lat":      {Lat: 90, RadiusM: 1, Limit: 1},
		"lon":      {Lon: 200, RadiusM: 1, Limit: 1},
		"radius_m": {RadiusM: MaxRadiusM + 1, Limit: 1},
		"limit":    {RadiusM: 1},
	} {
		_, err := b.Nearby(t.Context(), q)
		var fieldErr *FieldError
		require.ErrorAs(t, err, &fieldErr)
		require.Equal(t, field, fieldErr.Field)
	}
}

func TestZoneReaders(t *testing.T) {
	b := newBed(t)
	outside := at("c", 77.3, base+3000)
	fast := at("b", westLon, base+2000)
	fast.SpeedMPS, fast.BearingDeg, fast.AccuracyM, fast.Battery = 8.33, 271.25, 4.5, 0.5
	record(t, b.Fleet, "aaaa", at("a", westLon, base), fast, outside, at("e", eastLon, base+3000))
	b.clock.advance(5 * time.Second)
	ctx := t.Context()

	ps, err := b.InZone(ctx, "west", 10)
	require.NoError(t, err)
	require.Equal(t, []Position{
		{DriverID: "b", Lat: 12.97, Lon: westLon, TS: base + 2000, AgeMS: 3000, SpeedMPS: 8.33, BearingDeg: 271.25, AccuracyM: 4.5, Battery: 0.5, Zone: "west"},
		{DriverID: "a", Lat: 12.97, Lon: westLon, TS: base, AgeMS: 5000, SpeedMPS: Unknown, BearingDeg: Unknown, AccuracyM: Unknown, Battery: Unknown, Zone: "west"},
	}, ps)
	ps, err = b.InZone(ctx, "west", 1)
	require.NoError(t, err)
	require.Len(t, ps, 1)
	ps, err = b.InZone(ctx, "nowhere", 1)
	require.NoError(t, err)
	require.Empty(t, ps)

	ps, err = b.Positions(ctx, []string{"e", "unknown", "c", "a"})
	require.NoError(t, err)
	require.Equal(t, []string{"e", "c", "a"}, names(ps))
	_, err = b.Driver(ctx, "unknown")
	require.ErrorIs(t, err, ErrUnknownDriver)

	zones, err := b.ZoneSummaries(ctx)
	require.NoError(t, err)
	require.Equal(t, []ZoneSummary{{"west", "west", 2}, {"east", "east", 1}, {b.zones.Locate(12.97, 77.3), "", 1}}, zones)
}

func names(ps []Position) (out []string) {
	for _, p := range ps {
		out = append(out, p.DriverID)
	}
	return out
}

func TestMovedSince(t *testing.T) {
	b := newBed(t)
	start := base / seenEvery * seenEvery // of what seen tells apart
	b.clock.advance(time.Minute)
	record(t, b.Fleet, "aaaa", at("a", westLon, start), at("b", westLon, start+10), at("c", westLon, start+10), at("d", westLon, start+20))
	var got [][]string
	pages := func(since int64, limit int) [][]string {
		got = nil
		for cursor := int64(0); ; {
			moved, next, err := b.MovedSince(t.Context(), "west", since, cursor, limit)
			require.NoError(t, err)
			got = append(got, names(moved))
			if cursor = next; cursor == 0 {
				return got
			}
		}
	}
	require.Equal(t, [][]string{{"a"}, {"b", "c"}, {"d"}, nil}, pages(start, 1), "those of one millisecond are not split")
	require.Equal(t, [][]string{{"d"}}, pages(start+20, 0))
	require.Equal(t, [][]string{nil}, pages(start+21, 0))
	record(t, b.Fleet, "a", at("a", westLon, start+3000))
	require.Equal(t, [][]string{{"a"}}, pages(start+3000, 0), "though seen does not know yet")
	record(t, b.Fleet, "a", at("a", westLon, start+seenEvery))
	require.Equal(t, []string{"a"}, slices.Concat(pages(start+seenEvery, 1)...))
}
