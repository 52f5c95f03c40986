package openloop

import (
	"context"
	"fmt"
	"time"
)

// worker sends every so many-th batch. A batch's drivers are always the same worker's,
// because the number of batches in a round is its groups'.
type worker struct {
	*run
	number, workers int
	sender          sender
	unanswered      []parcel // sent since verdicts were asked for
	askAt           int      // how many those are when verdicts are asked for
}

// parcel is a batch that was sent.
type parcel struct {
	batch int
	due   time.Time
	sent  Sent
}

// work sends what is the worker's, until ctx ends or it is too late.
func (w *worker) work(ctx context.Context) {
	b := newBody(w.plan)
	w.askAt = 1 + w.number%w.AckEvery // then in turn: not all at once
	giveUp := w.start.Add(w.Warmup + w.Duration + w.Grace)
	for round := range w.rounds {
		for group := w.number; group < w.groups; group += w.workers {
			batch := round*w.groups + group
			due := w.due(batch)
			if !sleepUntil(ctx, due, w.Now) || w.Now().After(giveUp) {
				return // what is missing in the account
			}
			text := b.fill(batch)
			if b.pings == 0 {
				w.done.Add(1)
				continue
			}
			w.unanswered = append(w.unanswered, parcel{batch, due, b.kinds})
			err := w.sender.send(ctx, text, b.pings)
			if (err != nil || len(w.unanswered) == w.askAt) && !w.settle(ctx, err) {
				return
			}
		}
	}
	if len(w.unanswered) > 0 {
		w.settle(ctx, nil)
	}
}

// settle asks for the verdicts on what was sent, unless that failed, and puts them
// down. ok is false if nothing more can be sent.
func (w *worker) settle(ctx context.Context, failed error) (ok bool) {
	var verdicts map[string]int64
	if failed == nil {
		verdicts, failed = w.sender.verdicts()
	}
	if failed != nil && ctx.Err() != nil {
		return false
	}
	w.took(w.unanswered, verdicts, failed)
	w.unanswered, w.askAt = w.unanswered[:0], w.AckEvery
	if failed == nil || !w.Protocol.stream() { // a stream does not come back by itself
		return true
	}
	w.sender.close()
	var err error
	if w.sender, err = w.newSender(ctx); err != nil {
		w.failed(err)
	}
	return err == nil
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

// took counts an answer to batches, each by the time that has passed since it was due.
func (r *run) took(batches []parcel, verdicts map[string]int64, err error) {
	now := r.Now()
	r.done.Add(int64(len(batches)))
	r.mu.Lock()
	defer r.mu.Unlock()
	var sent Sent
	for _, b := range batches {
		took := min(max(now.Sub(b.due), time.Microsecond), maxLatency).Microseconds()
		_ = r.recent.RecordValue(took) // it is within the bounds
		counts := b.due.Sub(r.start) >= r.Warmup
		if counts {
			_ = r.latency.RecordValue(took)
		}
		for k, n := range b.sent {
			sent[k] += n
		}
		if counts && err == nil {
			r.measured += b.sent.total()
		}
	}
	for k, n := range sent {
		r.account.Sent[k] += n
	}
	if err != nil {
		r.account.Errors += int64(len(batches))
		r.fail(fmt.Errorf("batch %d: %w", batches[0].batch, err))
		return
	}
	r.pings.Add(sent.total())
	for v, n := range verdicts {
		r.account.Verdicts[v] += n
	}
	if found := differences(sent, verdicts); len(found) > 0 {
		r.account.Wrong++
		r.fail(fmt.Errorf("batch %d: %s", batches[0].batch, found[0]))
	}
}

// failed counts an error that is no batch's.
func (r *run) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.account.Errors++
	r.fail(err)
}

// fail notes an error, if there were few; r.mu is held.
func (r *run) fail(err error) {
	const listed = 5
	if len(r.failures) < listed {
		r.failures = append(r.failures, err.Error())
	}
}
