package geo

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
	"hyperlocal/persist"
)

// BenchmarkRecordDuringOutage records 30,000 fixes per second in batches of a
// hundred of one zone, while the database answers, is gone and takes what
// waited, for twelve seconds each, and reports each phase's 99th percentile of a batch in
// microseconds, from the time at which the batch was due. Run it with
// -benchtime 1x.
func BenchmarkRecordDuringOutage(b *testing.B) {
	for range b.N {
		recordDuringOutage(b)
	}
}

func recordDuringOutage(b *testing.B) {
	e, err := memory.Open(memory.Options{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	defer func() { require.NoError(b, e.Close()) }()
	q := openSpill(b, b.TempDir(), 4<<30)
	defer func() { require.NoError(b, q.Close()) }()
	s := &sink{}
	fleet := NewFleet(e, NoZones(), FleetOptions{BucketLength: 10 * time.Second})
	fl := NewFlusher(fleet, s, FlushOptions{
		Every: 10 * time.Second, Grace: time.Millisecond, Logger: slog.New(slog.DiscardHandler),
		Spill: SpillOptions{Queue: q, WaitBytes: 4 << 20},
	})
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); fl.Run(ctx) }()

	const batch, phase = 100, 12 * time.Second
	const interval = time.Second * batch / 30_000
	next := 0
	for _, p := range []struct {
		name string
		gone bool
	}{{"warm", false}, {"up", false}, {"outage", true}, {"drain", false}} {
		s.gone.Store(p.gone)
		var took []time.Duration
		for due, end := time.Now(), time.Now().Add(phase); due.Before(end); due = due.Add(interval) {
			time.Sleep(time.Until(due))
			fixes := make([]Fix, batch)
			for i := range fixes {
				next = (next + 1) % 90_000
				fixes[i] = at(fmt.Sprint("d", next), 77+float64(next/batch%100)/10, time.Now().UnixMilli())
			}
			_, err := fleet.Record(ctx, fixes)
			require.NoError(b, err)
			took = append(took, time.Since(due))
		}
		slices.Sort(took)
		if p.name != "warm" {
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), p.name+"-p99-µs")
		}
		if p.gone {
			b.ReportMetric(float64(fl.Stats().SpillBytes)/1e6, "spilled-MB")
		}
	}
	stop()
	<-done
}

// sink takes rows, or not.
type sink struct{ gone atomic.Bool }

func (s *sink) WriteTracks(context.Context, []persist.TrackRow) error {
	if s.gone.Load() {
		return persist.ErrUnavailable
	}
	return nil
}

// BenchmarkTrackBytes reports what a row's track takes for each fix, at a fix
// every 3 s.
func BenchmarkTrackBytes(b *testing.B) {
	var packed int
	for range b.N {
		bed := newBed(b)
		s := &store{}
		for i := range 10 {
			f := at("d", 77.5+float64(i)*0.0003, base+int64(i)*3000+int64(i*i*7%40))
			f.SpeedMPS = 9 + float32(i%4)*0.37
			bed.clock.advance(3 * time.Second)
			record(b, bed.Fleet, "a", f)
		}
		require.NoError(b, NewFlusher(bed.Fleet, s, FlushOptions{}).FlushAll(b.Context(), true))
		packed = 0
		for _, r := range s.rows {
			packed += len(r.Path) + len(r.Times) + len(r.Speeds)
		}
	}
	b.ReportMetric(float64(packed)/10, "bytes/fix")
}
