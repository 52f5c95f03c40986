package openloop

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"
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
	account  Account
	failures []string // the first few
}

// Progress is how a load goes on.
type Progress struct {
	Elapsed  time.Duration
	Whole    time.Duration
	Rate     float64 // pings a second since the last time
	P50, P99 time.Duration
	Behind   time.Duration // how long the oldest batch that is not answered has been due
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
	senders := make([]sender, min(c.Connections, r.groups))
	for i := range senders {
		if senders[i], err = r.newSender(ctx); err != nil {
			return nil, err
		}
		defer senders[i].close()
	}
	watch, err := newWatch(r.ServerPID)
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
	var g errgroup.Group
	for i, s := range senders {
		g.Go(func() error { r.work(ctx, i, len(senders), s); return nil })
	}
	_ = g.Wait() // what fails is in the account
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

// work sends every so many-th batch. A batch's drivers are always the same worker's,
// because the number of batches in a round is its groups'.
func (r *run) work(ctx context.Context, worker, workers int, s sender) {
	b := newBody(r.plan)
	giveUp := r.start.Add(r.Warmup + r.Duration + r.Grace)
	for round := range r.rounds {
		for group := worker; group < r.groups; group += workers {
			batch := round*r.groups + group
			due := r.due(batch)
			if !sleepUntil(ctx, due, r.Now) || r.Now().After(giveUp) {
				return // what is missing in the account
			}
			text := b.fill(batch)
			if b.pings == 0 {
				r.done.Add(1)
				continue
			}
			verdicts, err := s.send(ctx, text, b.pings)
			if err != nil && ctx.Err() != nil {
				return
			}
			r.took(batch, due, b, verdicts, err)
			if err != nil && r.Protocol.stream() { // a stream does not come back by itself
				s.close()
				if s, err = r.newSender(ctx); err != nil {
					r.failed(err)
					return
				}
			}
		}
	}
}

func sleepUntil(ctx context.Context, t time.Time, now func() time.Time) bool {
	wait := t.Sub(now())
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// took counts an answer, by the time that has passed since the batch was due.
func (r *run) took(batch int, due time.Time, b *body, verdicts map[string]int64, err error) {
	took := min(max(r.Now().Sub(due), time.Microsecond), maxLatency)
	r.done.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.recent.RecordValue(took.Microseconds()) // it is within the bounds
	if due.Sub(r.start) >= r.Warmup {
		_ = r.latency.RecordValue(took.Microseconds())
	}
	for k, n := range b.kinds {
		r.account.Sent[k] += n
	}
	if err != nil {
		r.fail(fmt.Errorf("batch %d: %w", batch, err))
		return
	}
	r.pings.Add(int64(b.pings))
	for v, n := range verdicts {
		r.account.Verdicts[v] += n
	}
}

func (r *run) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(err)
}

// fail counts an error; r.mu is held.
func (r *run) fail(err error) {
	const listed = 5
	r.account.Errors++
	if len(r.failures) < listed {
		r.failures = append(r.failures, err.Error())
	}
}

// tell calls progress once a second, and watches the server, until stop.
func (r *run) tell(stop context.Context, watch *watch) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last, pings := r.Now(), int64(0)
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
		p := Progress{
			Elapsed: now.Sub(r.start), Whole: r.Warmup + r.Duration,
			Rate:   float64(n-pings) / now.Sub(last).Seconds(),
			P50:    micros(r.recent.ValueAtPercentile(50)),
			P99:    micros(r.recent.ValueAtPercentile(99)),
			Behind: max(0, now.Sub(r.due(min(int(r.done.Load()), r.batches()-1)))),
			Errors: r.account.Errors,
		}
		r.recent.Reset()
		r.mu.Unlock()
		last, pings = now, n
		r.progress(p)
	}
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
