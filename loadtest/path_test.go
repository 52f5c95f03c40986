package loadtest

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const second = time.Second

var bengaluru = Anchor{Name: "Bengaluru", Lat: 12.97, Lon: 77.59}

// unturned is a placement that leaves a trace's axes as they are.
var unturned = placement{sin: 0, cos: 1, anchor: bengaluru}

func TestWalk(t *testing.T) {
	// 40 m north in 10 s, then 60 m east in 20 s, where it stays for 10 s.
	w := walk{trace: Trace{Fixes: []TraceFix{{0, 0, 0}, {10 * second, 0, 40}, {30 * second, 60, 40}, {40 * second, 60, 40}}}, place: unturned}
	const north, east, south, west = 0, 90, 180, 270
	for name, tc := range map[string]struct {
		after   time.Duration
		at      point
		speed   float64
		bearing float64
	}{
		"the beginning":      {0, point{0, 0}, 4, north},
		"between fixes":      {5 * second, point{0, 20}, 4, north},
		"at a fix":           {10 * second, point{0, 40}, 3, east},
		"after it":           {20 * second, point{30, 40}, 3, east},
		"standing":           {35 * second, point{60, 40}, 0, north},
		"the end":            {40 * second, point{60, 40}, 0, north},
		"standing still":     {45 * second, point{60, 40}, 0, north},
		"on the way back":    {60 * second, point{30, 40}, 3, west},
		"nearly back":        {75 * second, point{0, 20}, 4, south},
		"the second round":   {85 * second, point{0, 20}, 4, north},
		"the hundredth":      {99*80*second + 20*second, point{30, 40}, 3, east},
		"the hundredth back": {99*80*second + 60*second, point{30, 40}, 3, west},
	} {
		t.Run(name, func(t *testing.T) {
			at, speed, bearing := w.at(tc.after)
			require.InDelta(t, tc.at.x, at.x, 1e-9)
			require.InDelta(t, tc.at.y, at.y, 1e-9)
			require.InDelta(t, tc.speed, speed, 1e-9)
			if tc.speed > 0 {
				require.InDelta(t, tc.bearing, bearing, 1e-9)
			}
		})
	}
}

// A walk has no jumps: no two moments are further apart than the trace's
// greatest speed allows, ends and turns included.
func TestWalkNeverJumps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var fixes []TraceFix
		at, fastest := time.Duration(0), 0.0
		for i := range rapid.IntRange(2, 10).Draw(t, "fixes") {
			f := TraceFix{at, rapid.Float64Range(-500, 500).Draw(t, "x"), rapid.Float64Range(-500, 500).Draw(t, "y")}
			if i > 0 {
				b := fixes[i-1]
				fastest = max(fastest, point{b.X, b.Y}.distance(point{f.X, f.Y})/(f.At-b.At).Seconds())
			}
			fixes = append(fixes, f)
			at += time.Duration(rapid.IntRange(1, 60_000).Draw(t, "ms")) * time.Millisecond
		}
		turn := rapid.Float64Range(0, 2*math.Pi).Draw(t, "turn")
		w := walk{trace: Trace{Fixes: fixes}, place: placement{math.Sin(turn), math.Cos(turn), bengaluru}}
		t0 := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "from"))
		step := time.Duration(rapid.Int64Range(1, int64(5*second)).Draw(t, "step"))
		p, speed, _ := w.at(t0)
		q, _, _ := w.at(t0 + step)
		require.LessOrEqual(t, p.distance(q), fastest*step.Seconds()+1e-6)
		require.LessOrEqual(t, speed, fastest+1e-6)
	})
}

func TestPlacement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		turn := rapid.Float64Range(0, 2*math.Pi).Draw(t, "turn")
		p := placement{math.Sin(turn), math.Cos(turn), bengaluru}
		f := TraceFix{X: rapid.Float64Range(-5000, 5000).Draw(t, "x"), Y: rapid.Float64Range(-5000, 5000).Draw(t, "y")}
		q := p.turn(f)
		require.InDelta(t, math.Hypot(f.X, f.Y), math.Hypot(q.x, q.y), 1e-6, "turning keeps distances")
		lat, lon := p.onGlobe(q)
		back := p.onPlane(lat, lon)
		require.InDelta(t, 0, q.distance(back), 1e-6, "to the globe and back")
		require.InDelta(t, math.Hypot(f.X, f.Y), haversine(bengaluru.Lat, bengaluru.Lon, lat, lon), 5, "the globe's distance")
	})
}

func TestPlacementDirections(t *testing.T) {
	lat, lon := unturned.onGlobe(point{0, 1000})
	require.InDelta(t, bengaluru.Lat+0.008993, lat, 1e-6)
	require.Equal(t, bengaluru.Lon, lon)
	lat, lon = unturned.onGlobe(point{1000, 0})
	require.Equal(t, bengaluru.Lat, lat)
	require.InDelta(t, bengaluru.Lon+0.009229, lon, 1e-6)
}

// haversine is the distance on a sphere in metres: a way of its own to check
// what the fleet does on a plane.
func haversine(lat1, lon1, lat2, lon2 float64) float64 {
	const rad = math.Pi / 180
	a := math.Pow(math.Sin((lat2-lat1)*rad/2), 2) +
		math.Cos(lat1*rad)*math.Cos(lat2*rad)*math.Pow(math.Sin((lon2-lon1)*rad/2), 2)
	return 2 * 6371008.8 * math.Asin(math.Sqrt(a))
}
