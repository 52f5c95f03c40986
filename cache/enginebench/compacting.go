//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"hyperlocal/cache/memory"
)

const (
	// A tick of compacting has this many changes of stock and one batch of moves:
	// 110,000 writes a second by 11,000 calls.
	compactingTick  = time.Millisecond
	compactingMoves = 10
)

// compacting measures how long writes wait while a snapshot of everything is
// made: each from its call to its return.
func compacting(o options) measurement {
	return measurement{
		name: "compacting", journals: with, fresh: true,
		rows: []row{
			{title: "writes while a snapshot is made: 99.9 % of them within", figure: "p99.9", unit: "ms", bar: 10},
			{title: "the same: the longest", figure: "longest", unit: "ms"},
			{title: "the same: the snapshot takes", figure: "took", unit: "s"},
			{title: "the same without a snapshot: 99.9 % of them within", figure: "p99.9 before", unit: "ms"},
		},
		ours: func(_ context.Context, h *ownHost) (round, error) {
			if found, err := snapshots(h.dir); err != nil || len(found) == 0 {
				// The first round, which does not count, makes the data set.
				return func(ctx context.Context) (sample, error) { return nil, makeSnapshot(ctx, o, h.dir) }, err
			}
			return func(ctx context.Context) (sample, error) {
				// Without a limit there is no snapshot; beyond the lowest there is, the
				// first write sets one off.
				e, err := h.open()
				if err != nil {
					return nil, err
				}
				calm, err := writeSteadily(ctx, o, e, func(since time.Duration) (bool, error) { return since > h.steady/5, nil })
				if err = errors.Join(err, e.Close()); err != nil {
					return nil, err
				}
				e, err = memory.Open(memory.Options{Dir: h.dir, Logger: quiet, CompactBytes: 1})
				if err != nil {
					return nil, err
				}
				before, err := snapshots(h.dir)
				if err != nil {
					return nil, errors.Join(err, e.Close())
				}
				found, err := writeSteadily(ctx, o, e, func(since time.Duration) (bool, error) {
					now, err := snapshots(h.dir)
					if err == nil && since > patience {
						err = fmt.Errorf("no snapshot in %s", h.dir)
					}
					return !slices.Equal(now, before), err
				})
				if err = errors.Join(err, e.Close()); err != nil {
					return nil, err
				}
				found["p99.9 before"] = calm["p99.9"]
				return found, nil
			}, nil
		},
	}
}

func snapshots(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, "snapshot-*.snap"))
}

// writeSteadily writes until it is told to end, which it asks ten times a second.
func writeSteadily(ctx context.Context, o options, e *memory.Engine, ended func(since time.Duration) (bool, error)) (sample, error) {
	const prepared = 1000 // ticks, which come again and again
	r := newRand()
	units := newStock(o).moves(r, prepared*compactingMoves)
	batches := newMovement(zonesOfCity(o.members)).batches(r, prepared*batchSize)
	var waits []time.Duration
	began := time.Now()
	for tick := 0; ; tick++ {
		due := began.Add(time.Duration(tick) * compactingTick)
		time.Sleep(time.Until(due))
		i, last, err := tick%prepared, time.Now(), error(nil)
		call := func(failed error) {
			now := time.Now()
			waits, last, err = append(waits, now.Sub(last)), now, errors.Join(err, failed)
		}
		for n := range compactingMoves {
			call(runStockMoves(ctx, e, units[i*compactingMoves+n:][:1]))
		}
		call(runBatches(ctx, e, batches[i:i+1]))
		if err != nil {
			return nil, err
		}
		if tick%100 > 0 {
			continue
		}
		if done, err := ended(time.Since(began)); err != nil {
			return nil, err
		} else if done {
			break
		}
	}
	took := time.Since(began)
	slices.Sort(waits)
	inMS := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	return sample{
		"p99.9": inMS(waits[len(waits)*999/1000]), "longest": inMS(waits[len(waits)-1]), "took": took.Seconds(),
	}, nil
}
