package geo

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

func TestCheck(t *testing.T) {
	limits := Limits{}.withDefaults()
	good := at("d", westLon, base)
	require.Equal(t, accepted, limits.check(&good, base))
	for _, c := range []struct {
		name   string
		change func(*Fix)
		want   Outcome
	}{
		{"no driver", func(f *Fix) { f.DriverID = "" }, badID},
		{"long driver", func(f *Fix) { f.DriverID = string(make([]byte, 65)) }, badID},
		{"brace", func(f *Fix) { f.DriverID = "a{b}" }, badID},
		{"brace after é", func(f *Fix) { f.DriverID = "é}" }, badID},
		{"control character", func(f *Fix) { f.DriverID = "a\nb" }, badID},
		{"not UTF-8", func(f *Fix) { f.DriverID = "a\xff" }, badID},
		{"letters of any script", func(f *Fix) { f.DriverID = "ಚಾಲಕ-1" }, accepted},
		{"latitude 91", func(f *Fix) { f.Lat = 91 }, badLat},
		{"latitude beyond the index", func(f *Fix) { f.Lat = -85.06 }, badLat},
		{"latitude NaN", func(f *Fix) { f.Lat = math.NaN() }, badLat},
		{"longitude 181", func(f *Fix) { f.Lon = 181 }, badLon},
		{"longitude infinite", func(f *Fix) { f.Lon = math.Inf(-1) }, badLon},
		{"ends of the ranges", func(f *Fix) { f.Lat, f.Lon = MaxLat, 180 }, accepted},
		{"null island", func(f *Fix) { f.Lat, f.Lon = 0, 0 }, nullIsland},
		{"on the equator", func(f *Fix) { f.Lat = 0 }, accepted},
		{"accuracy NaN", func(f *Fix) { f.AccuracyM = float32(math.NaN()) }, badAccuracy},
		{"speed infinite", func(f *Fix) { f.SpeedMPS = float32(math.Inf(1)) }, badSpeed},
		{"bearing NaN", func(f *Fix) { f.BearingDeg = float32(math.NaN()) }, badBearing},
		{"battery in percent", func(f *Fix) { f.Battery = 87 }, badBattery},
		{"no time", func(f *Fix) { f.TS = 0 }, badTS},
		{"seconds", func(f *Fix) { f.TS = base / 1000 }, secondsTS},
		{"microseconds", func(f *Fix) { f.TS = base * 1000 }, microsTS},
		{"a year ahead", func(f *Fix) { f.TS += 365 * 24 * 3_600_000 }, futureTS},
		{"10 s ahead", func(f *Fix) { f.TS += 10_000 }, accepted},
		{"more than 10 s ahead", func(f *Fix) { f.TS += 10_001 }, futureTS},
		{"24 h old", func(f *Fix) { f.TS -= 86_400_000 }, accepted},
		{"more than 24 h old", func(f *Fix) { f.TS -= 86_400_001 }, expiredTS},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := good
			c.change(&f)
			require.Equal(t, c.want, limits.check(&f, base))
		})
	}
}

func TestRecordVerdicts(t *testing.T) {
	b := newBed(t)
	b.clock.advance(time.Minute)
	record(t, b.Fleet, "a", at("d", westLon, base))
	record(t, b.Fleet, "d", at("d", westLon, base))
	record(t, b.Fleet, "l", at("d", westLon, base-1000))
	record(t, b.Fleet, "d", at("d", westLon, base-1000))
	far := at("d", westLon, base+4000)
	far.Lat += 0.0021 // 234 m in 4 s
	record(t, b.Fleet, "i", far)
	far.TS = base + 8_000
	record(t, b.Fleet, "a", far)
	record(t, b.Fleet, "xaxfda",
		Fix{DriverID: "e"}, at("e", westLon, base), at("{}", westLon, base),
		at("e", westLon, base+90_000), at("e", westLon, base), at("f", westLon, base))
	p, err := b.Driver(t.Context(), "d")
	require.NoError(t, err)
	require.Equal(t, far.TS, p.TS)
	require.Equal(t, "west", p.Zone)
}

