package geo

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

// step is a fix some seconds and metres after the one that a case begins with.
type step struct {
	seconds, metres float64
	accuracy, speed float32
	want            Verdict
}

// What a fix is after one at the same place, by the default thresholds but for the age.
func TestVerdictAfterAFix(t *testing.T) {
	const u = float32(Unknown)
	for name, steps := range map[string][]step{
		"the same place again":             {{4, 0, u, u, Stationary}},
		"within what is usual for a phone": {{4, 9, u, u, Stationary}},
		"further":                          {{4, 11, u, u, Accepted}},
		"within the accuracy":              {{4, 24, 25, u, Stationary}},
		"beyond the accuracy":              {{4, 27, 25, u, Accepted}},
		"an accuracy that says nothing":    {{4, 99, 500, u, Stationary}, {8, 203, 500, u, Accepted}},
		"slowly, says the phone":           {{4, 4, 25, 1, Accepted}},
		"still, says the phone":            {{4, 4, 25, 0.3, Stationary}},
		"as fast as allowed":               {{4, 199, 0, 45, Accepted}},
		"too fast":                         {{4, 201, 0, 45, Implausible}},
		"too fast, but inexact":            {{4, 240, 50, 45, Accepted}},
		"too fast even so":                 {{4, 251, 50, 45, Implausible}},
		"too far for any accuracy":         {{4, 2000, 5000, 45, Implausible}},
		"a train, after a while":           {{4, 9000, 5, 40, Implausible}, {8, 9160, 5, 40, Implausible}, {12, 9320, 5, 40, Accepted}, {16, 9480, 5, 40, Accepted}},
		"jumps to and fro": {{4, 9000, 5, 40, Implausible}, {8, 20, 5, 5, Accepted}, {12, 9000, 5, 40, Implausible},
			{16, 9100, 5, 40, Implausible}, {20, 40, 5, 5, Accepted}, {24, 9200, 5, 40, Implausible}, {28, 9300, 5, 40, Implausible}},
		"wild jumps":          {{4, 9000, 5, 40, Implausible}, {8, 19000, 5, 40, Implausible}, {12, 29000, 5, 40, Implausible}},
		"after a minute":      {{61, 3000, 5, 40, Accepted}, {122, 9200, 5, 40, Implausible}},
		"a minute's leap":     {{61, 90000, 5, 40, Implausible}},
		"after an hour":       {{3600, 150_000, 5, 40, Accepted}},
		"by plane":            {{7200, 1_500_000, 5, 40, Implausible}, {7500, 1_505_000, 5, 40, Implausible}, {7800, 1_510_000, 5, 40, Accepted}},
		"a day later":         {{86_401, 9_000_000, 5, 40, Accepted}},
		"hours between":       {{7200, 1_500_000, 5, 40, Implausible}, {10_801, 1_505_000, 5, 40, Implausible}, {14_402, 1_510_000, 5, 40, Implausible}},
		"the same time":       {{0, 0, u, u, Duplicate}},
		"the time, elsewhere": {{0, 20, u, u, Duplicate}},
		"before":              {{-1, 0, u, u, Late}},
		"before, and far off": {{-60, 3000, u, u, Late}, {-59, 3100, u, u, Implausible}, {-60, 3000, u, u, Duplicate}},
		"a backlog elsewhere": {{-90, 9000, u, u, Implausible}, {-80, 9100, u, u, Implausible}, {-70, 9200, u, u, Late}, {-60, 9300, u, u, Late},
			{-50, 500, u, u, Late}, {-40, 9400, u, u, Late}, {4, 5, u, u, Stationary}, {-35, 9500, u, u, Implausible}},
	} {
		for zones, lon := range map[string]float64{"in one zone": westLon, "over the border": 77.58999} {
			t.Run(name+" "+zones, func(t *testing.T) {
				b := newBed(t)
				b.clock.advance(24 * time.Hour)
				b.Fleet = NewFleet(b.engine, b.zones, FleetOptions{Now: b.clock.now, Limits: Limits{MaxAge: 48 * time.Hour}})
				from := at("d", lon, base)
				from.AccuracyM = 0
				record(t, b.Fleet, "a", from)
				for _, s := range steps {
					fix := Fix{DriverID: "d", TS: base + int64(s.seconds*1000), AccuracyM: s.accuracy, SpeedMPS: s.speed, BearingDeg: Unknown, Battery: Unknown}
					fix.Lat, fix.Lon = destination(from.Lat, from.Lon, 90, s.metres)
					outcomes, err := b.Record(t.Context(), []Fix{fix})
					require.NoError(t, err)
					want := s.want
					if want == Stationary && b.zones.Locate(fix.Lat, fix.Lon) != b.zones.Locate(from.Lat, from.Lon) {
						want = Accepted // a change of zone says something
					}
					require.Equal(t, want, outcomes[0].Verdict, "%+v", s)
				}
			})
		}
	}
}

