package cassandra

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/persist"
)

// TestBatches wants every key once, in batches of one partition within the
// bounds, with the last (or first) of the rows that share a key.
func TestBatches(t *testing.T) {
	tracks := (&Store{}).tracksTable()
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		rows := make([]persist.TrackRow, rapid.IntRange(0, 900).Draw(t, "rows"))
		drivers := rapid.IntRange(1, 60).Draw(t, "drivers")
		long := rapid.SampledFrom([]int{0, 100, maxBatchBytes / 3, maxBatchBytes + 1}).Draw(t, "bytes")
		content := strings.Repeat("t", long)
		want := map[string]string{}
		for i := range rows {
			rows[i] = persist.TrackRow{
				DriverID:    fmt.Sprint("d", random.IntN(drivers)),
				Zone:        []string{"a", "b"}[random.IntN(2)],
				BucketStart: random.Int64N(4) * hourMS / 2,
				Part:        random.Int64N(100),
				Path:        fmt.Sprint(i),
				Times:       content,
			}
			want[keyOf(&rows[i])] = rows[i].Path
		}
		got := map[string]string{}
		for batch := range tracks.batches(tracks.sorted(nil, allPlaced(rows))) {
			require.LessOrEqual(t, len(batch), maxBatchRows)
			bytes := 0
			for _, r := range batch {
				require.True(t, tracks.samePartition(batch[0], r))
				require.NotContains(t, got, keyOf(r.TrackRow))
				got[keyOf(r.TrackRow)] = r.Path
				bytes += tracks.bytes(r)
			}
			require.True(t, bytes <= maxBatchBytes || len(batch) == 1)
		}
		require.Equal(t, want, got)
	})
}

func allPlaced(rows []persist.TrackRow) []placedTrack {
	all := make([]placedTrack, len(rows))
	for i := range rows {
		all[i] = placed(&rows[i])
	}
	return all
}

func keyOf(r *persist.TrackRow) string {
	return fmt.Sprint(r.Zone, "|", r.DriverID, "|", r.BucketStart, "|", r.Part)
}

func TestBatchesKeepTheFirstWhereTheFirstStays(t *testing.T) {
	ms := []persist.Movement{{StoreID: "S", Seq: 2, Kind: "a"}, {StoreID: "S", Seq: 1}, {StoreID: "S", Seq: 2, Kind: "b"}}
	all := slices.Collect(movementsTable.batches(movementsTable.sorted(nil, ms)))
	require.Len(t, all, 1)
	require.Equal(t, []*persist.Movement{&ms[1], &ms[0]}, all[0])
}

// TestSlices holds the numbers that are in the keys of rows already written.
func TestSlices(t *testing.T) {
	for driver, want := range map[string][2]int64{
		"driver:1": {18, 114}, // xxHash64: 12616402031552209650
		"ಚಾಲಕ":     {7, 103},  // 8084818000970359143
	} {
		require.Equal(t, want, [2]int64{slice(driver, trackSlices), slice(driver, indexSlices)})
	}
	var counts [trackSlices]int
	for i := range 32_000 {
		counts[slice(fmt.Sprintf("driver-%06d", i), trackSlices)]++
	}
	for _, n := range counts {
		require.InDelta(t, 1000, n, 150)
	}
}

func TestFloor(t *testing.T) {
	for ms, want := range map[int64]int64{0: 0, 1: 0, hourMS - 1: 0, hourMS: hourMS, -1: -hourMS, -hourMS: -hourMS, -hourMS - 1: -2 * hourMS} {
		require.Equal(t, want, floor(ms, hourMS), ms)
	}
}

func TestClock(t *testing.T) {
	var c clock
	before := time.Now().UnixMicro()
	last := c.now()
	require.GreaterOrEqual(t, last, before)
	for range 10_000 {
		next := c.now()
		require.Greater(t, next, last)
		require.Less(t, firstWins(next), firstWins(last))
		require.Less(t, firstWins(next), before, "a DELETE by hand must win")
		require.Positive(t, firstWins(next))
		last = next
	}
}

func TestSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeen[string](time.Hour, time.Now)
		require.Equal(t, []string{"a", "b"}, s.missing(nil, []string{"a", "b", "a"}))
		require.Equal(t, []string{"a"}, s.missing(nil, []string{"a"}), "asking does not add")
		s.add([]string{"a"})
		require.Equal(t, []string{"b"}, s.missing(nil, []string{"b", "a"}))
		for range 15 + 29 { // from 0:00 to 0:44
			time.Sleep(time.Minute)
			require.Empty(t, s.missing(nil, []string{"a"}))
		}
		time.Sleep(time.Minute)
		require.Equal(t, []string{"a"}, s.missing(nil, []string{"a"}), "in the middle of half an hour, after at least that much")

		s.add([]string{"a"})
		time.Sleep(59 * time.Minute)
		require.Empty(t, s.missing(nil, []string{"a"}))
		time.Sleep(time.Minute)
		require.Equal(t, []string{"a"}, s.missing(nil, []string{"a"}), "not kept for more than an hour")

		s.add([]string{"a"})
		time.Sleep(24 * time.Hour)
		require.Equal(t, []string{"a"}, s.missing(nil, []string{"a"}), "nor when nobody asks meanwhile")
	})
}

// TestHoursAhead has drivers with a bucket every half minute: a twentieth get their index
// row of the next hour with each of the last buckets of this one but the first of them, and
// the last twentieth in the next hour.
func TestHoursAhead(t *testing.T) {
	const drivers, hour, bucket = 20_000, 7 * hourMS, 30_000
	ahead := map[int64]int{} // by bucket: how many drivers got it there
	for d := range drivers {
		r := persist.TrackRow{DriverID: fmt.Sprint("driver:", d), Zone: "z"}
		next := driverHour{r.DriverID, "z", hour + hourMS}
		has := false
		for r.BucketStart = hour; r.BucketStart < hour+hourMS; r.BucketStart += bucket {
			at := placed(&r)
			hours := appendHours(nil, &at)
			require.Equal(t, driverHour{r.DriverID, "z", hour}, hours[0])
			switch {
			case len(hours) == 2:
				require.Equal(t, next, hours[1])
				if !has {
					ahead[r.BucketStart]++
				}
				has = true
			default:
				require.False(t, has)
			}
		}
	}
	require.Len(t, ahead, aheadMS/bucket-1)
	total := 0
	for start, n := range ahead {
		require.Greater(t, start, int64(hour+hourMS-aheadMS))
		require.InDelta(t, drivers/20, n, drivers/100)
		total += n
	}
	require.InDelta(t, drivers*19/20, total, drivers/100)
}

func TestSeenIsBounded(t *testing.T) {
	s := newSeen[int](time.Hour, time.Now)
	keys := make([]int, 3*seenLimit)
	for i := range keys {
		keys[i] = i
	}
	s.add(keys)
	require.LessOrEqual(t, len(s.young)+len(s.old), 2*seenLimit)
	require.Empty(t, s.missing(nil, keys[len(keys)-seenLimit:]), "the newest stay")
}

// An empty string is not null, and the others are handed over as they are.
func TestText(t *testing.T) {
	for _, s := range []string{"", "a", "zażółć\x00"} {
		value, err := text{&s}.MarshalCQL(nil)
		require.NoError(t, err)
		require.NotNil(t, value)
		require.Equal(t, s, string(value))
	}
}

func TestStatements(t *testing.T) {
	require.Equal(t, []string{"CREATE a (\n    b int,\n    c int\n)", "ALTER x"},
		statements("-- what; it is\nCREATE a (\n    b int, -- one; two\n    c int\n);\n\nALTER x;\n-- end\n"))
	files, err := migrationFiles.ReadDir("migrations")
	require.NoError(t, err)
	for _, file := range files {
		script, err := migrationFiles.ReadFile("migrations/" + file.Name())
		require.NoError(t, err)
		for _, statement := range statements(string(script)) {
			require.Regexp(t, `^(CREATE (TABLE|TYPE) IF NOT EXISTS|ALTER (TABLE|TYPE) \w+ ADD IF NOT EXISTS) `, statement,
				"%s: a statement must do no harm when it is executed again", file.Name())
		}
	}
}

func TestRetention(t *testing.T) {
	for _, c := range []struct {
		retention time.Duration
		ttl       int
		ok        bool
	}{
		{0, 30 * 86400, true}, {KeepForever, 0, true}, {time.Hour, 3600, true}, {48 * time.Hour, 172800, true},
		{time.Minute, 0, false}, {-time.Hour, 0, false}, {maxRetention, 0, false},
	} {
		ttl, err := Options{Retention: c.retention}.ttl()
		require.Equal(t, c.ok, err == nil, c.retention)
		require.Equal(t, c.ttl, ttl, c.retention)
	}
}
