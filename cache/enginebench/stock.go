//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"hyperlocal/cache"
)

const (
	fieldsPerStore  = 5000
	membersPerStore = 1000 // drivers there are for each store
	fieldsPerRead   = 50
)

// stock is hashes of product and units, one a store.
type stock struct {
	stores   []string // keys
	products []string
}

func newStock(o options) stock {
	s := stock{stores: make([]string, max(1, o.members/membersPerStore)), products: make([]string, fieldsPerStore)}
	for i := range s.stores {
		s.stores[i] = fmt.Sprintf("store:{s%04d}", i)
	}
	for i := range s.products {
		s.products[i] = fmt.Sprintf("product:%05d", i)
	}
	return s
}

func (s stock) fields() int { return len(s.stores) * len(s.products) }

func (s stock) fill(ctx context.Context, e cache.Engine) error {
	r := newRand()
	for _, store := range s.stores {
		for chunk := range slices.Chunk(s.products, 500) {
			fields := make([]cache.Field, len(chunk))
			for i, p := range chunk {
				fields[i] = cache.Field{Name: p, Value: strconv.Itoa(r.IntN(1000))}
			}
			if _, err := e.HSet(ctx, store, fields...); err != nil {
				return err
			}
		}
	}
	return nil
}

// stockReads are HMGETs of random fields of random stores.
func stockReads(o options) traffic {
	s := newStock(o)
	return traffic{
		fill: s.fill,
		ours: 100_000, redis: 20_000,
		prepare: func(r *rand.Rand, n int) work {
			// Numbers, so that what is prepared is no burden to the collector.
			type ask struct {
				store    uint16
				products [fieldsPerRead]uint16
			}
			asks := make([]ask, n)
			for i := range asks {
				asks[i].store = uint16(r.IntN(len(s.stores)))
				for j := range asks[i].products {
					asks[i].products[j] = uint16(r.IntN(len(s.products)))
				}
			}
			var products [fieldsPerRead]string
			read := func(a *ask) (store string) {
				for i, p := range a.products {
					products[i] = s.products[p]
				}
				return s.stores[a.store]
			}
			return work{
				ops: n,
				ours: func(ctx context.Context, e cache.Engine) error {
					for i := range asks {
						if _, err := e.HMGet(ctx, read(&asks[i]), products[:]...); err != nil {
							return err
						}
					}
					return nil
				},
				redis: func(p *pipeline) {
					for i := range asks {
						p.add(append([]string{"HMGET", read(&asks[i])}, products[:]...)...)
					}
				},
			}
		},
	}
}

// stockMove changes the units of a product.
type stockMove struct {
	store, product string
	units          int64
}

func (s stock) moves(r *rand.Rand, n int) []stockMove {
	moves := make([]stockMove, n)
	for i := range moves {
		moves[i] = stockMove{s.stores[r.IntN(len(s.stores))], s.products[r.IntN(len(s.products))], 1 + r.Int64N(3)}
	}
	return moves
}

func runStockMoves(ctx context.Context, e cache.Engine, moves []stockMove) error {
	for i := range moves {
		if _, err := e.HIncrBy(ctx, moves[i].store, moves[i].product, moves[i].units); err != nil {
			return err
		}
	}
	return nil
}

// stockMoves are HINCRBYs.
func stockMoves(o options) traffic {
	s := newStock(o)
	return traffic{
		fill: s.fill,
		ours: 1_000_000, redis: 200_000,
		prepare: func(r *rand.Rand, n int) work {
			moves := s.moves(r, n)
			return work{
				ops:  n,
				ours: func(ctx context.Context, e cache.Engine) error { return runStockMoves(ctx, e, moves) },
				redis: func(p *pipeline) {
					for _, m := range moves {
						p.add("HINCRBY", m.store, m.product, strconv.FormatInt(m.units, 10))
					}
				},
			}
		},
	}
}
