package geo

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
	"hyperlocal/persist"
)

func TestFlushClosedBuckets(t *testing.T) {
	b := newBed(t)
	s := &store{}
	fl := NewFlusher(b.Fleet, s, FlushOptions{})
	record(t, b.Fleet, "aaa", at("d", westLon, base), at("d", westLon, base+4000), at("e", westLon, base+4000))

	b.clock.advance(35*time.Second - time.Millisecond)
	require.NoError(t, fl.FlushAll(t.Context(), false))
	require.Empty(t, s.rows, "a bucket stays open for the grace after its end")
	b.clock.advance(time.Millisecond)
	require.NoError(t, fl.FlushAll(t.Context(), false))
	require.Len(t, s.rows, 2)
	require.Equal(t, []int64{base, base + 4000}, s.times(t, "d"))
	row := s.rows[rowKey{"d", "west", base, base + 35_000}]
	require.Equal(t, 2, row.Fixes)
	require.Equal(t, base, row.FirstTS)
	require.Equal(t, base+4000, row.LastTS)
	require.Equal(t, FlushStats{Rows: 2, Fixes: 3, LastSuccess: b.clock.now()}, fl.Stats())
	requireNoBuckets(t, b)

	// What comes later is a row of its own, and the same row if written again.
	record(t, b.Fleet, "l", at("d", westLon, base+2000))
	require.NoError(t, fl.FlushAll(t.Context(), false))
	require.Len(t, s.rows, 3)
	require.Equal(t, []int64{base, base + 2000, base + 4000}, s.times(t, "d"))
}

// requireNoBuckets requires that nothing waits in the engine.
func requireNoBuckets(t testing.TB, b *bed) {
	t.Helper()
	for _, pattern := range []string{"drivers:bucket*", "drivers:sealed*"} {
		keys, _, err := b.engine.Scan(t.Context(), "", pattern, 1000)
		require.NoError(t, err)
		require.Empty(t, keys)
	}
}

func TestFlushSurvivesAFailingStore(t *testing.T) {
	b := newBed(t)
	s := &store{fail: func(write int) error {
		if write <= 5 {
			return fmt.Errorf("write %d: %w", write, persist.ErrUnavailable)
		}
		return nil
	}}
	fl := NewFlusher(b.Fleet, s, FlushOptions{})
	want := map[string][]int64{}
	ts := base
	send := func() {
		for i := range 3 {
			id := fmt.Sprint("d", i)
			record(t, b.Fleet, "a", at(id, westLon, ts))
			want[id] = append(want[id], ts)
		}
		ts += 10_000
		b.clock.advance(10 * time.Second)
	}
	failures := 0
	for range 12 {
		send()
		if err := fl.FlushAll(t.Context(), false); err != nil {
			require.ErrorIs(t, err, persist.ErrUnavailable)
			failures++
		}
		if failures > 0 && failures < 5 {
			require.Positive(t, fl.Stats().Lag)
		}
	}
	require.Equal(t, 5, failures)
	require.EqualValues(t, 5, fl.Stats().Failures)
	require.NoError(t, fl.FlushAll(t.Context(), true))
	require.Zero(t, fl.Stats().Lag)
	for id, times := range want {
		require.Equal(t, times, s.times(t, id))
	}
	requireNoBuckets(t, b)
}

// Two servers, of which one stops between reading a sealed bucket and writing
// it, while the other goes on and more comes in.
func TestFlushByASlowServer(t *testing.T) {
	b := newBed(t)
	s := &store{}
	quick := NewFlusher(b.Fleet, s, FlushOptions{})
	slow := NewFlusher(b.server(), &interrupted{store: s, meanwhile: func() {
		require.NoError(t, quick.FlushAll(t.Context(), true))
		record(t, b.Fleet, "l", at("d", westLon, base+1000))
		require.NoError(t, quick.FlushAll(t.Context(), true))
	}}, FlushOptions{})
	record(t, b.Fleet, "aa", at("d", westLon, base), at("d", westLon, base+4000))
	require.NoError(t, slow.FlushAll(t.Context(), true))
	require.Equal(t, []int64{base, base + 1000, base + 4000}, s.times(t, "d"))
	require.Len(t, s.rows, 2)
	requireNoBuckets(t, b)
}

// interrupted lets something happen before its first write.
type interrupted struct {
	*store
	meanwhile func()
}

func (i *interrupted) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	if do := i.meanwhile; do != nil {
		i.meanwhile = nil
		do()
	}
	return i.store.WriteTracks(ctx, rows)
}

// The loop gives each zone its turn, pauses while the store is down, and
// catches up afterwards. Two servers share the zones.
func TestRunFlusher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := memory.Open(memory.Options{})
		require.NoError(t, err)
		defer e.Close()
		fleet := NewFleet(e, NoZones(), FleetOptions{})
		down := time.Now().Add(5 * time.Minute)
		s := &store{fail: func(int) error {
			if time.Now().Before(down) {
				return persist.ErrUnavailable
			}
			return nil
		}}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		quiet := FlushOptions{Logger: slog.New(slog.DiscardHandler)}
		flushers := []*Flusher{NewFlusher(fleet, s, quiet), NewFlusher(fleet, s, quiet)}
		var running sync.WaitGroup
		for _, fl := range flushers {
			running.Go(func() { fl.Run(ctx) })
		}
		const zones = 20
		sent := 0
		for minute := range 9 {
			for i := range zones {
				ts := time.Now().UnixMilli()
				f := at(fmt.Sprint("d", i), 10+float64(i), ts)
				record(t, fleet, "a", f)
				sent++
			}
			synctest.Wait()
			if minute == 4 {
				require.Greater(t, max(flushers[0].Stats().Lag, flushers[1].Stats().Lag), 2*time.Minute)
				require.Less(t, s.writeCount(), 100, "it does not hammer a store that is down")
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(2 * time.Minute)
		a, b := flushers[0].Stats(), flushers[1].Stats()
		require.EqualValues(t, sent, a.Fixes+b.Fixes)
		require.Zero(t, a.Lag+b.Lag)
		stop()
		running.Wait()
		require.Len(t, s.rows, sent)
	})
}
