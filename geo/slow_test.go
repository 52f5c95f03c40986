package geo

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
	"hyperlocal/persist"
)

// slowStore takes its time for each write.
type slowStore struct {
	*store
	takes atomic.Int64
}

func (s *slowStore) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	time.Sleep(time.Duration(s.takes.Load()))
	return s.store.WriteTracks(ctx, rows)
}

// A store that takes all it is given, but slower than it comes, is like one that is
// gone: what waits is bounded, the rest goes to files, and the lag says so.
func TestSlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := memory.Open(memory.Options{})
		require.NoError(t, err)
		defer e.Close()
		q := openSpill(t, t.TempDir(), 1<<20)
		defer q.Close()
		fleet := NewFleet(e, NoZones(), FleetOptions{})
		s := &slowStore{store: &store{}}
		s.takes.Store(int64(20 * time.Second))
		const bound = 1000
		fl := NewFlusher(fleet, s, FlushOptions{Logger: slog.New(slog.DiscardHandler), Spill: SpillOptions{Queue: q, WaitBytes: bound}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); fl.Run(ctx) }()

		o := &outage{fl: fl, store: s.store, sent: map[string][]int64{}}
		for range 10 * 6 {
			for i := range 20 { // each in a zone of his own
				id, ts := fmt.Sprint("d", i), time.Now().UnixMilli()
				record(t, fleet, "a", at(id, 10+float64(i), ts))
				o.sent[id] = append(o.sent[id], ts)
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			require.LessOrEqual(t, fl.Stats().WaitingBytes, int64(bound))
		}
		stats := fl.Stats()
		require.Zero(t, stats.Failures)
		require.Positive(t, stats.Spilled)
		require.GreaterOrEqual(t, stats.Lag, 2*time.Minute)
		requireFewWait(t, fl, 20*3)

		s.takes.Store(0)
		time.Sleep(3 * time.Minute)
		stats = fl.Stats()
		require.Zero(t, stats.Lag)
		require.Zero(t, stats.WaitingBytes)
		require.Zero(t, stats.SpillBytes)
		stop()
		<-done
		o.requireAll(t)
	})
}

// requireFewWait requires that no more buckets are in the engine.
func requireFewWait(t *testing.T, fl *Flusher, most int) {
	t.Helper()
	keys, _, err := fl.fleet.engine.Scan(t.Context(), "", "drivers:sealed:*", 10_000)
	require.NoError(t, err)
	require.LessOrEqual(t, len(keys), most)
}

// A zone's own trouble does not keep the others from being written.
func TestTroubleOfOneZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := memory.Open(memory.Options{})
		require.NoError(t, err)
		defer e.Close()
		fleet := NewFleet(e, NoZones(), FleetOptions{})
		s := &refusing{store: &store{}, driver: "d0"}
		fl := NewFlusher(fleet, s, FlushOptions{Logger: slog.New(slog.DiscardHandler)}) // nothing is set aside
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); fl.Run(ctx) }()
		const minutes, zones = 5, 10
		for range minutes {
			for i := range zones {
				record(t, fleet, "a", at(fmt.Sprint("d", i), 10+float64(i), time.Now().UnixMilli()))
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Minute)
		require.False(t, fl.pausing(time.Now()))
		stop()
		<-done
		require.Len(t, s.rows, minutes*(zones-1))
		stats := fl.Stats()
		require.Greater(t, stats.Lag, 3*time.Minute)
		require.Positive(t, stats.Failures)
		require.Less(t, stats.Failures, int64(2*2*(minutes+1)+2), "once a turn, and once a drain")
	})
}
