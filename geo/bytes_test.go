package geo

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// At a fix every 3 s, with speeds, a row of ten fixes takes at most 12 bytes for each
// of them, wherever the drive is and whatever turns it takes, at up to 30 m/s. A fix
// that came late and is alone in its row takes 17.
func TestTwelveBytes(t *testing.T) {
	const most, late = 12, 17
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Int64Range(0, 1<<41).Draw(t, "bucket") * 30_000 / 1000
		lat, lon := rapid.Float64Range(-70, 70).Draw(t, "lat"), rapid.Float64Range(-179, 179).Draw(t, "lon")
		ts := start + rapid.Int64Range(0, 2999).Draw(t, "first")
		var drive []TrackFix
		for range 10 {
			speed := rapid.Float64Range(0, 30).Draw(t, "speed")
			course := rapid.Float64Range(0, 2*math.Pi).Draw(t, "course")
			lat += speed * 3 * math.Cos(course) / metresPerDegree
			lon += speed * 3 * math.Sin(course) / metresPerDegree / math.Cos(lat*degree)
			drive = append(drive, TrackFix{TS: ts, Lat: lat, Lon: lon, SpeedMPS: float32(speed)})
			ts += 2990 + rapid.Int64Range(0, 20).Draw(t, "jitter")
		}
		require.LessOrEqual(t, textBytes(start, drive), most*len(drive))
		require.LessOrEqual(t, textBytes(start, drive[9:]), late)
	})
}

func textBytes(start int64, list []TrackFix) int {
	path, times, speeds := encodeFixes(start, list)
	return len(path) + len(times) + len(speeds)
}
