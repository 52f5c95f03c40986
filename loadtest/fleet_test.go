package loadtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var begin = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

const tick = 500 * time.Millisecond

func cityFleet(t testing.TB, partners int, start time.Time) *Fleet {
	t.Helper()
	f, err := NewFleet(FleetConfig{
		Partners: partners, Seed: 7, Start: start, Traces: recorded(t),
		Anchors: []Anchor{bengaluru, {"Yelahanka", 13.1, 77.59}, {"Begur", 12.88, 77.63}},
	})
	require.NoError(t, err)
	return f
}

// lineFleet has one partner on one trace: 400 m in 100 s and back.
func lineFleet(t testing.TB) *Fleet {
	t.Helper()
	f, err := NewFleet(FleetConfig{
		Partners: 1, Start: begin, Anchors: []Anchor{bengaluru},
		Traces: []Trace{{ID: "line", Fixes: []TraceFix{{0, 0, 0}, {100 * second, 400, 0}}}},
	})
	require.NoError(t, err)
	return f
}

func TestFleetIsDeterministic(t *testing.T) {
	a, b := cityFleet(t, 50, begin), cityFleet(t, 50, begin)
	for now := begin; now.Before(begin.Add(time.Minute)); now = now.Add(tick) {
		require.Equal(t, a.Due(now), b.Due(now))
	}
}

// Ten minutes of a city: every partner reports every 3 to 5 s, nobody jumps,
// and no half second carries much more than its share.
func TestFleetMovesLikePhones(t *testing.T) {
	const partners = 1000
	f := cityFleet(t, partners, begin)
	last := make(map[string]Ping)
	most, sum := 0, 0
	for now := begin; !now.After(begin.Add(10 * time.Minute)); now = now.Add(tick) {
		due := f.Due(now)
		most, sum = max(most, len(due)), sum+len(due)
		for _, p := range due {
			age := now.UnixMilli() - p.TS
			require.True(t, age >= 0 && age <= tick.Milliseconds(), "due %d ms ago", age)
			if before, ok := last[p.DriverID]; ok {
				dt := p.TS - before.TS
				require.True(t, dt >= 2999 && dt <= 5001, "%d ms between reports", dt)
				speed := haversine(before.Lat, before.Lon, p.Lat, p.Lon) / float64(dt) * 1000
				require.Less(t, speed, 45.0, "%v to %v", before, p)
			}
			require.True(t, p.BearingDeg >= 0 && p.BearingDeg < 360, "bearing %v", p.BearingDeg)
			require.True(t, p.SpeedMPS >= 0 && p.SpeedMPS < 45, "speed %v", p.SpeedMPS)
			require.True(t, p.AccuracyM >= 3 && p.AccuracyM <= 12, "accuracy %v", p.AccuracyM)
			last[p.DriverID] = p
		}
	}
	require.Len(t, last, partners)
	require.Contains(t, last, "partner-0001")
	require.Contains(t, last, "partner-1000")
	share := float64(sum) / (10 * 60 * 2)
	require.InDelta(t, partners/4.0*tick.Seconds(), share, 5, "one report in 4 s each")
	require.Less(t, float64(most), 2*share)
}

// A demo that is killed and started again must not make its partners teleport.
func TestFleetStartedLaterGoesOn(t *testing.T) {
	a := cityFleet(t, 100, begin)
	end := begin.Add(3 * time.Minute)
	for now := begin; !now.After(end); now = now.Add(tick) {
		a.Due(now)
	}
	b := cityFleet(t, 100, end)
	for id, p := range a.byID {
		lat, lon, err := b.Position(id)
		require.NoError(t, err)
		metres, err := a.Distance(id, lat, lon)
		require.NoError(t, err)
		require.LessOrEqual(t, metres, 45*end.Sub(p.time).Seconds()+0.1, id)
	}
}

func TestFleetAskedLateSkips(t *testing.T) {
	f := cityFleet(t, 20, begin)
	now := begin.Add(time.Hour)
	due := f.Due(now)
	require.Len(t, due, 20)
	for _, p := range due {
		require.Less(t, now.UnixMilli()-p.TS, int64(5000), "the newest fix")
	}
	require.Empty(t, f.Due(now))
}

