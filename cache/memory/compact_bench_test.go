package memory

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// BenchmarkWriteWhileCompacting makes snapshots of a set of a million members
// while one writer moves its members, 100,000 a second, and reports how long the
// writes took that wait for the shard and not for the disk.
func BenchmarkWriteWhileCompacting(b *testing.B) {
	const members, pace = 1_000_000, time.Second / 100_000
	e := open(b, Options{Dir: b.TempDir()})
	batch := make([]cache.Member, 0, 1000)
	for i := range members {
		if batch = append(batch, cache.Member{Name: fmt.Sprintf("driver:%07d", i), Score: float64(i)}); len(batch) == cap(batch) {
			_, err := e.Durable(cache.Ephemeral).ZAdd(ctx, "drivers", batch...)
			require.NoError(b, err)
			batch = batch[:0]
		}
	}
	runtime.GC()
	var took []time.Duration
	b.ResetTimer()
	for range b.N {
		done := make(chan error, 1)
		go func() { done <- e.journal.compact() }()
		begun, n := time.Now(), 0
		for compacting := true; compacting; n++ {
			for time.Since(begun) < time.Duration(n)*pace {
				runtime.Gosched()
			}
			start := time.Now()
			_, err := e.ZAdd(ctx, "drivers", cache.Member{Name: fmt.Sprintf("driver:%07d", n*7919%members), Score: float64(n)})
			took = append(took, time.Since(start))
			require.NoError(b, err)
			select {
			case err := <-done:
				require.NoError(b, err)
				compacting = false
			default:
			}
		}
	}
	b.StopTimer()
	reportTimes(b, "", took)
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "writes/s")
}

// reportTimes reports how times are spread, which it sorts.
func reportTimes(b *testing.B, what string, times []time.Duration) {
	slices.Sort(times)
	for _, p := range []struct {
		name string
		of   float64
	}{{"p50-µs", 0.5}, {"p99.9-µs", 0.999}, {"max-µs", 1}} {
		b.ReportMetric(float64(times[int(p.of*float64(len(times)-1))].Microseconds()), what+p.name)
	}
}