// The same run in one request, as a phone that was in a tunnel sends it.
func TestBelievedWithinABatch(t *testing.T) {
	b := newBed(t)
	b.clock.advance(time.Minute)
	record(t, b.Fleet, "a", at("d", westLon, base))
	run := make([]Fix, 6)
	for i := range run {
		run[i] = at("d", eastLon+0.05, base+int64(i+1)*4000)
		run[i].Lat += float64(i) * 0.001
	}
	record(t, b.Fleet, "iiaaaa", run...)
	requireNewest(t, b, "d", base+24_000, "east")
	requireInZones(t, b, "d", "east")
}

// Two runs in one request, at places far from each other.
func TestBelievedTwiceWithinABatch(t *testing.T) {
	b := newBed(t)
	b.clock.advance(time.Minute)
	record(t, b.Fleet, "a", at("d", westLon, base))
	run := make([]Fix, 8)
	for i := range run {
		run[i] = far("d", westLon, base+int64(i+1)*4000, 9000*float64(1+i/4))
	}
	record(t, b.Fleet, "iiaaiiaa", run...)
	requireNewest(t, b, "d", run[7].TS, b.zones.Locate(run[7].Lat, run[7].Lon))
}

func TestDuplicatesSayWhere(t *testing.T) {
	b := newBed(t)
	b.clock.advance(time.Minute)
	record(t, b.Fleet, "aal", at("d", westLon, base), at("d", westLon, base+4000), at("d", westLon, base-1000))
	moved := func(ts int64) Fix { return at("d", westLon+0.00001, ts) }
	outcomes, err := b.Record(t.Context(), []Fix{
		at("d", westLon, base+4000), at("d", westLon, base), at("d", westLon, base-1000),
		moved(base + 4000), moved(base), moved(base - 1000),
	})
	require.NoError(t, err)
	for i, o := range outcomes {
		require.Equal(t, Duplicate, o.Verdict)
		require.Equal(t, i >= 3, strings.Contains(o.Detail, "at another place"), "fix %d", i)
	}
}

// The phone's word that a position is made up is kept with it, whatever its accuracy.
func TestMockIsKept(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := drawFix(rt)
		f.Battery = rapid.SampledFrom([]float32{Unknown, 0, 0.5, 1}).Draw(rt, "battery")
		back, ok := decodeFix(f.DriverID, string(appendFix(nil, &f)))
		require.True(rt, ok)
		require.Equal(rt, f.Mock, back.Mock)
		require.Equal(rt, f.Battery, back.Battery)
		if f.AccuracyM < 0 {
			require.Equal(rt, Unknown, back.AccuracyM)
		} else {
			require.InDelta(rt, min(f.AccuracyM, 3276.5), back.AccuracyM, 0.051)
		}
		made := f
		made.Mock = !f.Mock
		require.Equal(rt, placeOf(string(appendFix(nil, &f))), placeOf(string(appendFix(nil, &made))), "judged alike")
	})
}

// It is in the present, in the row and in the track.
func TestMockIsInTheRecord(t *testing.T) {
	for name, open := range hosts {
		t.Run(name, func(t *testing.T) {
			clock := &clock{ms: base + 60_000}
			f := NewFleet(open(t), twoZones(t), FleetOptions{Now: clock.now})
			fixes := make([]Fix, 7)
			for i := range fixes {
				fixes[i] = at("d", westLon, base+int64(i)*4000)
				fixes[i].Mock = i == 3 || i == 6
			}
			record(t, f, "aaaaaaa", fixes...)
			p, err := f.Driver(t.Context(), "d")
			require.NoError(t, err)
			require.True(t, p.Mock)
			require.Equal(t, Unknown, p.AccuracyM)

			s := &store{}
			require.NoError(t, NewFlusher(f, s, FlushOptions{}).FlushAll(t.Context(), true))
			require.Len(t, s.rows, 1)
			for _, row := range s.rows {
				require.Equal(t, 2, row.MockFixes)
				require.Zero(t, row.MeanAccuracyM)
			}
			track, err := LoadTrack(t.Context(), s, "d", base, base+20_000)
			require.NoError(t, err)
			require.Len(t, track.Fixes, 6)
			require.Equal(t, 1, track.MockFixes())
			require.True(t, track.Fixes[3].Mock)
		})
	}
}

// However a change of zone was cut short, the next fix finishes it.
func TestAnyChangeCutShort(t *testing.T) {
	for _, script := range []*cache.Script{leaveScript, whereScript, settleScript} {
		t.Run(script.Name, func(t *testing.T) {
			b := newBed(t)
			b.clock.advance(time.Minute)
			record(t, b.Fleet, "a", at("d", westLon, base))
			other := NewFleet(&failing{Engine: b.engine, script: script}, b.zones, FleetOptions{Now: b.clock.now})
			_, err := other.Record(t.Context(), []Fix{at("d", eastLon, base+10_000)})
			require.ErrorIs(t, err, cache.ErrUnavailable)
			record(t, b.Fleet, "a", at("d", eastLon, base+20_000))
			requireInZones(t, b, "d", "east")
			requireNewest(t, b, "d", base+20_000, "east")
			zone, err := b.engine.HGet(t.Context(), whereKey("d"), "d")
			require.NoError(t, err)
			require.Equal(t, "east", zone.Str)
			entry, err := b.engine.HGet(t.Context(), newZoneKeys("east").last, "d")
			require.NoError(t, err)
			require.Len(t, entry.Str, fixSize, "settled")
		})
	}
}
