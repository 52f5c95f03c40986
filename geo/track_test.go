package geo

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/persist"
)

// The worked example of the format's own description:
// https://developers.google.com/maps/documentation/utilities/polylinealgorithm
func TestPathIsGooglesPolyline(t *testing.T) {
	path, _, _ := encodeFixes(0, []TrackFix{{Lat: 38.5, Lon: -120.2}, {Lat: 40.7, Lon: -120.95}, {Lat: 43.252, Lon: -126.453}})
	require.Equal(t, "_p~iF~ps|U_ulLnnqC_mqNvxq`@", path)
}

// The worked example of docs/track-format.md.
func TestTrackFormatExample(t *testing.T) {
	fixes := []TrackFix{
		{TS: base + 1500, Lat: 12.97160, Lon: 77.59460, SpeedMPS: 8.5},
		{TS: base + 5500, Lat: 12.97190, Lon: 77.59455, SpeedMPS: Unknown},
		{TS: base + 9480, Lat: 12.97221, Lon: 77.59449, SpeedMPS: 0, Mock: true},
	}
	path, times, speeds := encodeFixes(base, fixes)
	require.Equal(t, "oodnAgerxM{@H}@J", path)
	require.Equal(t, "{m@_|Bk{B", times)
	require.Equal(t, "rY?`__A", speeds)
}

func drawTrack(rt *rapid.T) []TrackFix {
	var fixes []TrackFix
	ts := base
	for range rapid.IntRange(0, 40).Draw(rt, "fixes") {
		ts += rapid.Int64Range(1, 60_000).Draw(rt, "dt")
		fixes = append(fixes, TrackFix{
			TS:        ts,
			Lat:       math.Round(rapid.Float64Range(-MaxLat, MaxLat).Draw(rt, "lat")*1e5) / 1e5,
			Lon:       math.Round(rapid.Float64Range(-180, 180).Draw(rt, "lon")*1e5) / 1e5,
			SpeedMPS:  rapid.SampledFrom([]float32{Unknown, 0, 0.01, 8.33, 27.5, 655.34}).Draw(rt, "speed"),
			Mock:      rapid.Bool().Draw(rt, "mock"),
			accuracyM: Unknown,
		})
	}
	return fixes
}

func TestTrackFormatRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := drawTrack(rt)
		path, times, speeds := encodeFixes(base, want)
		got, err := decodeFixes(nil, base, path, times, speeds)
		require.NoError(rt, err)
		require.Equal(rt, want, got)
	})
}

func FuzzDecodeFixes(f *testing.F) {
	f.Add(int64(0), "oodnAgerxM{@H}@J", "{m@_|Bk{B", "rY?@")
	f.Add(base, "", "", "")
	f.Add(base, "~~~~~~~~~~~~~~~~", "?", "?")
	f.Add(base, "??", "?", "\x00")
	f.Add(base, "??", "?", "__B")
	f.Fuzz(func(t *testing.T, start int64, path, times, speeds string) {
		fixes, err := decodeFixes(nil, start, path, times, speeds)
		if err != nil {
			require.ErrorIs(t, err, ErrTrackFormat)
			return
		}
		require.LessOrEqual(t, 4*len(fixes), len(path)+len(times)+len(speeds))
	})
}

func TestTrackFormatRefuses(t *testing.T) {
	for name, texts := range map[string][3]string{
		"half a place":    {"?", "?", "?"},
		"no time":         {"??", "", "?"},
		"time too many":   {"??", "??", "?"},
		"speed too many":  {"??", "?", "??"},
		"cut number":      {"?_", "?", "?"},
		"speed too great": {"??", "?", string(appendNumber(nil, 2*mockedSpeed))},
		"wrong character": {"?\n", "?", "?"},
		"endless number":  {"??", "~~~~~~~~~~~~~~~~~", "?"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decodeFixes(nil, base, texts[0], texts[1], texts[2])
			require.ErrorIs(t, err, ErrTrackFormat)
		})
	}
}

// Packing loses no more than the formats say, and a row is small.
func TestSummary(t *testing.T) {
	fixes := []Fix{
		{DriverID: "d", Lat: 12.9716012, Lon: 77.5945987, TS: base + 4000, SpeedMPS: 8.5, AccuracyM: 5, BearingDeg: 359.999, Battery: 0.5},
		{DriverID: "d", Lat: 12.9712, Lon: 77.5946, TS: base, SpeedMPS: Unknown, AccuracyM: Unknown, BearingDeg: 720.5, Battery: -3},
		{DriverID: "d", Lat: 12.9720, Lon: 77.5946, TS: base + 29_999, SpeedMPS: 1e9, AccuracyM: 15, BearingDeg: 12, Battery: 1},
	}
	var packed []byte
	for _, f := range fixes {
		compact := appendFix(nil, &f)
		require.Len(t, compact, fixSize)
		back, ok := decodeFix("d", string(compact))
		require.True(t, ok)
		require.InDelta(t, f.Lat, back.Lat, 0.5e-7)
		require.Equal(t, f.TS, back.TS)
		packed = append(packed, compact[bodyStart:bodyEnd]...)
	}
	packed = append(packed, packed[:bucketFixSize]...) // a repeat
	row, ok := summarize("west", "d", base, 7, string(packed))
	require.True(t, ok)
	require.Equal(t, 3, row.Fixes)
	require.NoError(t, row.Validate())
	require.InDelta(t, 89, row.DistanceM, 1)
	require.InDelta(t, 655.34, row.TopSpeedMPS, 1e-3, "the largest that fits")
	require.InDelta(t, 8.33, row.MeanAccuracyM, 2, "of those that have one")
	require.Equal(t, []int64{base, base + 29_999}, []int64{row.FirstTS, row.LastTS})
	require.InDelta(t, 12.9712, row.FirstLat, 1e-7)

	compact := string(appendFix(nil, &fixes[1]))
	back, _ := decodeFix("d", compact)
	require.Equal(t, []float32{Unknown, Unknown, Unknown, 0.5}, []float32{back.SpeedMPS, back.AccuracyM, back.Battery, back.BearingDeg})
	_, ok = summarize("west", "d", base, 7, "short")
	require.False(t, ok)
}

