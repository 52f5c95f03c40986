package openloop

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are kept from 1 µs to 10 minutes, to 3 digits.
const maxLatency = 10 * time.Minute

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, maxLatency.Microseconds(), 3)
}

// run is a load under way. Lock order: none; its mutex is taken alone.
type run struct {
	*plan
	progress func(Progress)

	done, pings atomic.Int64 // batches and pings that are answered

	mu       sync.Mutex
	latency  *hdrhistogram.Histogram // since the warm-up
	recent   *hdrhistogram.Histogram // since the last progress
	measured int64                   // pings answered that were due after the warm-up
	account  Account
	failures []string // the first few
}

// Progress is how a load goes on.
type Progress struct {
	Elapsed  time.Duration
	Whole    time.Duration
	Rate     float64 // pings a second since the last time
	P50, P99 time.Duration
	Latency  *hdrhistogram.Histogram // µs, of the batches answered since the last time; until the call returns
	Behind   time.Duration           // how long the oldest batch that is not answered has been due
	Errors   int64
}

// Run loads a server. It reports what it came to also when ctx ended it early. The
// error is about what kept it from beginning.
func Run(ctx context.Context, c Config, progress func(Progress)) (*Report, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := putFences(ctx, &c); err != nil {
		return nil, err
	}
	before, err := readVerdicts(ctx, c.URL)
	if err != nil {
		return nil, err
	}
	r := &run{
		plan: newPlan(c, c.Now().Add(100*time.Millisecond)), progress: progress,
		latency: newHistogram(), recent: newHistogram(),
	}
	r.account.Verdicts = map[string]int64{}
	workers := make([]worker, min(c.Connections, r.groups))
	for i := range workers {
		w := &workers[i]
		*w = worker{run: r, number: i, workers: len(workers)}
		if w.sender, err = r.newSender(ctx); err != nil {
			return nil, err
		}
		defer func() { w.sender.close() }()
	}
	watch, err := newWatch(r.ServerPIDs)
	if err != nil {
		return nil, err
	}
	fans, err := r.follow(ctx)
	if err != nil {
		return nil, err
	}

	stop, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { r.tell(stop, watch) })
	var sending sync.WaitGroup
	for i := range workers {
		sending.Go(func() { workers[i].work(ctx) })
	}
	sending.Wait()
	cancel()
	beside.Wait()
	report := r.report(watch, fans.finish())
	after, err := readVerdicts(context.WithoutCancel(ctx), c.URL)
	if err != nil {
		report.Problems = append(report.Problems, fmt.Sprintf("the server's own count could not be read at the end: %v", err))
		return report, nil
	}
	report.compare(before, after)
	return report, nil
}

// tell calls progress once a second, and watches the server, until stop.
func (r *run) tell(stop context.Context, watch *watch) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last, pings := r.Now(), int64(0)
	spare := newHistogram()
	for {
		select {
		case <-stop.Done():
			return
		case <-tick.C:
		}
		now, n := r.Now(), r.pings.Load()
		if now.Sub(r.start) >= r.Warmup {
			watch.sample(n)
		}
		r.mu.Lock()
		seen, errors := r.recent, r.account.Errors
		r.recent = spare
		r.mu.Unlock()
		r.progress(Progress{
			Elapsed: now.Sub(r.start), Whole: r.Warmup + r.Duration,
			Rate:    float64(n-pings) / now.Sub(last).Seconds(),
			P50:     micros(seen.ValueAtPercentile(50)),
			P99:     micros(seen.ValueAtPercentile(99)),
			Latency: seen,
			Behind:  max(0, now.Sub(r.due(min(int(r.done.Load()), r.batches()-1)))),
			Errors:  errors,
		})
		last, pings = now, n
		seen.Reset()
		spare = seen
	}
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
