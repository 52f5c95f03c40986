package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
	"hyperlocal/persist/sqlite"
)

// What the file takes for each fix, with key, summary and the index of hours, at ten
// fixes a row: see docs/track-format.md.
func TestBytesOnDisk(t *testing.T) {
	const drivers, buckets, fixes, most = 5000, 6, 10, 29
	path := filepath.Join(t.TempDir(), "record.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	for b := range int64(buckets) {
		rows := make([]persist.TrackRow, drivers)
		for i := range rows {
			start := int64(1_800_000_000_000) + b*30_000
			rows[i] = persist.TrackRow{
				DriverID: fmt.Sprintf("driver:%d", i), Zone: "koramangala_ward", BucketStart: start, Part: start + 35_123,
				FirstTS: start + 123, LastTS: start + 27_456, FirstLat: 12.9716012, FirstLon: 77.5946023,
				LastLat: 12.9726045, LastLon: 77.5956067, Fixes: fixes,
				DistanceM: 154.23456, TopSpeedMPS: 13.42, MeanAccuracyM: 7.3,
				Path: strings.Repeat("ab", 23), Times: strings.Repeat("abc", fixes), Speeds: strings.Repeat("abc", fixes),
			}
		}
		require.NoError(t, s.WriteTracks(t.Context(), rows))
	}
	require.NoError(t, s.Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	perFix := float64(info.Size()) / (drivers * buckets * fixes)
	t.Logf("%.1f bytes for each fix", perFix)
	require.LessOrEqual(t, perFix, float64(most))
}