func TestDirectAndRelease(t *testing.T) {
	const id = "partner-0001"
	f := lineFleet(t)
	now := begin
	var last Ping
	// next lets time pass until the partner has reported, and checks its step.
	next := func() Ping {
		t.Helper()
		for {
			now = now.Add(tick)
			due := f.Due(now)
			if len(due) == 0 {
				continue
			}
			p := due[0]
			if last.TS != 0 {
				metres := haversine(last.Lat, last.Lon, p.Lat, p.Lon)
				require.LessOrEqual(t, metres, directedMPS*float64(p.TS-last.TS)/1000+0.5, "no jump")
			}
			last = p
			return p
		}
	}
	left := next()
	goalLat, goalLon := left.Lat+0.003, left.Lon // 334 m to the north

	require.NoError(t, f.Direct(id, goalLat, goalLon))
	first := next()
	require.Equal(t, directedMPS, first.SpeedMPS)
	require.InDelta(t, 0, first.BearingDeg, 1)
	reports := 1
	for distance := 1.0; distance > 0.2; reports++ {
		p := next()
		distance = haversine(p.Lat, p.Lon, goalLat, goalLon)
	}
	require.InDelta(t, 334/directedMPS/4, reports, 4, "334 m at 8 m/s, a report every 4 s")
	waiting := next()
	require.Zero(t, waiting.SpeedMPS)
	require.InDelta(t, 0, haversine(waiting.Lat, waiting.Lon, goalLat, goalLon), 0.2)

	require.NoError(t, f.Release(id))
	require.NoError(t, f.Release(id), "twice is harmless")
	back := next()
	require.Equal(t, directedMPS, back.SpeedMPS)
	require.InDelta(t, 180, back.BearingDeg, 1)
	for reports = 1; last.SpeedMPS != 4; reports++ { // the trace's speed
		require.Less(t, reports, 30, "on its trace again within 42 s")
		next()
	}
	require.InDelta(t, 0, haversine(last.Lat, last.Lon, left.Lat, left.Lon), 4*5+1, "where it had left it")
}

func TestDirectDoesNotDisturbOthers(t *testing.T) {
	a, b := cityFleet(t, 10, begin), cityFleet(t, 10, begin)
	require.NoError(t, a.Direct("partner-0003", 12.9, 77.6))
	for now := begin; now.Before(begin.Add(time.Minute)); now = now.Add(tick) {
		got, want := a.Due(now), b.Due(now)
		require.Len(t, got, len(want))
		for i := range got {
			if got[i].DriverID != "partner-0003" {
				require.Equal(t, want[i], got[i])
			}
		}
	}
}

func TestUnknownPartner(t *testing.T) {
	f := lineFleet(t)
	require.ErrorIs(t, f.Direct("nobody", 0, 0), ErrNoPartner)
	require.ErrorIs(t, f.Release("nobody"), ErrNoPartner)
	_, _, err := f.Position("nobody")
	require.ErrorIs(t, err, ErrNoPartner)
	_, err = f.Distance("nobody", 0, 0)
	require.ErrorIs(t, err, ErrNoPartner)
}

func TestNewFleetErrors(t *testing.T) {
	line := []Trace{{ID: "line", Fixes: []TraceFix{{0, 0, 0}, {second, 1, 1}}}}
	at := []Anchor{bengaluru}
	for name, cfg := range map[string]FleetConfig{
		"nobody":        {Partners: 0, Traces: line, Anchors: at},
		"too many":      {Partners: MaxPartners + 1, Traces: line, Anchors: at},
		"no traces":     {Partners: 1, Anchors: at},
		"no anchors":    {Partners: 1, Traces: line},
		"a single fix":  {Partners: 1, Anchors: at, Traces: []Trace{{Fixes: []TraceFix{{}}}}},
		"takes no time": {Partners: 1, Anchors: at, Traces: []Trace{{Fixes: []TraceFix{{}, {}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewFleet(cfg)
			require.Error(t, err)
		})
	}
}

func BenchmarkFleetDue(b *testing.B) {
	f := cityFleet(b, 10_000, begin)
	now, pings := begin, 0
	for b.Loop() {
		now = now.Add(tick)
		pings += len(f.Due(now))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(pings), "ns/ping")
}
