//go:build linux

package main

import (
	"context"
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	steadyRate = 100_000               // writes a second, half moves of drivers, half of stock
	steadyTick = 10 * time.Millisecond // so often some of them
	halfTick   = steadyRate * int(steadyTick/time.Millisecond) / 1000 / 2
	// gcPatience is how many times the length of a round a collection is waited for
	// before one is forced.
	gcPatience = 5
)

// garbage measures what the collector takes while a large data set is written
// to at a steady rate.
func garbage(o options) measurement {
	return measurement{
		name: "gc", journals: withAndWithout,
		rows: []row{
			{title: "collector at 100,000 writes/s: share of CPU", figure: "share", unit: "%", bar: 10},
			{title: "the same: longest stop", figure: "stop", unit: "ms", bar: 2},
			{title: "the same: CPU used, of one processor", figure: "load", unit: "%"},
		},
		ours: func(ctx context.Context, h *ownHost) (round, error) {
			e, err := h.open()
			if err != nil {
				return nil, err
			}
			if err := o.fillAll(ctx, e); err != nil {
				return nil, err
			}
			r, m, s := newRand(), newMovement(zonesOfCity(o.members)), newStock(o)
			return func(ctx context.Context) (sample, error) {
				ticks := int(h.steady / steadyTick)
				batches := m.batches(r, ticks*halfTick)
				traffic := [][]batch{batches, m.elsewhere(r, batches)}
				units := s.moves(r, ticks*halfTick)
				runtime.GC() // the runtime adds up what the collector took when a cycle ends
				before := readCollector()
				began := time.Now()
				used, err := ownCPU(func() error {
					for i := 0; time.Since(began) < h.steady || readCollector().cycles == before.cycles; i++ {
						if time.Since(began) > gcPatience*h.steady {
							runtime.GC()
						}
						at := i % ticks
						if err := runBatches(ctx, e, part(traffic[i/ticks%2], at, ticks)); err != nil {
							return err
						}
						if err := runStockMoves(ctx, e, part(units, at, ticks)); err != nil {
							return err
						}
						time.Sleep(time.Until(began.Add(time.Duration(i+1) * steadyTick)))
					}
					return nil
				})
				found := readCollector().since(before)
				found["load"] = 100 * used.Seconds() / time.Since(began).Seconds()
				return found, err
			}, nil
		},
	}
}

// part is one of n equal parts of all.
func part[T any](all []T, i, n int) []T { return all[i*len(all)/n : (i+1)*len(all)/n] }

// collector is what the runtime tells of garbage collection.
type collector struct {
	gc, user float64 // CPU seconds without idle time, at the end of the last cycle
	cycles   uint64
	stops    *metrics.Float64Histogram
}

func readCollector() collector {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
		{Name: "/cpu/classes/user:cpu-seconds"},
		{Name: "/sched/pauses/total/gc:seconds"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	return collector{
		gc:     samples[0].Value.Float64() - samples[1].Value.Float64(),
		user:   samples[2].Value.Float64(),
		stops:  samples[3].Value.Float64Histogram(),
		cycles: samples[4].Value.Uint64(),
	}
}

func (c collector) since(before collector) sample {
	gc, user := c.gc-before.gc, c.user-before.user
	longest := 0.0
	for i, n := range c.stops.Counts {
		if n > before.stops.Counts[i] {
			longest = math.Min(c.stops.Buckets[i+1], 2*c.stops.Buckets[i]) // the last bucket has no end
		}
	}
	return sample{"share": 100 * gc / (gc + user), "stop": 1e3 * longest}
}
