package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// BenchRows is what a million drivers make in a second: a bucket of 30 s each.
const BenchRows = 33_333

// BenchmarkWriteTracks writes BenchRows rows of as many drivers in each
// iteration, spread over 10 zones as a flush is, and the next bucket of the
// same drivers in the next iteration.
func BenchmarkWriteTracks(b *testing.B, s persist.Tracks) {
	rows := make([]persist.TrackRow, BenchRows)
	bucket := int64(1_800_000_000_000)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for i := range rows {
			rows[i] = benchRow(i, bucket)
		}
		bucket += 30_000
		b.StartTimer()
		require.NoError(b, s.WriteTracks(b.Context(), rows))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*BenchRows), "ns/row")
}

// benchRow has the size of a real row: ten fixes, 120 bytes of them.
func benchRow(i int, bucket int64) persist.TrackRow {
	return persist.TrackRow{
		DriverID:    fmt.Sprintf("driver-%07d", (i*7919)%1_000_000),
		Zone:        fmt.Sprintf("zone_%d", i%10),
		BucketStart: bucket, Part: bucket + 31_000 + int64(i%10),
		FirstTS: bucket + 500, LastTS: bucket + 29_000,
		FirstLat: 12.97, FirstLon: 77.59, LastLat: 12.98, LastLon: 77.6,
		Fixes: 10, DistanceM: 210.5, TopSpeedMPS: 11.2, MeanAccuracyM: 6.4,
		Path:   "_p~iF~ps|U_ulLnnqC_mqNvxq`@_p~iF~ps|U_ulLnnqC_mqNvxq`@_p~iF~ps|U",
		Times:  "oW_qC_qC_qC_qC_qC_qC_qC_qC_qC",
		Speeds: "kCmCqAsBuC_DkCmCqAsB",
	}
}
