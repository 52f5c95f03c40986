package fence

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// fixes of a table: distance to the edge and accuracy in metres, four seconds
// apart.
type at struct{ distance, accuracy float64 }

func (a at) observation(i int) observation {
	return observation{ts: int64(i+1) * 4000, distanceDM: int64(math.Round(a.distance * 10)), accuracyDM: int64(math.Round(a.accuracy * 10))}
}

// A circle of 100 m is 50 m deep.
var (
	ofCircle = rules{depthDM: 500, fixes: 3, confirmMS: 10_000}
	dwelling = rules{depthDM: 500, dwellMS: 12_000, fixes: 3, confirmMS: 10_000}
)

func times(n int, a at) []at {
	var out []at
	for range n {
		out = append(out, a)
	}
	return out
}

func TestSteps(t *testing.T) {
	join := func(parts ...[]at) (out []at) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	for name, c := range map[string]struct {
		fixes []at
		rules rules
		want  string
	}{
		"three fixes inside":                       {times(3, at{-60, 10}), ofCircle, "..e"},
		"two are not enough":                       {times(2, at{-60, 10}), ofCircle, ".."},
		"one outside between":                      {join(times(2, at{-60, 10}), times(1, at{5, 10}), times(2, at{-60, 10})), ofCircle, "....."},
		"at the edge, by its own accuracy":         {times(9, at{-9, 10}), ofCircle, "........."},
		"deep enough for a fix of little accuracy": {times(3, at{-50, 90}), ofCircle, "..e"},
		"in and out":                               {join(times(3, at{-60, 10}), times(3, at{60, 10})), ofCircle, "..e..x"},
		"out, but not for sure":                    {join(times(3, at{-60, 10}), times(9, at{10, 10})), ofCircle, "..e........."},
		"a jump and back":                          {join(times(3, at{-60, 10}), times(2, at{900, 10}), times(4, at{-60, 10})), ofCircle, "..e......"},
		"who came in with doubt must go further":   {join(times(3, at{-50, 90}), times(5, at{45, 5})), ofCircle, "..e....."},
		"further":                                  {join(times(3, at{-50, 90}), times(3, at{47, 5})), ofCircle, "..e..x"},
		"doubt that was removed":                   {join(times(3, at{-50, 90}), times(1, at{-50, 5}), times(3, at{7, 5})), ofCircle, "..e...x"},
		"dwell":                                    {times(8, at{-60, 10}), dwelling, "..e..d.."},
		"again after leaving":                      {join(times(6, at{-60, 10}), times(3, at{60, 10}), times(6, at{-60, 10})), dwelling, "..e..d..x..e..d"},
	} {
		t.Run(name, func(t *testing.T) {
			var s state
			var got strings.Builder
			for i, a := range c.fixes {
				if kind := s.step(c.rules, a.observation(i)); kind != "" {
					got.WriteByte(gotKind[kind])
				} else {
					got.WriteByte('.')
				}
				require.Equal(t, s, decodeState(s.encode()))
			}
			require.Equal(t, c.want, got.String())
		})
	}
}

func TestTwoFixesFarApartConfirm(t *testing.T) {
	var s state
	require.Empty(t, s.step(ofCircle, observation{ts: 1000, distanceDM: -600, accuracyDM: 100}))
	require.Equal(t, Enter, s.step(ofCircle, observation{ts: 11_000, distanceDM: -600, accuracyDM: 100}))
}

// Who is silent stands where they stood; the clock alone makes them dwell.
func TestDwellingInSilence(t *testing.T) {
	var s state
	require.Empty(t, s.still(dwelling, 1_000_000), "nobody is there")
	for i := range 3 {
		s.step(dwelling, at{-60, 10}.observation(i))
	}
	before := s
	require.Empty(t, s.still(dwelling, 23_999))
	require.Equal(t, before, s)
	require.Equal(t, Dwell, s.still(dwelling, 24_000))
	require.Empty(t, s.still(dwelling, 30_000), "once")
	require.Equal(t, before.lastTS, s.lastTS, "the next fix counts, whatever the phone's clock says")

	s = before
	s.step(dwelling, at{60, 10}.observation(3))
	require.Empty(t, s.still(dwelling, 1_000_000), "on the way out, by the newest fix")
}

func TestOldFixesChangeNothing(t *testing.T) {
	var s state
	for i := range 3 {
		s.step(ofCircle, at{-60, 10}.observation(i))
	}
	before := s
	for range 5 {
		require.Empty(t, s.step(ofCircle, observation{ts: 12_000, distanceDM: 9000, accuracyDM: 50}))
	}
	require.Equal(t, before, s)
}

