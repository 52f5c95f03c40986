//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"hyperlocal/internal/procstat"
)

// compare measures the chosen lines and prints the table.
func compare(ctx context.Context, o options) (err error) {
	ms, err := chosen(o)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "enginebench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t := newTable(os.Stdout, o)
	for _, m := range ms {
		found, err := measure(ctx, o, m, filepath.Join(dir, m.name))
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		t.add(m, found)
	}
	return t.print()
}

// side is one of the processes that a measurement compares.
type side struct {
	name    string
	round   round
	stop    func() error
	samples []sample
}

// redisName is the name of Redis's side; ours are named by their journal.
const redisName = "redis"

func ownName(journal bool) string { return "journal=" + strconv.FormatBool(journal) }

// findings are the medians of a measurement by side and figure, and the share
// of the machine's time that others took from it.
type findings struct {
	sides         map[string]sample
	steal, others float64
}

func measure(ctx context.Context, o options, m measurement, dir string) (f findings, err error) {
	began := time.Now()
	before, err := machine()
	if err != nil {
		return f, err
	}
	var sides []*side
	defer func() {
		for _, s := range sides {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, journal := range m.journals {
		progress("%s: our side, %s", m.name, ownName(journal))
		s, err := ownSide(o, m, filepath.Join(dir, ownName(journal)), journal)
		if err != nil {
			return f, err
		}
		sides = append(sides, s)
	}
	if m.redis != nil {
		progress("%s: Redis's side", m.name)
		s, err := redisSide(ctx, o, m, filepath.Join(dir, redisName))
		if err != nil {
			return f, err
		}
		sides = append(sides, s)
	}
	for n := range o.rounds + 1 {
		for _, s := range sides {
			found, err := s.round(ctx)
			if err = errors.Join(err, ctx.Err()); err != nil { // an interrupted run ends here
				return f, fmt.Errorf("%s: %w", s.name, err)
			}
			progress("%s: round %d of %d, %s: %v", m.name, n, o.rounds, s.name, found)
			if n > 0 { // the first one warms up
				s.samples = append(s.samples, found)
			}
		}
	}
	f.sides = make(map[string]sample, len(sides))
	for _, s := range sides {
		f.sides[s.name] = medians(s.samples)
		if err := s.stop(); err != nil {
			return f, fmt.Errorf("%s: %w", s.name, err)
		}
		s.stop = func() error { return nil }
	}
	after, err := machine()
	f.steal, f.others = after.disturbance(before)
	progress("%s: done in %v", m.name, time.Since(began).Round(time.Second))
	return f, err
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// ownSide starts the process that hosts our side, or one for each round.
func ownSide(o options, m measurement, dir string, journal bool) (*side, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &side{name: ownName(journal)}
	if m.fresh {
		s.round = func(ctx context.Context) (sample, error) {
			c, err := startChild(o, m.name, dir, journal)
			if err != nil {
				return nil, err
			}
			found, err := c.round(ctx)
			return found, errors.Join(err, c.stop())
		}
		s.stop = func() error { return nil }
		return s, nil
	}
	c, err := startChild(o, m.name, dir, journal)
	if err != nil {
		return nil, err
	}
	s.round, s.stop = c.round, c.stop
	return s, nil
}

func redisSide(ctx context.Context, o options, m measurement, dir string) (*side, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	h := &redisHost{options: o, dir: dir}
	r, err := m.redis(ctx, h)
	if err != nil {
		return nil, errors.Join(err, h.stop())
	}
	return &side{name: redisName, round: r, stop: h.stop}, nil
}

// medians of each figure.
func medians(samples []sample) sample {
	byFigure := make(map[string][]float64)
	for _, s := range samples {
		for figure, v := range s {
			byFigure[figure] = append(byFigure[figure], v)
		}
	}
	m := make(sample, len(byFigure))
	for figure, vs := range byFigure {
		slices.Sort(vs)
		m[figure] = vs[len(vs)/2]
	}
	return m
}

// usage is the machine's time and the part of it that this run used: this
// process and those it started and has waited for.
type usage struct {
	machine procstat.Machine
	run     time.Duration
}

func machine() (usage, error) {
	m, err := procstat.Now()
	if err != nil {
		return usage{}, err
	}
	run, err := familyCPU()
	return usage{m, run}, err
}

// disturbance returns what the hypervisor and other processes took, in percent.
func (u usage) disturbance(before usage) (steal, others float64) {
	m := u.machine.Sub(before.machine)
	total := float64(m.Total()) / 100
	return float64(m.Steal) / total, math.Max(0, float64(m.Busy-(u.run-before.run))/total)
}
