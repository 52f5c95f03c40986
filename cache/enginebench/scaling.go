//go:build linux

package main

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
)

const scalingMoves = 200_000

// scaling compares the throughput of two goroutines on two processors with that
// of one on one. Where other processes compete for the processors, the second
// figure is the better one: what two would reach if they were all ours, by the
// CPU time that a move takes in either case.
func scaling(o options) measurement {
	return measurement{
		name: "scaling", journals: withAndWithout,
		rows: []row{
			{title: "throughput of two processors over one, zones", figure: "ratio", bar: 1.7, atLeast: true},
			{title: "the same by CPU time", figure: "byCPU"},
		},
		ours: func(ctx context.Context, h *ownHost) (round, error) {
			e, err := h.open()
			if err != nil {
				return nil, err
			}
			zones := zonesOfCity(o.members)
			if err := fillDrivers(ctx, e, zones); err != nil {
				return nil, err
			}
			r, m := newRand(), newMovement(zones)
			run := func(procs int) (rate, cpuPerOp float64, err error) {
				work := make([][]batch, procs)
				for i := range work {
					work[i] = m.batches(r, h.scaled(scalingMoves))
				}
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				began := time.Now()
				used, err := ownCPU(func() error {
					var g errgroup.Group
					for _, bs := range work {
						g.Go(func() error { return runBatches(ctx, e, bs) })
					}
					return g.Wait()
				})
				moves := procs * len(work[0]) * batchSize
				return float64(moves) / time.Since(began).Seconds(), perOp(used, moves), err
			}
			return func(context.Context) (sample, error) {
				one, oneCPU, err := run(1)
				if err != nil {
					return nil, err
				}
				two, twoCPU, err := run(2)
				return sample{"ratio": two / one, "byCPU": 2 * oneCPU / twoCPU}, err
			}, nil
		},
	}
}
