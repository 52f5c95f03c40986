package geo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
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
			fixes, byID := make([]Fix, 3000), map[string]int{}
			for i := range fixes {
				fixes[i] = at(fmt.Sprint("d", i), 77.40+random.Float64()*0.4, base-int64(random.IntN(80_000)))
				fixes[i].Lat = 12.78 + random.Float64()*0.4
				fixes[i].Busy = i%3 == 0
				byID[fixes[i].DriverID] = i
			}
			// Some at one place, so that the limit cuts between equals.
			for i := range 20 {
				fixes[i].Lat, fixes[i].Lon = 12.97, 77.59
			}
			m := &modelFleet{fleet: f, fixes: fixes, byID: byID}
			m.record(t, fixes)
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
				m.require(t, q, got)
			}
		})
	}
}

// Random fleets, a hundred thousand drivers in all, where answers go wrong: over the
// antimeridian, as far north and south as there are any, across borders of zones and in
// a hole of one, in one heap, and all over the Earth. A third of them moved, some from
// one end to another.
func TestNearbyOfRandomFleets(t *testing.T) {
	zones := country(t)
	for _, c := range []struct {
		host    string
		seed    uint64
		drivers int
	}{{"memory", 1, 50_000}, {"memory", rand.Uint64(), 47_000}, {"redis", rand.Uint64(), 3000}} {
		t.Run(fmt.Sprintf("%s, seed %d", c.host, c.seed), func(t *testing.T) {
			m := randomFleet(t, hosts[c.host](t), zones, c.seed, c.drivers)
			rapid.Check(t, func(rt *rapid.T) {
				r := rapid.SampledFrom(ends).Draw(rt, "region").box
				q := NearbyQuery{
					Lat: rapid.Float64Range(r.south, r.north).Draw(rt, "lat"), Lon: wrapLon(rapid.Float64Range(r.west, r.east).Draw(rt, "lon")),
					RadiusM:   rapid.SampledFrom([]float64{0, 300, 5000, 20_000, MaxRadiusM}).Draw(rt, "radius"),
					Limit:     rapid.SampledFrom([]int{1, 10, 300}).Draw(rt, "limit"),
					MaxAge:    rapid.SampledFrom([]time.Duration{0, 5 * time.Second, 30 * time.Second}).Draw(rt, "age"),
					Available: rapid.Bool().Draw(rt, "available"),
				}
				got, err := m.fleet.Nearby(t.Context(), q)
				require.NoError(rt, err)
				m.require(rt, q, got)
			})
		})
	}
}

// ends are regions; one with its east beyond 180 crosses the antimeridian. Where each
// driver has a zone of his own, few are enough.
var ends = []struct {
	box
	share float64
}{
	{box{-16.2, 179.8, -15.8, 180.2}, 1}, {box{84, -180, MaxLat, 180}, 0.03}, {box{-MaxLat, -180, -84.5, 180}, 0.03},
	{box{12.6, 77.2, 13.3, 78}, 1}, {box{28.35, 76.9, 28.9, 77.5}, 1}, {box{-MaxLat, -180, MaxLat, 180}, 0.03},
	{box{12.97, 77.59, 12.9701, 77.5901}, 0.3},
}

// modelFleet is a fleet and what it should know.
type modelFleet struct {
	fleet *Fleet
	fixes []Fix // the drivers' newest
	byID  map[string]int
}

func randomFleet(t *testing.T, e cache.Engine, z *Zones, seed uint64, drivers int) *modelFleet {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 42))
	shares := make([]float64, len(ends)) // of the regions, other ones in each fleet
	for i := range shares {
		shares[i] = ends[i].share * (0.3 + random.ExpFloat64())
	}
	total := 0.0
	for _, s := range shares {
		total += s
	}
	place := func(f *Fix) {
		i := 0
		for x := random.Float64() * total; i < len(ends)-1 && x > shares[i]; i++ {
			x -= shares[i]
		}
		r := ends[i].box
		f.Lat, f.Lon = r.south+random.Float64()*(r.north-r.south), wrapLon(r.west+random.Float64()*(r.east-r.west))
		f.Busy = random.IntN(4) == 0
	}
	clock := &clock{ms: base}
	m := &modelFleet{
		fleet: NewFleet(e, z, FleetOptions{Now: clock.now, Limits: Limits{MaxSpeedMPS: 1e9}}),
		byID:  map[string]int{},
	}
	for i := range drivers {
		f := at(fmt.Sprint("d", i), 0, base-100_000+int64(random.IntN(100_000)))
		place(&f)
		m.byID[f.DriverID] = i
		m.fixes = append(m.fixes, f)
	}
	m.record(t, m.fixes)
	var moved []Fix
	for i := range m.fixes {
		if f := &m.fixes[i]; i%3 == 0 && f.TS < base-1000 {
			f.TS += 1000 + random.Int64N(base-1000-f.TS)
			place(f)
			moved = append(moved, *f)
		}
	}
	m.record(t, moved)
	return m
}

