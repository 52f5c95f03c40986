package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"hyperlocal/internal/bars"
	"hyperlocal/loadtest/openloop"
)

// database is a real one that can be taken from the server.
type database interface {
	flags() []string         // of a server that keeps its record there
	serving(t *target) error // tells that this one does, now
	pause() error
	resume() error // also if it was not paused
	end() error
}

// The phases of a server, one after the other.
const (
	flushing = iota // the database answers
	slow            // it stands still half of the time
	outage          // it does not answer
	drain           // it does again, and gets what waited, too
	numPhases
)

var phaseNames = [numPhases]string{"flush", "slow", "outage", "drain"}

// pulse is how long a slow database stands still, and then works.
const pulse = 200 * time.Millisecond

// outageBars has a server without a flush, and then one with a flush whose database is
// slow, gone and back, at the same load.
func outageBars(ctx context.Context, b *bench, table *bars.Table) error {
	for _, d := range []struct {
		name string
		open func(context.Context, *bench) (database, error)
	}{{"sqlite", openSQLite}, {"cassandra", openCassandra}} {
		if !b.chosen(d.name) {
			continue
		}
		var base []float64
		var phases [numPhases][]float64
		err := b.outages(ctx, d.name, d.open, func(without float64, with [numPhases]float64) {
			base = append(base, without)
			for i, p99 := range with {
				phases[i] = append(phases[i], p99)
			}
		})
		const most = 1.1
		table.AtMost(d.name+": 99th percentile with the flush, over without", most, "", bars.Ratios(phases[flushing], base))
		for _, i := range []int{slow, outage, drain} {
			table.AtMost(d.name+": "+phaseNames[i]+", over with the flush", most, "", bars.Ratios(phases[i], phases[flushing]))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return nil
}

func (b *bench) outages(ctx context.Context, name string, open func(context.Context, *bench) (database, error), put func(without float64, with [numPhases]float64)) (err error) {
	db, err := open(ctx, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.end()) }()
	// A node that was just started is busy compiling itself, on the same cores.
	if _, err := b.phases(ctx, db, 1); err != nil {
		return err
	}
	for round := 1; round <= b.rounds; round++ {
		without, err := b.withoutFlush(ctx, db)
		if err != nil {
			return err
		}
		with, err := b.phases(ctx, db, numPhases)
		if err != nil {
			return err
		}
		fmt.Printf("%s  round %d  %s: 99th percentile of a batch %.1f ms without a flush", time.Now().Format(time.TimeOnly), round, name, without[0])
		for i, p99 := range with {
			fmt.Printf(", %s %.1f", phaseNames[i], p99)
		}
		fmt.Println()
		put(without[0], with)
	}
	return nil
}

// withoutFlush loads a server that does not flush, beside a process that does so in its
// place if that is asked for.
func (b *bench) withoutFlush(ctx context.Context, db database) (p99 [numPhases]float64, err error) {
	if !b.asBusy {
		return b.phases(ctx, db, 1, "--flush-every", "1h")
	}
	feed, err := b.fed(db)
	if err != nil {
		return p99, err
	}
	p99, err = b.phases(ctx, db, 1, "--flush-every", "1h")
	stopped := feed.stop()
	return p99, errors.Join(err, stopped, feed.err)
}

// phases loads a server through the first n phases, and returns the 99th percentile
// of each in ms.
func (b *bench) phases(ctx context.Context, db database, n int, flags ...string) (p99 [numPhases]float64, err error) {
	t, err := b.serve(ctx, append(db.flags(), flags...)...)
	if err != nil {
		return p99, err
	}
	defer func() { err = errors.Join(err, t.end()) }()
	if err := db.serving(t); err != nil {
		return p99, err
	}
	s := &script{database: db, target: t, phase: flushing}
	defer func() { err = errors.Join(err, s.calm()) }() // first, since the server's end is a flush
	c := b.config(t)
	c.Duration = time.Duration(n) * b.duration
	report, err := openloop.Run(ctx, c, func(p openloop.Progress) {
		if p.Elapsed < b.warmup {
			return
		}
		s.enter(ctx, min(int((p.Elapsed-b.warmup)/b.duration), n-1))
		if s.latency[s.phase] == nil {
			s.latency[s.phase] = p.Latency.Clone()
		} else {
			s.latency[s.phase].Merge(p.Latency)
		}
	})
	if err = errors.Join(err, ctx.Err(), s.failed); err != nil {
		return p99, err
	}
	for _, problem := range report.Problems {
		fmt.Printf("    PROBLEM %s\n", problem)
	}
	for i := range n {
		if s.latency[i] == nil {
			return p99, fmt.Errorf("%s was not seen", phaseNames[i])
		}
		p99[i] = float64(s.latency[i].ValueAtPercentile(99)) / 1000
	}
	if n == numPhases {
		err = s.happened(ctx)
	}
	return p99, err
}

// script goes through the phases.
type script struct {
	database
	target  *target
	phase   int
	latency [numPhases]*hdrhistogram.Histogram
	begun   [numPhases + 1]float64 // rows that are written as a phase begins
	pulses  func() error           // ends them
	failed  error
}

// enter makes the database what it is in a phase.
func (s *script) enter(ctx context.Context, phase int) {
	if phase == s.phase || s.failed != nil {
		return
	}
	s.phase = phase
	s.failed = s.calm()
	if s.failed == nil {
		s.begun[phase], s.failed = s.rows(ctx)
	}
	switch {
	case s.failed != nil:
	case phase == slow:
		s.pulses = pulsing(s.database)
	case phase == outage:
		s.failed = s.pause()
	}
}

// calm ends what a phase does to the database.
func (s *script) calm() error {
	var err error
	if s.pulses != nil {
		err, s.pulses = s.pulses(), nil
	}
	return errors.Join(err, s.resume())
}

// rows is how many have been written.
func (s *script) rows(ctx context.Context) (float64, error) {
	return s.target.metric(ctx, "hyperlocal_flush_rows_total")
}

var errNoOutage = errors.New("the outage was none")

// happened tells whether the outage was one, and the drain: nothing is written in the
// one but for what was under way, and more than what comes in in the other.
func (s *script) happened(ctx context.Context) (err error) {
	if s.begun[numPhases], err = s.rows(ctx); err != nil {
		return err
	}
	written := func(phase int) float64 { return s.begun[phase+1] - s.begun[phase] }
	fmt.Printf("    rows written: %.0f slow, %.0f in the outage, %.0f in the drain\n", written(slow), written(outage), written(drain))
	if written(outage) > written(slow)/10 || written(drain) < 1.1*written(slow) {
		return errNoOutage
	}
	return nil
}

// pulsing has a database stand still half of the time, until it is ended.
func pulsing(db database) (end func() error) {
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			for _, step := range []func() error{db.pause, db.resume} {
				if err := step(); err != nil {
					ended <- err
					return
				}
				select {
				case <-stop:
					ended <- nil
					return
				case <-time.After(pulse):
				}
			}
		}
	}()
	return func() error {
		close(stop)
		return <-ended
	}
}
