//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"hyperlocal/cache"
	"hyperlocal/internal/procstat"
)

// traffic is a data set and operations on it, the same for both hosts.
type traffic struct {
	fill func(ctx context.Context, e cache.Engine) error
	// prepare makes about n operations.
	prepare func(r *rand.Rand, n int) work
	// How many operations a round has: so many that it lasts some half a second.
	ours, redis int
}

// work is a number of operations to be done on one host or the other.
type work struct {
	ops   int
	ours  func(ctx context.Context, e cache.Engine) error
	redis func(p *pipeline)
}

// perOperation measures the CPU time of an operation.
func perOperation(name string, journals []bool, t traffic, rows ...row) measurement {
	for i := range rows {
		rows[i].figure, rows[i].unit = cpu, "µs"
	}
	return measurement{
		name: name, rows: rows, journals: journals,
		ours: func(ctx context.Context, h *ownHost) (round, error) {
			e, err := h.open()
			if err != nil {
				return nil, err
			}
			if err := t.fill(ctx, e); err != nil {
				return nil, err
			}
			r := newRand()
			return func(ctx context.Context) (sample, error) {
				w := t.prepare(r, h.scaled(t.ours))
				used, err := ownCPU(func() error { return w.ours(ctx, e) })
				if err != nil {
					return nil, err
				}
				loop, err := ownCPU(func() error { return w.ours(ctx, idle{}) })
				if err != nil {
					return nil, err
				}
				return sample{cpu: perOp(used-loop, w.ops), "loop": perOp(loop, w.ops)}, nil
			}, nil
		},
		redis: func(ctx context.Context, h *redisHost) (round, error) {
			if err := h.start(ctx, inMemory...); err != nil {
				return nil, err
			}
			if err := h.fill(ctx, t.fill); err != nil {
				return nil, err
			}
			r := newRand()
			return func(context.Context) (sample, error) {
				w := t.prepare(r, h.scaled(t.redis))
				p := &pipeline{}
				w.redis(p)
				used, err := h.cpu(func() error { return h.conn.run(p) })
				return sample{cpu: perOp(used, w.ops)}, err
			}, nil
		},
	}
}

// scaled is n operations under the flag -effort.
func (o options) scaled(n int) int { return max(1, int(float64(n)*o.effort)) }

func perOp(d time.Duration, ops int) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(ops) }

// together does n things, up to width at once.
func together(width, n int, do func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(width)
	for i := range n {
		g.Go(func() error { return do(i) })
	}
	return g.Wait()
}

// newRand begins the sequence that both sides draw from.
func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// stopwatch tells how much CPU time do takes.
type stopwatch func(do func() error) (time.Duration, error)

// ownCPU is the user and system time of this process that do takes.
func ownCPU(do func() error) (time.Duration, error) {
	before, err := selfCPU()
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := selfCPU()
	return after - before, err
}

func selfCPU() (time.Duration, error) { return rusage(syscall.RUSAGE_SELF) }

// familyCPU adds the processes that this one started and has waited for.
func familyCPU() (time.Duration, error) {
	own, err := selfCPU()
	if err != nil {
		return 0, err
	}
	children, err := rusage(syscall.RUSAGE_CHILDREN)
	return own + children, err
}

func rusage(who int) (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// ownResident is the resident memory of this process as it stands: nothing is
// collected or given back for the occasion.
func ownResident() (float64, error) {
	n, err := procstat.Resident(os.Getpid())
	return float64(n), err
}

// idle is an engine that does nothing: what the calling costs.
type idle struct{ cache.Engine }

func (idle) Run(context.Context, *cache.Script, []string, []string) (cache.Value, error) {
	return cache.Value{}, nil
}
func (idle) HMGet(context.Context, string, ...string) ([]cache.Optional, error) { return nil, nil }
func (idle) HIncrBy(context.Context, string, string, int64) (int64, error)      { return 0, nil }
func (idle) IncrBy(context.Context, string, int64) (int64, error)               { return 0, nil }
func (idle) GeoAdd(context.Context, string, ...cache.GeoMember) (int64, error)  { return 0, nil }
func (idle) ZAdd(context.Context, string, ...cache.Member) (int64, error)       { return 0, nil }
func (idle) HSet(context.Context, string, ...cache.Field) (int64, error)        { return 0, nil }
func (idle) GeoSearch(context.Context, string, cache.GeoQuery) ([]cache.GeoHit, error) {
	return nil, nil
}