func (m *modelFleet) record(t *testing.T, fixes []Fix) {
	t.Helper()
	for batch := range slices.Chunk(fixes, 5000) {
		outcomes, err := m.fleet.Record(t.Context(), batch)
		require.NoError(t, err)
		for _, o := range outcomes {
			require.True(t, o.Verdict.Present(), "%+v", o)
		}
	}
}

// require wants the answer that a look at every driver gives, but that two drivers within
// a decimetre of each other may change places.
func (m *modelFleet) require(t require.TestingT, q NearbyQuery, got []Position) {
	var all []float64
	for i := range m.fixes {
		if d, ok := belongs(&m.fixes[i], &q); ok {
			all = append(all, d)
		}
	}
	slices.Sort(all)
	require.Len(t, got, min(q.Limit, len(all)), "%+v", q)
	told := map[string]bool{}
	for i, p := range got {
		d, ok := belongs(&m.fixes[m.byID[p.DriverID]], &q)
		require.True(t, ok && !told[p.DriverID], "%s does not belong to %+v", p.DriverID, q)
		told[p.DriverID] = true
		require.InDelta(t, d, p.DistanceM, 0.05)
		require.InDelta(t, all[i], p.DistanceM, 0.05)
	}
}

// belongs returns how far a driver is from the place that is asked for, and whether he
// belongs to the answer if all may. The places of drivers are kept to 1e-7 degree, which
// is as much as a centimetre: somebody is found on the edge of a circle and not beyond.
func belongs(f *Fix, q *NearbyQuery) (metres float64, ok bool) {
	maxAge := time.Minute.Milliseconds()
	if q.MaxAge > 0 {
		maxAge = min(maxAge, q.MaxAge.Milliseconds())
	}
	if base-f.TS > maxAge || q.Available && f.Busy {
		return 0, false
	}
	kept := func(degrees float64) float64 { return math.Round(degrees*1e7) / 1e7 }
	metres = Distance(q.Lat, q.Lon, kept(f.Lat), kept(f.Lon))
	return metres, q.RadiusM == 0 || metres <= q.RadiusM
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
			m := modelFleet{fleet: f, fixes: fixes, byID: map[string]int{}}
			for i := range fixes {
				fixes[i] = at(fmt.Sprint("d", i), 77.59+random.Float64()*0.004, base-50_000)
				fixes[i].Lat = 12.97 + random.Float64()*0.004
				m.byID[fixes[i].DriverID] = i
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
				m.record(t, fixes)
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
					m.require(t, q, got)
				}
			}
			require.Greater(t, kept, 500, "most steps stay in their cell")
		})
	}
}

// The antimeridian is one place, whichever way it is written.
func TestNearbyOnTheAntimeridian(t *testing.T) {
	for name, open := range hosts {
		t.Run(name, func(t *testing.T) {
			clock := &clock{ms: base}
			f := NewFleet(open(t), wards(t), FleetOptions{Now: clock.now})
			fixes := []Fix{at("east", 180, base), at("west", -180, base)}
			record(t, f, "aa", fixes...)
			require.EqualValues(t, 180, fixes[0].Lon, "it is the caller's")
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

// Where Redis looks in too few cells: across a pole, and from the upper ends of the map.
func TestNearbyFromTheEndsOfTheMap(t *testing.T) {
	for name, open := range hosts {
		t.Run(name, func(t *testing.T) {
			clock := &clock{ms: base}
			m := &modelFleet{fleet: NewFleet(open(t), NoZones(), FleetOptions{Now: clock.now}), byID: map[string]int{}}
			for i := range 72 {
				fix := at(fmt.Sprint("d", i), -180+5*float64(i), base)
				fix.Lat = 84.9101106 * float64(1-2*(i%2))
				m.byID[fix.DriverID] = i
				m.fixes = append(m.fixes, fix)
			}
			m.record(t, m.fixes)
			for _, q := range []NearbyQuery{{Lat: 84.5, Lon: -177}, {Lat: -84.5, Lon: 3}, {Lat: 84, Lon: 180}, {Lat: MaxLat, Lon: 20}, {Lat: -MaxLat, Lon: -180}, {Lat: MaxLat, Lon: 180}} {
				for _, q.RadiusM = range []float64{0, 20_000, MaxRadiusM} {
					for _, q.Limit = range []int{1, 2, 5, 30, 100} {
						got, err := m.fleet.Nearby(t.Context(), q)
						require.NoError(t, err)
						m.require(t, q, got)
					}
				}
			}
		})
	}
}