func TestAccuracy(t *testing.T) {
	s := circleShape(12.97, 77.59, 100)
	fix := Fix{Lat: 12.97, Lon: 77.59}
	for _, c := range []struct {
		given float32
		dm    int64
		ok    bool
	}{{-1, 200, true}, {0, 30, true}, {12.34, 124, true}, {100, 1000, true}, {100.5, 0, false}} {
		fix.AccuracyM = c.given
		o, ok := s.observe(&fix)
		require.Equal(t, c.ok, ok)
		if ok {
			require.Equal(t, c.dm, o.accuracyDM)
			require.Equal(t, int64(-1000), o.distanceDM)
		}
	}
}

// Whoever stands still makes at most one event, whatever the accuracies are, as
// long as no fix is off by more than its own.
func TestStandingStill(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		radius := rapid.Float64Range(MinRadiusM, 300).Draw(rt, "radius")
		fence := circleShape(12.97, 77.59, radius)
		r := rules{depthDM: int64(fence.depthM * 10), fixes: rapid.Int64Range(1, 3).Draw(rt, "confirm"), confirmMS: 10_000}
		// Near the edge mostly.
		true0 := radius + rapid.Float64Range(-120, 120).Draw(rt, "from the edge")
		true0 = max(0, true0)
		var s state
		events := 0
		ts := int64(0)
		for range rapid.IntRange(1, 60).Draw(rt, "fixes") {
			ts += rapid.Int64Range(1000, 20_000).Draw(rt, "pause")
			accuracy := rapid.SampledFrom([]float64{3, 5, 12, 30, 65, 100}).Draw(rt, "accuracy")
			north := rapid.Float64Range(-1, 1).Draw(rt, "north")
			east := rapid.Float64Range(-1, 1).Draw(rt, "east") * math.Sqrt(1-north*north)
			fix := Fix{
				Lat:       12.97 + (true0+0.999*accuracy*north)/metresPerDegree,
				Lon:       77.59 + 0.999*accuracy*east/metresPerDegree/math.Cos(12.97*degree),
				TS:        ts,
				AccuracyM: float32(accuracy),
			}
			o, ok := fence.observe(&fix)
			require.True(rt, ok)
			if s.step(r, o) != "" {
				events++
			}
		}
		require.LessOrEqual(rt, events, 1)
	})
}

// Events come in turns, and entering and leaving agree with a model that keeps
// the fixes and asks the definition: a fix counts if it says, by itself and by
// the doubt of the visit, the opposite of how it is, and enough of them in a row
// decide.
func TestStepsAgreeWithAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rules{
			depthDM: rapid.Int64Range(10, 800).Draw(rt, "depth"), fixes: rapid.Int64Range(1, 5).Draw(rt, "confirm"),
			confirmMS: rapid.SampledFrom([]int64{1000, 10_000}).Draw(rt, "or after"),
		}
		if rapid.Bool().Draw(rt, "dwell") {
			r.dwellMS = 15_000
		}
		var s state
		var m model
		ts := int64(0)
		for range rapid.IntRange(1, 80).Draw(rt, "fixes") {
			ts += rapid.SampledFrom([]int64{0, 1000, 4000, 11_000}).Draw(rt, "pause")
			o := observation{ts: ts, distanceDM: rapid.Int64Range(-1000, 2500).Draw(rt, "distance"), accuracyDM: rapid.Int64Range(30, 1000).Draw(rt, "accuracy")}
			want := m.take(r, o)
			require.Equal(rt, want, s.step(r, o))
			require.Equal(rt, m.inside, s.inside)
		}
	})
}

type model struct {
	inside bool
	run    []observation // that say the opposite
	visit  []observation // that said inside since just before the driver entered
	enter  int64
	dwelt  bool
	last   int64
}

func (m *model) take(r rules, o observation) Kind {
	if (m.inside || len(m.run) > 0) && o.ts <= m.last || o.ts == 0 {
		return ""
	}
	m.last = o.ts
	doubt := int64(math.MaxInt64)
	says := o.distanceDM <= -o.accuracyDM || o.distanceDM <= -r.depthDM
	if m.inside {
		if says {
			m.visit = append(m.visit, o)
		}
		for _, v := range m.visit {
			doubt = min(doubt, max(0, v.accuracyDM-r.depthDM))
		}
	}
	opposite := says
	if m.inside {
		opposite = o.distanceDM-o.accuracyDM-doubt > leaveMarginDM
	}
	if !opposite {
		m.run = nil
		if m.inside && r.dwellMS > 0 && !m.dwelt && o.ts-m.enter >= r.dwellMS {
			m.dwelt = true
			return Dwell
		}
		return ""
	}
	m.run = append(m.run, o)
	if n := len(m.run); int64(n) < r.fixes && (n < 2 || o.ts-m.run[0].ts < r.confirmMS) {
		return ""
	}
	run := m.run
	if m.inside {
		*m = model{last: o.ts}
		return Exit
	}
	*m = model{inside: true, visit: run, enter: o.ts, last: o.ts}
	return Enter
}
