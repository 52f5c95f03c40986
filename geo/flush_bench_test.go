package geo

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
	"hyperlocal/internal/bars"
	"hyperlocal/internal/giveway"
	"hyperlocal/internal/procstat"
	"hyperlocal/internal/testenv"
	"hyperlocal/persist"
	"hyperlocal/persist/cassandra"
	"hyperlocal/persist/sqlite"
)

// What a million drivers in a hundred zones have to be flushed in a second: a bucket
// of 30 s of a thirtieth of them, in three zones and a bit.
const (
	benchZones   = 3
	benchPerZone = 11_111
	benchRows    = benchZones * benchPerZone
	benchBucket  = 30 * time.Second
)

// BenchmarkFlush writes those buckets, of ten fixes each, from a memory engine into a
// real database, the way of the product: sealed, read, summarized, written, removed.
// It tells how that stands beside what is promised. Run it with -benchtime 1x.
func BenchmarkFlush(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		lane := giveway.NewLane()
		s, err := sqlite.Open(b.Context(), b.TempDir()+"/bench.db", sqlite.Options{Lane: lane})
		require.NoError(b, err)
		defer func() { require.NoError(b, s.Close()) }()
		flushRounds(b, s, flushBars{warmup: 2, seconds: 0.6, lane: lane})
	})
	b.Run("cassandra", func(b *testing.B) {
		node, lane := testenv.OwnNode(b), giveway.NewLane()
		s, err := cassandra.Open(b.Context(), "cassandra://"+node.Address+"/bench?timeout=20s", cassandra.Options{Lane: lane})
		require.NoError(b, err)
		defer func() { require.NoError(b, s.Close()) }()
		flushRounds(b, s, flushBars{warmup: 50, seconds: 1.5, lane: lane, node: node.PID()})
	})
}

// flushBars is what a flush may take.
type flushBars struct {
	warmup  int // flushes that do not count
	seconds float64
	lane    *giveway.Lane
	node    int // process of the database, or 0
}

const (
	flushMiB    = 64 // of memory, more than before
	nodeMicros  = 40 // of the node's CPU, for a row
	flushCounts = 5  // rounds that count
)

func flushRounds(b *testing.B, store persist.Tracks, limit flushBars) {
	bed := newFlushBed(b, store, limit.lane)
	for range limit.warmup {
		bed.drive(b, 2)
		require.NoError(b, bed.flusher.FlushAll(b.Context(), false))
	}
	var took, mib, node []float64
	for range flushCounts {
		bed.drive(b, 10)
		before := bed.flusher.Stats().Rows
		cpu := nodeCPU(b, limit.node)
		peak := watchMemory(b)
		start := time.Now()
		require.NoError(b, bed.flusher.FlushAll(b.Context(), false))
		took = append(took, time.Since(start).Seconds())
		mib = append(mib, float64(peak())/(1<<20))
		node = append(node, float64((nodeCPU(b, limit.node)-cpu).Microseconds())/benchRows)
		require.EqualValues(b, benchRows, bed.flusher.Stats().Rows-before)
	}
	var table bars.Table
	table.AtMost(fmt.Sprintf("%d rows", benchRows), limit.seconds, "s", took)
	table.AtMost("memory of this process, at its peak above before", flushMiB, "MiB", mib)
	if limit.node != 0 {
		table.AtMost("CPU of the node for a row", nodeMicros, "µs", node)
	}
	fmt.Println()
	require.NoError(b, table.Write(os.Stdout))
	require.NoError(b, table.Verdict())
	b.ReportMetric(bars.Median(took), "s/flush")
}

func nodeCPU(b *testing.B, pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	cpu, err := procstat.CPU(pid)
	require.NoError(b, err)
	return cpu
}

// watchMemory watches the process's resident memory, until it is asked how many bytes
// it had at its peak more than now.
func watchMemory(b *testing.B) (peak func() int64) {
	debug.FreeOSMemory()
	resident := func() int64 {
		n, err := procstat.Resident(os.Getpid())
		require.NoError(b, err)
		return n
	}
	before := resident()
	most := before
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if n, err := procstat.Resident(os.Getpid()); err == nil { // it was readable before
					most = max(most, n)
				}
			}
		}
	})
	return func() int64 {
		close(stop)
		watching.Wait()
		return max(most, resident()) - before
	}
}

// flushBed is a fleet that drives, bucket by bucket.
type flushBed struct {
	*Fleet
	clock   *clock
	flusher *Flusher
	bucket  time.Time
	steps   int // that each driver has gone
	ids     [benchZones][]string
}

func newFlushBed(b *testing.B, store persist.Tracks, lane *giveway.Lane) *flushBed {
	e, err := memory.Open(memory.Options{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, e.Close()) })
	// All rounds lie in one hour, as 119 of 120 flushes do: rows of the index by hours
	// are written in the warm-up.
	bed := &flushBed{clock: &clock{}, bucket: time.Now().Add(-time.Hour).Truncate(time.Hour)}
	bed.Fleet = NewFleet(e, NoZones(), FleetOptions{Now: bed.clock.now, BucketLength: benchBucket})
	bed.flusher = NewFlusher(bed.Fleet, store, FlushOptions{Lane: lane, Logger: slog.New(slog.DiscardHandler)})
	for zone := range bed.ids {
		for i := range benchPerZone {
			bed.ids[zone] = append(bed.ids[zone], fmt.Sprintf("driver-%d-%06d", zone, i))
		}
	}
	return bed
}

// drive records so many fixes of each driver, evenly over the next bucket, and has the
// clock past its end.
func (bed *flushBed) drive(b *testing.B, fixes int) {
	const perBatch = 100
	batch := make([]Fix, 0, perBatch)
	send := func() {
		outcomes, err := bed.Record(context.Background(), batch)
		require.NoError(b, err)
		require.Equal(b, Accepted, outcomes[0].Verdict)
		batch = batch[:0]
	}
	for n := range fixes {
		bed.steps++
		east := 0.0002 * math.Abs(float64(bed.steps%100-50)) // to and fro, 22 m each time
		ts := bed.bucket.Add(benchBucket / time.Duration(fixes) * time.Duration(n))
		bed.clock.set(ts.Add(time.Second))
		for zone, ids := range bed.ids {
			for i, id := range ids {
				f := at(id, zoneLon(zone)+east, ts.UnixMilli()+int64(i%900))
				f.Lat += float64(i) * 1e-7
				f.AccuracyM, f.SpeedMPS = 4+float32(i%9), 7+float32((i+n)%40)/10
				if batch = append(batch, f); len(batch) == perBatch {
					send()
				}
			}
		}
	}
	if len(batch) > 0 {
		send()
	}
	bed.bucket = bed.bucket.Add(benchBucket)
	bed.clock.set(bed.bucket.Add(10 * time.Second)) // and the grace
}

// zoneLon is a longitude well within the n-th geohash cell of 5 characters.
func zoneLon(n int) float64 {
	const cell = 360.0 / (1 << 13)
	return cell * (float64(1760+n) + 0.3)
}
