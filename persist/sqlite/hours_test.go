package sqlite

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/persist"
)

// Whatever is written in whatever order, also by writes that fail, driver_hours has
// the hours and zones of the rows that are there. Many rows of a bucket and zone are
// noted in another way than a few.
func TestHoursOfRows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, err := Open(t.Context(), t.TempDir()+"/record.db", Options{})
		require.NoError(rt, err)
		defer s.Close()
		for range rapid.IntRange(1, 12).Draw(rt, "writes") {
			bucket := int64(rapid.IntRange(0, 3).Draw(rt, "hour"))*hourMS + int64(rapid.IntRange(0, 2).Draw(rt, "bucket"))*30_000
			zone := rapid.SampledFrom([]string{"east", "west"}).Draw(rt, "zone")
			first, n := rapid.IntRange(0, 200).Draw(rt, "first"), rapid.SampledFrom([]int{1, 5, 150}).Draw(rt, "rows")
			var rows []persist.TrackRow
			for i := range n {
				rows = append(rows, persist.TrackRow{
					DriverID: fmt.Sprintf("d%03d", first+i), Zone: zone, BucketStart: bucket, FirstTS: bucket, LastTS: bucket, Fixes: 1,
				})
			}
			ctx, cancel := context.WithCancel(t.Context())
			failing := rapid.IntRange(0, 3).Draw(rt, "failing") == 0
			if failing {
				cancel()
			}
			err := s.WriteTracks(ctx, rows)
			cancel()
			require.Equal(rt, failing, err != nil)
		}
		for _, query := range []string{
			`SELECT count(*) FROM (SELECT DISTINCT bucket_start_ms / 3600000 * 3600000, zone, driver_id FROM tracks EXCEPT SELECT * FROM driver_hours)`,
			`SELECT count(*) FROM (SELECT * FROM driver_hours EXCEPT SELECT bucket_start_ms / 3600000 * 3600000, zone, driver_id FROM tracks)`,
		} {
			var differ int
			require.NoError(rt, s.read(t.Context(), "compare", func(tx *txn) error { return tx.QueryRow(query).Scan(&differ) }))
			require.Zero(rt, differ, query)
		}
	})
}
