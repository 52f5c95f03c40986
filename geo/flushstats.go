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
	// Lag is the age of the oldest closed bucket that could not be written at
	// its zone's turn; zero if there is none.
	Lag time.Duration

	WaitingBytes int64 // in the engine, of buckets that the database should have
	SpillBytes   int64 // in spill files
	Spilled      int64 // rows that went to spill files
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
	for _, start := range fl.oldest {
		age := time.Duration(now-start-fl.fleet.bucketMS) * time.Millisecond
		s.Lag = max(s.Lag, age)
	}
	for _, buckets := range fl.waiting {
		for _, bytes := range buckets {
			s.WaitingBytes += bytes
		}
	}
	if fl.spill != nil {
		s.SpillBytes = fl.spill.Bytes()
	}
	return s
}

// reportEvery is how often the log says how writing goes.
const reportEvery = time.Minute

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
