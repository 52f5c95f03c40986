//go:build linux

package main

import (
	"context"
	"math/rand/v2"

	"hyperlocal/cache"
)

// settling is how many writes follow the filling before memory is read: the
// memory that an engine needs is what it has while it works.
const settling = 200_000

func footprintOfDrivers(o options) measurement {
	zones := zonesOfCity(o.members)
	m := newMovement(zones)
	return footprint("memory-drivers", "resident memory of a driver in three structures", 220, o.members, dataset{
		fill: func(ctx context.Context, e cache.Engine) error { return fillDrivers(ctx, e, zones) },
		write: func(ctx context.Context, e cache.Engine, r *rand.Rand) (int, error) {
			b := m.batch(r)
			_, err := e.Run(ctx, move, b.keys, b.args)
			return batchSize, err
		},
	})
}

func footprintOfStock(o options) measurement {
	s := newStock(o)
	return footprint("memory-stock", "resident memory of a field of stock", 40, s.fields(), dataset{
		fill: s.fill,
		write: func(ctx context.Context, e cache.Engine, r *rand.Rand) (int, error) {
			return batchSize, runStockMoves(ctx, e, s.moves(r, batchSize))
		},
	})
}

// dataset is what occupies memory, and the writes that go on in it.
type dataset struct {
	fill  func(ctx context.Context, e cache.Engine) error
	write func(ctx context.Context, e cache.Engine, r *rand.Rand) (writes int, err error)
}

func (d dataset) settle(ctx context.Context, e cache.Engine, r *rand.Rand, writes int) error {
	for writes > 0 {
		n, err := d.write(ctx, e, r)
		if err != nil {
			return err
		}
		writes -= n
	}
	return nil
}

// footprint compares the resident memory with that of the same process before
// the data set was there, when all else had been done with an engine that does
// nothing.
func footprint(name, title string, bar float64, members int, d dataset) measurement {
	const figure = "bytes"
	return measurement{
		name: name, journals: without,
		rows: []row{{title: title, figure: figure, unit: "B", bar: bar}},
		ours: func(ctx context.Context, h *ownHost) (round, error) {
			e, err := h.open()
			if err != nil {
				return nil, err
			}
			r := newRand()
			if err := d.fill(ctx, idle{}); err != nil {
				return nil, err
			}
			if err := d.settle(ctx, idle{}, r, h.scaled(settling)); err != nil {
				return nil, err
			}
			empty, err := ownResident()
			if err != nil {
				return nil, err
			}
			if err := d.fill(ctx, e); err != nil {
				return nil, err
			}
			return func(ctx context.Context) (sample, error) {
				if err := d.settle(ctx, e, r, h.scaled(settling)); err != nil {
					return nil, err
				}
				full, err := ownResident()
				return sample{figure: (full - empty) / float64(members)}, err
			}, nil
		},
		redis: func(ctx context.Context, h *redisHost) (round, error) {
			if err := h.start(ctx, inMemory...); err != nil {
				return nil, err
			}
			empty, err := h.resident()
			if err != nil {
				return nil, err
			}
			if err := h.fill(ctx, d.fill); err != nil {
				return nil, err
			}
			return func(context.Context) (sample, error) {
				full, err := h.resident()
				return sample{figure: (full - empty) / float64(members)}, err
			}, nil
		},
	}
}
