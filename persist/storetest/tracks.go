package storetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

const (
	second = int64(1000)
	hour   = 3600 * second
	day    = 24 * hour
	// monday is an hour's and a day's first millisecond.
	monday = int64(1_800_000_000_000) / day * day
)

// track returns a row with the fixes of a bucket, from its start + 500 ms to
// its start + 29 s.
func track(driver, zone string, bucket, part int64) persist.TrackRow {
	return persist.TrackRow{
		DriverID: driver, Zone: zone, BucketStart: bucket, Part: part,
		FirstTS: bucket + 500, LastTS: bucket + 29*second,
		FirstLat: 12.9716, FirstLon: 77.5946, LastLat: -0.000001, LastLon: 1.0 / 3,
		Fixes: 8, MockFixes: 3, DistanceM: 123.456, TopSpeedMPS: 13.9, MeanAccuracyM: 4.2,
		Path: "path " + driver, Times: fmt.Sprint(bucket, "/", part), Speeds: "speeds",
	}
}

func testTracks(t *testing.T, f *fixture) {
	ctx := t.Context()

	t.Run("a row comes back as it was written", func(t *testing.T) {
		driver := tag()
		for i, content := range []string{
			"", "_p~iF~ps|U", "ಬೆಂಗಳೂರು 🛵", "quote ' \" \\ ; -- %", "zero\x00inside", "\xff\xfe not utf-8 \x80",
		} {
			row := track(driver, "zone "+"ಜಯನಗರ", monday+int64(i)*30*second, 1)
			row.Path, row.Times, row.Speeds = content, content+"t", content+"s"
			require.NoError(t, f.a.WriteTracks(ctx, []persist.TrackRow{row}))
			require.Equal(t, []persist.TrackRow{row}, tracks(t, f.b, driver, row.FirstTS, row.FirstTS))
		}
	})

	t.Run("extreme numbers come back", func(t *testing.T) {
		row := track(tag(), "", monday, math.MaxInt64)
		row.Fixes, row.MockFixes = math.MaxInt32, math.MaxInt32
		row.DistanceM, row.FirstLat, row.LastLon = math.MaxFloat64, -90, math.SmallestNonzeroFloat64
		require.NoError(t, f.a.WriteTracks(ctx, []persist.TrackRow{row}))
		require.Equal(t, []persist.TrackRow{row}, tracks(t, f.a, row.DriverID, monday, monday+hour))
	})

	t.Run("order is bucket, part, zone", func(t *testing.T) {
		driver := tag()
		want := []persist.TrackRow{
			track(driver, "west", monday, 5),
			track(driver, "east", monday, 7),
			track(driver, "west", monday, 7),
			track(driver, "north", monday+30*second, 6),
			track(driver, "east", monday+hour, 1),
			track(driver, "east", monday+hour, 12),
			track(driver, "west", monday+day, 3),
		}
		shuffled := slices.Clone(want)
		shuffle(shuffled)
		require.NoError(t, f.a.WriteTracks(ctx, shuffled))
		require.Equal(t, want, tracks(t, f.b, driver, monday, monday+2*day))

		bucket := func(zone string, start int64, driver string) []persist.TrackRow {
			rows, err := f.b.BucketRows(ctx, zone, start, driver)
			require.NoError(t, err)
			return rows
		}
		require.Equal(t, want[4:6], bucket("east", monday+hour, driver), "of one bucket in one zone")
		require.Equal(t, want[1:2], bucket("east", monday, driver))
		require.Empty(t, bucket("east", monday+30*second, driver))
		require.Empty(t, bucket("south", monday, driver))
		require.Empty(t, bucket("east", monday, tag()))
	})

	t.Run("from and to are inclusive and compare fixes, not buckets", func(t *testing.T) {
		driver := tag()
		early, late := track(driver, "z", monday, 1), track(driver, "z", monday+hour, 1)
		long := track(driver, "z", monday+2*hour, 1)
		long.LastTS = long.BucketStart + persist.MaxBucketMS - 1
		require.NoError(t, f.a.WriteTracks(ctx, []persist.TrackRow{early, late, long}))
		for _, c := range []struct {
			from, to int64
			want     []persist.TrackRow
		}{
			{early.LastTS, early.LastTS, []persist.TrackRow{early}},
			{early.FirstTS, early.FirstTS, []persist.TrackRow{early}},
			{early.FirstTS + 1, early.FirstTS + 2, []persist.TrackRow{early}},
			{early.LastTS, late.FirstTS, []persist.TrackRow{early, late}},
			{early.BucketStart, early.FirstTS - 1, nil},
			{early.LastTS + 1, late.FirstTS - 1, nil},
			{early.LastTS + 1, late.FirstTS, []persist.TrackRow{late}},
			{late.LastTS + 1, late.LastTS + 2, nil},
			{long.LastTS, long.LastTS + day, []persist.TrackRow{long}},
			{long.LastTS + 1, long.LastTS + day, nil},
			{early.LastTS, early.FirstTS, nil}, // from after to
			{0, math.MaxInt64, []persist.TrackRow{early, late, long}},
			{math.MinInt64, math.MaxInt64, []persist.TrackRow{early, late, long}},
			{math.MinInt64, early.FirstTS - 1, nil},
			{long.LastTS + 1, math.MaxInt64, nil},
			{math.MaxInt64, math.MinInt64, nil},
		} {
			require.Equal(t, c.want, tracks(t, f.b, driver, c.from, c.to), "from %d to %d", c.from-monday, c.to-monday)
		}
	})

	t.Run("times before 1970", func(t *testing.T) {
		driver := tag()
		rows := []persist.TrackRow{track(driver, "z", -3*hour, 1), track(driver, "z", -30*second, 1), track(driver, "z", 0, 1)}
		require.NoError(t, f.a.WriteTracks(ctx, rows))
		require.Equal(t, rows, tracks(t, f.a, driver, -day, day))
		require.Equal(t, rows[1:2], tracks(t, f.a, driver, -20*second, -10*second))
	})

	t.Run("the same key is replaced, in one call and in two", func(t *testing.T) {
		row := track(tag(), "z", monday, 1)
		second, third := row, row
		second.Path, third.Path = "zz second", "third"
		third.Fixes, third.MockFixes = 1, 0
		require.NoError(t, f.a.WriteTracks(ctx, []persist.TrackRow{row, second}))
		require.Equal(t, []persist.TrackRow{second}, tracks(t, f.b, row.DriverID, monday, monday+hour))
		require.NoError(t, f.b.WriteTracks(ctx, []persist.TrackRow{third}))
		require.Equal(t, []persist.TrackRow{third}, tracks(t, f.a, row.DriverID, monday, monday+hour))
	})

	t.Run("the same rows again, shuffled, by two servers at once", func(t *testing.T) {
		prefix := tag()
		var want []persist.TrackRow
		for i := range int64(40) {
			want = append(want, track(prefix+"one", "z", monday+i*5*60*second, 1))
		}
		byTwoServers(t, f, want, 7, persist.Store.WriteTracks)
		require.Equal(t, want, tracks(t, f.a, prefix+"one", monday, monday+day))
	})

	t.Run("drivers do not see each other", func(t *testing.T) {
		prefix := tag()
		a, b := track(prefix+"1", "z", monday, 1), track(prefix+"10", "z", monday, 1)
		require.NoError(t, f.a.WriteTracks(ctx, []persist.TrackRow{a, b}))
		require.Equal(t, []persist.TrackRow{a}, tracks(t, f.a, prefix+"1", monday, monday+hour))
		require.Empty(t, tracks(t, f.a, prefix, monday, monday+hour))
		require.Empty(t, tracks(t, f.a, prefix+"2", monday, monday+hour))
	})

	t.Run("nothing", func(t *testing.T) {
		require.NoError(t, f.a.WriteTracks(ctx, nil))
		require.NoError(t, f.a.WriteTracks(ctx, []persist.TrackRow{}))
	})

	t.Run("ten thousand rows in a call", func(t *testing.T) {
		prefix := tag()
		rows := make([]persist.TrackRow, 10_000)
		for i := range rows { // 500 drivers in 5 zones, 20 buckets each
			rows[i] = track(fmt.Sprint(prefix, i%500), fmt.Sprint("zone", i%5), monday+int64(i/500)*30*second, int64(i))
		}
		require.NoError(t, f.a.WriteTracks(ctx, rows))
		for _, driver := range []int{0, 1, 250, 499} {
			var want []persist.TrackRow
			for i := driver; i < len(rows); i += 500 {
				want = append(want, rows[i])
			}
			require.Equal(t, want, tracks(t, f.b, fmt.Sprint(prefix, driver), monday, monday+hour))
		}
	})
}
