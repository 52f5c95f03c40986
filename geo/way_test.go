package geo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// phone is how a phone tells of an hour.
type phone struct {
	accuracy, speed float32
	off             float64 // of its fixes really: two thirds are within so many metres
	mps             float64 // how fast it goes in truth, northwards
}

// hour returns a fix every 4 s. The errors of fixes that follow each other are alike.
func (p phone) hour(driver string, random *rand.Rand) []Fix {
	const alike = 0.95
	sigma := p.off / 1.515
	east, north := sigma*random.NormFloat64(), sigma*random.NormFloat64()
	fixes := make([]Fix, 900)
	for i := range fixes {
		fresh := sigma * math.Sqrt(1-alike*alike)
		east, north = alike*east+fresh*random.NormFloat64(), alike*north+fresh*random.NormFloat64()
		fixes[i] = at(driver, 0, base+int64(i)*4000)
		fixes[i].Lat, fixes[i].Lon = destination(12.97, 77.59, 0, p.mps*4*float64(i))
		fixes[i].Lat += north / metresPerDegree
		fixes[i].Lon += east / metresPerDegree / math.Cos(12.97*degree)
		fixes[i].AccuracyM, fixes[i].SpeedMPS = p.accuracy, p.speed
	}
	return fixes
}

// told is what the record has of an hour.
type told struct{ rows, track, top, plain float64 }

// tell records an hour, flushes it and reads it back.
func tell(t *testing.T, p phone, seed uint64) (all told) {
	t.Helper()
	clock := &clock{ms: base + time.Hour.Milliseconds()}
	f := NewFleet(hosts["memory"](t), oneZone(t), FleetOptions{Now: clock.now})
	fixes := p.hour("d", rand.New(rand.NewPCG(seed, 7)))
	outcomes, err := f.Record(t.Context(), fixes)
	require.NoError(t, err)
	for i, o := range outcomes {
		require.True(t, o.Verdict.Present(), "fix %d: %v", i, o.Verdict)
		if i > 0 {
			all.plain += Distance(fixes[i-1].Lat, fixes[i-1].Lon, fixes[i].Lat, fixes[i].Lon)
		}
	}
	s := &store{}
	require.NoError(t, NewFlusher(f, s, FlushOptions{}).FlushAll(t.Context(), true))
	for _, row := range s.rows {
		all.rows += row.DistanceM
		all.top = max(all.top, row.TopSpeedMPS)
	}
	track, err := LoadTrack(t.Context(), s, "d", base, base+time.Hour.Milliseconds())
	require.NoError(t, err)
	require.Len(t, track.Fixes, len(fixes))
	all.track = track.DistanceM
	return all
}

// A phone that lies on a counter for an hour has not gone anywhere, though its fixes
// wander about; one that is carried has gone as far as it was.
func TestHowFarAPhoneGoes(t *testing.T) {
	for _, p := range []phone{
		{accuracy: 5, off: 5}, {accuracy: 20, off: 20}, {accuracy: 60, off: 60}, {accuracy: 100, off: 100},
		{accuracy: Unknown, off: 10},
	} {
		p.speed = Unknown
		t.Run(fmt.Sprintf("%v m", p.accuracy), func(t *testing.T) {
			for seed := range uint64(5) {
				still := tell(t, p, seed)
				require.Greater(t, still.plain, 1000.0, "what a plain sum would say")
				require.Less(t, still.rows, 5.0)
				require.Less(t, still.track, 5.0)
				require.Less(t, still.top, 0.5)

				p := p
				p.speed = 0.1 // the phone says that it hardly moves
				still = tell(t, p, seed)
				require.Less(t, still.rows, 5.0)
				require.Less(t, still.track, 5.0)
				require.InDelta(t, 0.1, still.top, 0.01)

				p.speed = Unknown
				for _, p.mps = range []float64{1.2, 8} { // on foot, by bicycle
					way := p.mps * 4 * 899
					went := tell(t, p, seed)
					require.InEpsilon(t, way, went.track, 0.1)
					require.Less(t, went.rows, way*1.05)
					require.Less(t, went.top, 2*p.mps+float64(p.off)/4)
				}
				// From row to row a way is not counted: 4 s of 30.
				require.True(t, p.off > 20 || tell(t, p, seed).rows > 0.8*p.mps*4*899)
			}
		})
	}
}

func TestWayAlone(t *testing.T) {
	north := func(ts int64, metres float64) TrackFix {
		return TrackFix{TS: ts, Lat: metres / metresPerDegree, Lon: 180, SpeedMPS: Unknown, accuracyM: 5}
	}
	for name, c := range map[string]struct {
		fixes       []TrackFix
		metres, mps float64
	}{
		"nothing":    {nil, 0, 0},
		"one fix":    {[]TrackFix{north(0, 0)}, 0, 0},
		"one place":  {[]TrackFix{north(0, 0), north(1000, 14), north(2000, -7)}, 0, 0},
		"two places": {[]TrackFix{north(0, 0), north(2000, 40)}, 40, 20},
		"a walk":     {[]TrackFix{north(0, 0), north(4000, 5), north(8000, 10), north(12_000, 15), north(16_000, 20), north(20_000, 25), north(24_000, 30)}, 30, 1.25},
		"stops":      {[]TrackFix{north(0, 0), north(1000, 30), north(2000, 60), north(3000, 62), north(4000, 58)}, 58, 30},
		"over the edge": {[]TrackFix{{TS: 0, Lon: 179.9999, SpeedMPS: Unknown, accuracyM: 5},
			{TS: 1000, Lon: -179.99995, SpeedMPS: Unknown, accuracyM: 5}, {TS: 2000, Lon: -179.99985, SpeedMPS: Unknown, accuracyM: 5},
			{TS: 3000, Lon: -179.9995, SpeedMPS: Unknown, accuracyM: 5}}, 0.0006 * metresPerDegree, 0.0004 / 1.5 * metresPerDegree},
	} {
		t.Run(name, func(t *testing.T) {
			metres, mps := wayOf(c.fixes)
			require.InDelta(t, c.metres, metres, 0.01)
			require.InDelta(t, c.mps, mps, 0.5)
			require.InDelta(t, mps, topSpeed(c.fixes, mps), 1e-9)
		})
	}
	moving := []TrackFix{north(0, 0), north(1000, 2), north(2000, 4)}
	for i := range moving {
		moving[i].SpeedMPS = 2
	}
	metres, mps := wayOf(moving)
	require.InDelta(t, 4, metres, 0.01, "the phone says that it moves")
	require.Equal(t, 2.0, topSpeed(moving, mps))
}

// A row alone and a track of it say the same.
func TestRowAndTrackAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, accuracy := range []float32{Unknown, 3, 12, 40} {
		b := newBed(t)
		b.clock.advance(time.Minute)
		fixes := make([]Fix, 30)
		for i := range fixes {
			fixes[i] = far("d", westLon, base+int64(i)*1000, 8*float64(i)+4*random.NormFloat64())
			if fixes[i].AccuracyM = accuracy; accuracy > 0 && i%3 == 0 {
				fixes[i].AccuracyM *= 2
			}
		}
		_, err := b.Record(t.Context(), fixes)
		require.NoError(t, err)
		s := &store{}
		require.NoError(t, NewFlusher(b.Fleet, s, FlushOptions{}).FlushAll(t.Context(), true))
		for _, row := range s.rows {
			track, err := TrackOf("d", row.FirstTS, row.LastTS, []persist.TrackRow{row})
			require.NoError(t, err)
			require.InDelta(t, row.DistanceM, track.DistanceM, 0.03*row.DistanceM+1)
		}
	}
}