// One call, one driver, out of order and over the border and back.
func TestRecordKeepsOrderWithinABatch(t *testing.T) {
	b := newBed(t)
	b.clock.advance(time.Minute)
	record(t, b.Fleet, "aadlaalad",
		at("d", westLon, base), at("d", eastLon, base+10_000), at("d", eastLon, base+10_000),
		at("d", westLon, base+5_000), at("d", westLon, base+20_000), at("d", eastLon, base+30_000),
		at("d", eastLon, base+1), at("d", westLon, base+40_000), at("d", westLon, base+40_000))
	p, err := b.Driver(t.Context(), "d")
	require.NoError(t, err)
	require.Equal(t, base+40_000, p.TS)
	require.Equal(t, "west", p.Zone)
	requireInZones(t, b, "d", "west")
}

// requireInZones requires that the driver stands in exactly these zones.
func requireInZones(t testing.TB, b *bed, driver string, want ...string) {
	t.Helper()
	var got []string
	for _, zone := range []string{"east", "west"} {
		k := newZoneKeys(zone)
		_, inZone, err := b.engine.ZScore(t.Context(), k.zone, driver)
		require.NoError(t, err)
		_, inSeen, err := b.engine.ZScore(t.Context(), k.seen, driver)
		require.NoError(t, err)
		require.Equal(t, inZone, inSeen)
		if inZone {
			got = append(got, zone)
		}
	}
	require.Equal(t, want, got)
}

func TestZoneChange(t *testing.T) {
	b := newBed(t)
	b.clock.advance(time.Minute)
	record(t, b.Fleet, "a", at("d", westLon, base))
	requireInZones(t, b, "d", "west")
	record(t, b.Fleet, "a", at("d", eastLon, base+10_000))
	requireInZones(t, b, "d", "east")

	// Late for the old zone: history, but no return.
	record(t, b.Fleet, "ld", at("d", westLon, base+5_000), at("d", westLon, base+5_000))
	requireInZones(t, b, "d", "east")
	// The plausibility of a change is judged by the fix in the old zone.
	jump := at("d", westLon, base+11_000)
	record(t, b.Fleet, "i", jump)
	requireInZones(t, b, "d", "east")

	zone, err := b.engine.HGet(t.Context(), whereKey("d"), "d")
	require.NoError(t, err)
	require.Equal(t, "east", zone.Str)
}

// A server that believes a driver to be where he was long ago.
func TestOutdatedServer(t *testing.T) {
	for name, forgotten := range map[string]bool{"signpost": false, "signpost forgotten": true} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			other := b.server()
			b.clock.advance(time.Minute)
			record(t, other, "a", at("d", westLon, base))
			record(t, b.Fleet, "a", at("d", eastLon, base+10_000))
			if forgotten {
				_, err := b.engine.HDel(t.Context(), newZoneKeys("west").last, "d")
				require.NoError(t, err)
			}
			// The driver's backlog arrives at the other server.
			record(t, other, "l", at("d", westLon, base+5_000))
			requireInZones(t, b, "d", "east")
			requireNewest(t, b, "d", base+10_000, "east")

			// And so do newer fixes, from the old zone and then from the new one.
			record(t, other, "a", at("d", westLon, base+20_000))
			requireInZones(t, b, "d", "west")
			requireNewest(t, b, "d", base+20_000, "west")
			record(t, b.Fleet, "a", at("d", eastLon, base+30_000))
			record(t, other, "a", at("d", eastLon, base+40_000))
			requireInZones(t, b, "d", "east")
			requireNewest(t, b, "d", base+40_000, "east")
		})
	}
}

func requireNewest(t testing.TB, b *bed, driver string, ts int64, zone string) {
	t.Helper()
	p, err := b.Driver(t.Context(), driver)
	require.NoError(t, err)
	require.Equal(t, ts, p.TS)
	require.Equal(t, zone, p.Zone)
}

