package geo

import (
	"context"
	"time"
)

// FlushStats tell how the flusher is doing. The counts are since the start of
// this process.
type FlushStats struct {
	Rows, Fixes int64 // written
	Failures    int64 // turns of a zone that ended with an error
	// LastSuccess is when rows were last written; zero for never.
	LastSuccess time.Time
	// Lag is how long the oldest bucket that was not written at its zone's turn has
	// waited since it was closed, in the engine or, as far as is known, in a spill
	// file; zero if there is none.
	Lag time.Duration

	WaitingBytes int64 // in the engine, of buckets that the database should have
	SpillBytes   int64 // in spill files
	Spilled      int64 // rows that went to spill files
	SpillDamaged int64 // spill files that are set aside as damaged
	SetAside     int64 // rows that the database refused
}

// Reduction is how many fixes there are to a row written; 0 before the first.
func (s FlushStats) Reduction() float64 { return float64(s.Fixes) / float64(max(s.Rows, 1)) }

// Stats returns how the flusher is doing.
func (fl *Flusher) Stats() FlushStats {
	now := fl.fleet.nowMS()
	fl.mu.Lock()
	defer fl.mu.Unlock()
	s := fl.stats
	oldest := now
	for _, b := range fl.backlogs {
		for _, since := range b.since {
			oldest = min(oldest, since)
		}
	}
	if fl.inFiles > 0 {
		oldest = min(oldest, fl.inFiles)
	}
	s.Lag = time.Duration(now-oldest) * time.Millisecond
	s.WaitingBytes = fl.waiting
	if fl.spill != nil {
		s.SpillBytes, s.SpillDamaged = fl.spill.Bytes(), int64(fl.spill.Damaged())
	}
	return s
}

// reportEvery is how often the log says how writing goes.
const reportEvery = time.Minute

// runReports logs once a minute how writing goes, until ctx ends.
func (fl *Flusher) runReports(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	reported := fl.Stats()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			reported = fl.report(ctx, reported)
		}
	}
}

// complain logs trouble, of each kind as often as reports come.
func (fl *Flusher) complain(ctx context.Context, what string, err error) {
	now := fl.fleet.now()
	fl.mu.Lock()
	last, known := fl.complains[what]
	if known && now.Sub(last) < reportEvery {
		fl.mu.Unlock()
		return
	}
	fl.complains[what] = now
	fl.mu.Unlock()
	fl.logger.WarnContext(ctx, what, "error", err)
}

// report logs how writing went since the last report, unless nothing happened.
func (fl *Flusher) report(ctx context.Context, last FlushStats) FlushStats {
	s := fl.Stats()
	if s.Rows == last.Rows && s.Failures == last.Failures && s.SetAside == last.SetAside && s.SpillBytes == last.SpillBytes {
		return s
	}
	since := FlushStats{Rows: s.Rows - last.Rows, Fixes: s.Fixes - last.Fixes}
	if s.SetAside > last.SetAside {
		fl.logger.ErrorContext(ctx, "the database refused rows of tracks; they are set aside, with the reasons",
			"rows", s.SetAside-last.SetAside, "file", fl.aside.path)
	}
	fl.logger.InfoContext(ctx, "tracks written in the last minute",
		"rows", since.Rows, "fixes", since.Fixes, "fixes_per_row", since.Reduction(), "failures", s.Failures-last.Failures,
		"last_success", s.LastSuccess, "lag", s.Lag, "waiting_bytes", s.WaitingBytes, "spill_bytes", s.SpillBytes,
		"set_aside", s.SetAside)
	return s
}
