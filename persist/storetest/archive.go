package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// ownDay returns the start of a day that no other rows are near to: a scan sees
// everybody's.
func ownDay() int64 { return monday + (1000+rand.Int64N(100_000))*100*day }

// scanned returns the rows of a span and checks how they came.
func scanned(t *testing.T, s persist.Store, from, to int64) []persist.TrackRow {
	t.Helper()
	var all []persist.TrackRow
	type group struct {
		driver, zone string
		bucket       int64
	}
	ended := map[group]bool{}
	before := 0.0
	require.NoError(t, s.ScanTracks(t.Context(), from, to, func(rows []persist.TrackRow, done float64) error {
		require.NotEmpty(t, rows)
		require.True(t, before <= done && done <= 1, "%v after %v", done, before)
		before = done
		drivers := slices.Compact(mapped(rows, func(r persist.TrackRow) string { return r.DriverID }))
		require.Len(t, drivers, len(distinct(drivers)), "the rows of a driver are apart")
		groups := distinct(mapped(rows, func(r persist.TrackRow) group { return group{r.DriverID, r.Zone, r.BucketStart} }))
		for g := range groups {
			require.False(t, ended[g], "the rows of %v are in two pieces", g)
			ended[g] = true
		}
		all = append(all, rows...)
		return nil
	}))
	return all
}

func mapped[T, U any](list []T, fn func(T) U) []U {
	out := make([]U, len(list))
	for i, v := range list {
		out[i] = fn(v)
	}
	return out
}

func distinct[T comparable](list []T) map[T]bool {
	set := make(map[T]bool, len(list))
	for _, v := range list {
		set[v] = true
	}
	return set
}

func testArchive(t *testing.T, f *fixture) {
	ctx := t.Context()

	t.Run("the rows of a span, each once", func(t *testing.T) {
		prefix, first := tag(), ownDay()
		var all []persist.TrackRow
		for driver := range 12 {
			for _, bucket := range []int64{first, first + hour, first + day, first + day + hour, first + 12*day} {
				for part, zone := range []string{"east", "west"} {
					row := track(fmt.Sprint(prefix, driver), zone, bucket, int64(part))
					all = append(all, row)
					row.Part += 10
					all = append(all, row)
				}
			}
		}
		shuffled := slices.Clone(all)
		shuffle(shuffled)
		require.NoError(t, f.a.WriteTracks(ctx, shuffled))
		for _, span := range [][2]int64{
			{first, first + day},
			{first - 40*day, first + 60*day},
			{first + 29*second, first + day},     // the last moment of the first rows
			{first + 29*second + 1, first + 499}, // from after to
			{first + 29*second + 1, first + hour + 500},
			{first + hour + 30*second, first + day - 1},
		} {
			want := slices.DeleteFunc(slices.Clone(all), func(r persist.TrackRow) bool {
				return span[0] > span[1] || r.LastTS < span[0] || r.FirstTS > span[1]
			})
			require.ElementsMatch(t, want, scanned(t, f.b, span[0], span[1]), "from %d to %d", span[0]-first, span[1]-first)
		}
	})

	t.Run("many drivers of a bucket", func(t *testing.T) {
		prefix, first := tag(), ownDay()
		rows := make([]persist.TrackRow, 3000)
		for i := range rows { // two parts of each
			rows[i] = track(fmt.Sprint(prefix, i/2), "z", first, int64(i%2))
		}
		require.NoError(t, f.a.WriteTracks(ctx, rows))
		require.ElementsMatch(t, rows, scanned(t, f.b, first, first+hour))
	})

	t.Run("an error ends a scan", func(t *testing.T) {
		prefix, first := tag(), ownDay()
		require.NoError(t, f.a.WriteTracks(ctx, []persist.TrackRow{track(prefix, "z", first, 1), track(prefix, "z", first+day, 1)}))
		o, events := order(prefix, 1)
		putOrder(t, f.a, o, events)
		enough, calls := errors.New("enough"), 0
		stop := func() error { calls++; return enough }
		require.Equal(t, enough, f.a.ScanTracks(ctx, first, first+day+hour, func([]persist.TrackRow, float64) error { return stop() }))
		require.Equal(t, enough, f.a.ScanOrders(ctx, func(persist.Order, []persist.OrderEvent) error { return stop() }))
		require.Equal(t, 2, calls)
	})

	t.Run("all orders, each once", func(t *testing.T) {
		prefix := tag()
		type stored struct {
			order  persist.Order
			events []persist.OrderEvent
		}
		const orders, writers = 520, 8
		want := map[string]stored{}
		for i := range orders {
			o, events := order(fmt.Sprintf("%s%03d", prefix, i), i%len(statuses)+1)
			if i == 7 {
				events = nil
			}
			want[o.ID] = stored{o, events}
		}
		var wg sync.WaitGroup
		work := make(chan stored)
		for range writers {
			wg.Go(func() {
				for s := range work {
					if err := f.a.PutOrder(ctx, s.order, s.events); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for _, s := range want {
			work <- s
		}
		close(work)
		wg.Wait()
		require.NoError(t, f.b.ScanOrders(ctx, func(o persist.Order, events []persist.OrderEvent) error {
			if strings.HasPrefix(o.ID, prefix) {
				require.Equal(t, want[o.ID], stored{o, append([]persist.OrderEvent(nil), events...)}, o.ID)
				delete(want, o.ID)
			}
			return nil
		}))
		require.Empty(t, want, "missing, or twice there")
	})
}