// A change of zone that was cut short after the first step: readers find the
// newest, the next change mends the rest.
func TestZoneChangeCutShort(t *testing.T) {
	b := newBed(t)
	b.clock.advance(time.Minute)
	record(t, b.Fleet, "a", at("d", westLon, base))
	broken := &failing{Engine: b.engine, script: leaveScript}
	other := NewFleet(broken, b.zones, FleetOptions{Now: b.clock.now})
	_, err := other.Record(t.Context(), []Fix{at("d", eastLon, base+10_000)})
	require.ErrorIs(t, err, cache.ErrUnavailable)
	requireInZones(t, b, "d", "east", "west")
	near, err := b.Nearby(t.Context(), NearbyQuery{Lat: 12.97, Lon: 77.59, RadiusM: 1000, Limit: 10})
	require.NoError(t, err)
	require.Len(t, near, 1)
	require.Equal(t, base+10_000, near[0].TS)

	broken.script = nil
	record(t, other, "d", at("d", eastLon, base+10_000))
	record(t, other, "a", at("d", eastLon, base+20_000))
	requireInZones(t, b, "d", "east")
}

// failing is an engine on which one script fails.
type failing struct {
	cache.Engine
	script *cache.Script
}

func (f *failing) RunAll(ctx context.Context, calls []cache.Call) []cache.Result {
	if len(calls) > 0 && calls[0].Script == f.script {
		results := make([]cache.Result, len(calls))
		for i := range results {
			results[i].Err = cache.ErrUnavailable
		}
		return results
	}
	return f.Engine.RunAll(ctx, calls)
}

func TestRecordWithoutEngine(t *testing.T) {
	b := newBed(t)
	f := NewFleet(&failing{Engine: b.engine, script: recordScript}, b.zones, FleetOptions{Now: b.clock.now})
	_, err := f.Record(t.Context(), []Fix{at("d", westLon, base)})
	require.True(t, errors.Is(err, cache.ErrUnavailable))
}

// Against a model: whatever order fixes come in, over two zones, in batches of
// any size and through two servers, the newest accepted fix is the present, and
// every fix that joined history is in the track once.
func TestRecordAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBed(t)
		b.clock.advance(10 * time.Minute)
		servers := []*Fleet{b.Fleet, b.server()}
		newest := map[string]Fix{}
		joined := map[string]map[int64]bool{}
		for range rapid.IntRange(1, 12).Draw(rt, "batches") {
			batch := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Fix {
				return at(
					rapid.SampledFrom([]string{"d1", "d2", "d3"}).Draw(rt, "driver"),
					rapid.SampledFrom([]float64{westLon, eastLon}).Draw(rt, "lon"),
					base+int64(rapid.IntRange(0, 40).Draw(rt, "ts"))*10_000, // slow enough for every change
				)
			}), 1, 8).Draw(rt, "batch")
			outcomes, err := rapid.SampledFrom(servers).Draw(rt, "server").Record(t.Context(), batch)
			require.NoError(rt, err)
			for i, f := range batch {
				was, known := newest[f.DriverID]
				if joined[f.DriverID] == nil {
					joined[f.DriverID] = map[int64]bool{}
				}
				switch v := outcomes[i].Verdict; {
				case !known || f.TS > was.TS:
					require.True(rt, v.Present())
					newest[f.DriverID] = f
				case f.TS == was.TS:
					require.Equal(rt, Duplicate, v)
				case v == Duplicate:
					require.True(rt, joined[f.DriverID][f.TS], "a duplicate of nothing")
				default: // late, perhaps at a time known from the other zone
					require.Equal(rt, Late, v)
				}
				if outcomes[i].Verdict.Joined() {
					joined[f.DriverID][f.TS] = true
				}
			}
		}
		s := &store{}
		for id, f := range newest {
			requireNewest(t, b, id, f.TS, b.zones.Locate(f.Lat, f.Lon))
			requireInZones(t, b, id, b.zones.Locate(f.Lat, f.Lon))
		}
		require.NoError(rt, NewFlusher(b.Fleet, s, FlushOptions{}).FlushAll(t.Context(), true))
		for id, times := range joined {
			got := s.times(t, id)
			require.Len(rt, got, len(times))
			for _, ts := range got {
				require.True(rt, times[ts])
			}
		}
	})
}
