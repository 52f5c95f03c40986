package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unsafe"

	"hyperlocal/cache"
	"hyperlocal/geo"
)

const (
	// drainAtOnce is how many of the fixes that wait are recorded by one call.
	drainAtOnce = 1000
	drainEvery  = 100 * time.Millisecond
	fixSize     = int64(unsafe.Sizeof(geo.Fix{}))
)

// Waiting is a Recorder that keeps fixes while the engine is away, and records
// them in their order when it is back. They are in this process's memory alone,
// and lost with it: a partner app sends another in four seconds.
//
// It is safe for concurrent use.
type Waiting struct {
	fleet    Recorder
	maxBytes int64
	told     func([]geo.Outcome)
	log      *slog.Logger

	mu    sync.Mutex
	fixes []geo.Fix
	bytes int64 // of fixes and their ids
}

// NewWaiting makes one that keeps fixes of at most maxBytes.
func NewWaiting(fleet Recorder, maxBytes int64, log *slog.Logger) *Waiting {
	return &Waiting{fleet: fleet, maxBytes: maxBytes, told: func([]geo.Outcome) {}, log: log}
}

// Tell has fn told what became of fixes that waited. It must be called before Run.
func (w *Waiting) Tell(fn func([]geo.Outcome)) { w.told = fn }

// Record implements Recorder. The outcomes of fixes that are kept are
// geo.Waiting. What does not fit any more is refused as a whole, with the
// engine's error.
func (w *Waiting) Record(ctx context.Context, fixes []geo.Fix) ([]geo.Outcome, error) {
	var err error
	if w.empty() {
		var outcomes []geo.Outcome
		if outcomes, err = w.fleet.Record(ctx, fixes); !errors.Is(err, cache.ErrUnavailable) {
			return outcomes, err
		}
	}
	if !w.keep(fixes) {
		return nil, errors.Join(err, fmt.Errorf("%w: %d bytes of pings wait already", cache.ErrUnavailable, w.Bytes()))
	}
	outcomes := make([]geo.Outcome, len(fixes))
	for i := range outcomes {
		outcomes[i].Verdict = geo.Waiting
	}
	return outcomes, nil
}

// Bytes is how much waits.
func (w *Waiting) Bytes() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bytes
}

func (w *Waiting) empty() bool { return w.Bytes() == 0 }

// keep copies fixes to the queue's end.
func (w *Waiting) keep(fixes []geo.Fix) bool {
	size := int64(0)
	for i := range fixes {
		size += bytesOf(&fixes[i])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bytes+size > w.maxBytes {
		return false
	}
	for _, f := range fixes {
		f.DriverID = strings.Clone(f.DriverID) // it is part of the request's memory
		w.fixes = append(w.fixes, f)
	}
	w.bytes += size
	return true
}

func bytesOf(f *geo.Fix) int64 { return fixSize + int64(len(f.DriverID)) }

// Run records what waits, until ctx is done.
func (w *Waiting) Run(ctx context.Context) {
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for w.drain(ctx) {
			}
		}
	}
}

// Finish tries once more to record all that waits, and says what is lost.
func (w *Waiting) Finish(ctx context.Context) error {
	for w.drain(ctx) {
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.fixes) > 0 {
		return fmt.Errorf("%d pings waited for the engine and are lost", len(w.fixes))
	}
	return nil
}

// drain records the oldest that wait, and reports whether there is more that it
// can. Until they are recorded they stay in the queue, so that newer ones go
// behind them; only this goroutine takes any away.
func (w *Waiting) drain(ctx context.Context) (more bool) {
	w.mu.Lock()
	oldest := w.fixes[:min(len(w.fixes), drainAtOnce):min(len(w.fixes), drainAtOnce)]
	w.mu.Unlock()
	if len(oldest) == 0 {
		return false
	}
	outcomes, err := w.fleet.Record(ctx, oldest)
	switch {
	case err == nil:
		w.told(outcomes)
	case errors.Is(err, cache.ErrUnavailable), errors.Is(err, cache.ErrOutOfMemory), ctx.Err() != nil:
		return false
	default: // it would be the same next time, and all others would wait for it
		w.log.Error("the engine refuses pings that waited for it", "pings", len(oldest), "err", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range oldest {
		w.bytes -= bytesOf(&oldest[i])
	}
	if w.fixes = w.fixes[len(oldest):]; len(w.fixes) == 0 {
		w.fixes = nil
	}
	return w.bytes > 0
}
