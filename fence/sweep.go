package fence

import (
	"context"
	"errors"
	"fmt"
	"math"

	"hyperlocal/cache"
	"hyperlocal/internal/periodic"
)

const (
	// overlookedAfterMS is how long a state stands still until Sweep looks where
	// its driver is.
	overlookedAfterMS = 10_000
	// askAtOnce bounds the drivers of one question.
	askAtOnce = 1000
)

// RunSweeper calls Sweep again and again until the context ends. One of several
// servers is enough; more do no harm.
func (f *Fences) RunSweeper(ctx context.Context) {
	periodic.Run(ctx, f.opt.Log, sweepEvery, "looking after drivers in fences", f.Sweep)
}

// overlooked is a state that no fix has come to for a while.
type overlooked struct {
	fence *held
	state state
}

// Sweep compares the states of drivers in fences with where the drivers are, and
// takes in what no server has noticed. Drivers who are not heard of dwell, and after
// long their visits end. What is left of fences that are no more it removes.
func (f *Fences) Sweep(ctx context.Context) error {
	occupied, err := f.engine.ZRangeByScore(ctx, keyOccupied, cache.ScoreRange{Min: math.Inf(-1), Max: math.Inf(1)})
	if err != nil {
		return fmt.Errorf("read occupied fences: %w", err)
	}
	left := map[string][]overlooked{} // by driver
	for _, m := range occupied {
		if err := f.sweepFence(ctx, m, left); err != nil {
			return err
		}
	}
	drivers := make([]string, 0, len(left))
	for d := range left {
		drivers = append(drivers, d)
	}
	var failed []error
	for len(drivers) > 0 {
		n := min(len(drivers), askAtOnce)
		failed = append(failed, f.catchUp(ctx, drivers[:n], left))
		drivers = drivers[n:]
	}
	return errors.Join(failed...)
}

// sweepFence finds the states of one fence that were overlooked.
func (f *Fences) sweepFence(ctx context.Context, m cache.Member, left map[string][]overlooked) error {
	f.mu.RLock()
	h := f.held[m.Name]
	f.mu.RUnlock()
	if h == nil {
		// It may have been put a moment ago, on another server.
		if f.nowMS()-int64(m.Score) < unoccupiedAfterMS {
			return nil
		}
		if err := f.forget(ctx, m.Name); err != nil {
			return err
		}
		return f.unoccupied(ctx, m.Name)
	}
	states, err := f.engine.HGetAll(ctx, keyDrivers(m.Name))
	if err != nil {
		return fmt.Errorf("read drivers in fence %s: %w", m.Name, err)
	}
	now := f.nowMS()
	if len(states) == 0 && now-int64(m.Score) >= unoccupiedAfterMS {
		return f.unoccupied(ctx, m.Name)
	}
	for driver, text := range states {
		if s := decodeState(text); s.lastTS <= now-overlookedAfterMS {
			left[driver] = append(left[driver], overlooked{h, s})
		}
	}
	return nil
}

func (f *Fences) unoccupied(ctx context.Context, id string) error {
	if _, err := f.engine.ZRem(ctx, keyOccupied, id); err != nil {
		return fmt.Errorf("note fence %s as empty: %w", id, err)
	}
	return nil
}

// catchUp takes in where drivers are.
func (f *Fences) catchUp(ctx context.Context, drivers []string, left map[string][]overlooked) error {
	fixes, err := f.positions.Positions(ctx, drivers)
	if err != nil {
		return fmt.Errorf("read positions of drivers in fences: %w", err)
	}
	at := make(map[string]*Fix, len(fixes))
	for i := range fixes {
		at[fixes[i].DriverID] = &fixes[i]
	}
	s := newSight()
	now := f.nowMS()
	f.mu.RLock()
	for _, driver := range drivers {
		fix := at[driver]
		if fix == nil {
			fix = &Fix{DriverID: driver}
		}
		for _, o := range left[driver] {
			if seen, ok := o.fence.shape.observe(fix); ok && fix.TS > o.state.lastTS {
				s.add(o.fence, fix, seen)
			} else if max(fix.TS, o.state.lastTS) < now-silentAfter.Milliseconds() {
				s.addSilence(o.fence, fix, o.state.lastTS, now, goneArg)
			} else if o.state.still(o.fence.rules, now) == Dwell {
				s.addSilence(o.fence, fix, o.state.lastTS, now, stillArg)
			}
		}
	}
	f.mu.RUnlock()
	return f.apply(ctx, s)
}

func (s *sight) addSilence(h *held, p *Fix, lastTS, nowMS int64, means string) {
	v := s.of(h)
	sawNothing(&v.call, p, lastTS, nowMS, means)
	v.drivers = append(v.drivers, p.DriverID)
}