func TestLoadTrack(t *testing.T) {
	s := &store{}
	put := func(zone string, start, part int64, fixes ...TrackFix) {
		path, times, speeds := encodeFixes(start, fixes)
		require.NoError(t, s.WriteTracks(t.Context(), []persist.TrackRow{{
			DriverID: "d", Zone: zone, BucketStart: start, Part: part, Fixes: len(fixes),
			FirstTS: fixes[0].TS, LastTS: fixes[len(fixes)-1].TS,
			Path: path, Times: times, Speeds: speeds,
		}}))
	}
	fix := func(ts int64) TrackFix {
		return TrackFix{TS: base + ts, Lat: 12.97 + float64(ts)/1e7, Lon: 77.59, SpeedMPS: 1}
	}
	put("west", base, 1, fix(0), fix(8000), fix(29_000))
	put("east", base, 1, fix(4000), fix(8000)) // over the border and back, one fix told twice
	put("west", base, 2, fix(2000))            // late
	put("west", base+30_000, 3, fix(30_000), fix(34_000))

	track, err := LoadTrack(t.Context(), s, "d", base+2000, base+30_000)
	require.NoError(t, err)
	var times []int64
	for _, f := range track.Fixes {
		times = append(times, f.TS-base)
	}
	require.Equal(t, []int64{2000, 4000, 8000, 29_000, 30_000}, times)
	require.InDelta(t, 0.0028*metresPerDegree, track.DistanceM, 2)

	for _, c := range []struct{ from, to int64 }{{base + 50_000, base + 60_000}, {base + 9000, base + 10_000}, {5, 1}} {
		track, err = LoadTrack(t.Context(), s, "d", c.from, c.to)
		require.NoError(t, err)
		require.Empty(t, track.Fixes)
	}

	put("west", base+60_000, 4, fix(60_000))
	s.rows[rowKey{"d", "west", base + 60_000, 4}] = persist.TrackRow{DriverID: "d", Path: "?", LastTS: base + 60_000}
	_, err = LoadTrack(t.Context(), s, "d", base, base+90_000)
	require.ErrorIs(t, err, ErrTrackFormat)
}

func TestTrackFormats(t *testing.T) {
	track := Track{DriverID: "d <&1>", From: base, To: base + 9000, DistanceM: 12.5, Fixes: []TrackFix{
		{TS: base, Lat: 12.97, Lon: 77.59, SpeedMPS: 8.33}, {TS: base + 4001, Lat: 12.97012, Lon: 77.59, SpeedMPS: Unknown},
	}}
	var out bytes.Buffer
	require.NoError(t, track.WriteGeoJSON(&out))
	require.JSONEq(t, `{"type":"Feature","geometry":{"type":"LineString","coordinates":[[77.59,12.97],[77.59,12.97012]]},
		"properties":{"driver_id":"d <&1>","distance_m":12.5,"times":[1700000010000,1700000014001]}}`, out.String())

	out.Reset()
	made := track
	made.Fixes = slices.Clone(track.Fixes)
	made.Fixes[1].Mock = true
	require.Equal(t, 1, made.MockFixes())
	require.NoError(t, made.WriteGeoJSON(&out))
	require.Contains(t, out.String(), `"mocks":[1700000014001]`)

	out.Reset()
	require.NoError(t, track.WriteGPX(&out))
	var back gpxFile
	require.NoError(t, xml.Unmarshal(out.Bytes(), &back))
	require.Equal(t, "d <&1>", back.Name)
	require.Equal(t, []gpxPoint{{"12.97000", "77.59000", "2023-11-14T22:13:30.000Z"}, {"12.97012", "77.59000", "2023-11-14T22:13:34.001Z"}}, back.Points)

	for _, short := range []Track{{Fixes: track.Fixes[:1]}, {}} {
		out.Reset()
		require.NoError(t, short.WriteGeoJSON(&out))
		require.True(t, json.Valid(out.Bytes()))
		require.NoError(t, short.WriteGPX(&out))
	}
}
