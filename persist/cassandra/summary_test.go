package cassandra

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/persist"
)

func TestSummaryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		double := func() float64 { return rapid.Float64().Draw(t, "double") }
		want := persist.TrackRow{
			FirstTS: rapid.Int64().Draw(t, "first"), LastTS: rapid.Int64().Draw(t, "last"),
			FirstLat: double(), FirstLon: double(), LastLat: double(), LastLon: double(),
			Fixes: rapid.Int().Draw(t, "fixes"), MockFixes: rapid.Int().Draw(t, "mocks"), DistanceM: double(), TopSpeedMPS: double(), MeanAccuracyM: double(),
		}
		data, err := summary{&want}.MarshalCQL(nil)
		require.NoError(t, err)
		var got persist.TrackRow
		require.NoError(t, summary{&got}.UnmarshalCQL(nil, append(data, "a later field"...)))
		require.Equal(t, want, got)
		older := len(data) - fieldBytes // a row from before mock_fixes
		want.MockFixes = 0
		require.NoError(t, summary{&got}.UnmarshalCQL(nil, data[:older]))
		require.Equal(t, want, got)
		cut := rapid.IntRange(0, len(data)-1).Filter(func(n int) bool { return n != older }).Draw(t, "cut")
		require.Error(t, summary{&got}.UnmarshalCQL(nil, data[:cut]))
	})
}

// TestSummaryFields asks the cluster for each field by its name.
func TestSummaryFields(t *testing.T) {
	url := shared(t)
	s := openStore(t, url)
	r := persist.TrackRow{
		DriverID: "summary fields", Zone: "z", FirstTS: 1, LastTS: 2, FirstLat: 3, FirstLon: 4, LastLat: 5, LastLon: 6,
		Fixes: 7, MockFixes: 5, DistanceM: 8, TopSpeedMPS: 9, MeanAccuracyM: math.Pi,
	}
	require.NoError(t, s.WriteTracks(t.Context(), []persist.TrackRow{r}))
	got := r
	got.FirstTS, got.LastTS, got.FirstLat, got.FirstLon, got.LastLat, got.LastLon = 0, 0, 0, 0, 0, 0
	got.Fixes, got.MockFixes, got.DistanceM, got.TopSpeedMPS, got.MeanAccuracyM = 0, 0, 0, 0, 0
	require.NoError(t, sessionOf(t, url).Query(`SELECT summary.first_ts_ms, summary.last_ts_ms,
			summary.first_lat, summary.first_lon, summary.last_lat, summary.last_lon,
			summary.fixes, summary.mock_fixes, summary.distance_m, summary.top_speed_mps, summary.mean_accuracy_m
		FROM tracks WHERE zone = 'z' AND slice = ? AND hour_start_ms = 0 AND driver_id = ?`,
		slice(r.DriverID, trackSlices), r.DriverID).Scan(
		&got.FirstTS, &got.LastTS, &got.FirstLat, &got.FirstLon, &got.LastLat, &got.LastLon,
		&got.Fixes, &got.MockFixes, &got.DistanceM, &got.TopSpeedMPS, &got.MeanAccuracyM))
	require.Equal(t, r, got)
	var sum float64
	require.NoError(t, sessionOf(t, url).Query(`SELECT sum(summary.distance_m)
		FROM tracks WHERE zone = 'z' AND slice = ? AND hour_start_ms = 0 AND driver_id = ?`,
		slice(r.DriverID, trackSlices), r.DriverID).Scan(&sum))
	require.Equal(t, 8.0, sum)
}
