//go:build linux

package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"hyperlocal/cache"
)

const (
	writers       = 64
	durableWrites = 10_000
)

// durableWriting has each of many writers wait for the disk with every write.
// How often Redis calls fsync it does not tell.
func durableWriting(options) measurement {
	return measurement{
		name: "durable", journals: with,
		rows: []row{
			{title: fmt.Sprintf("durable writes by %d writers: to an fsync", writers), figure: "grouped", bar: 20, atLeast: true},
			{title: "the same: CPU of a write", figure: cpu, unit: "µs"},
			{title: "the same: writes a second", figure: "rate"},
		},
		ours: func(_ context.Context, h *ownHost) (round, error) {
			e, err := h.open()
			if err != nil {
				return nil, err
			}
			durable := e.Durable(cache.Always)
			return func(ctx context.Context) (sample, error) {
				before := e.Fsyncs()
				s, err := writeTogether(h.scaled(durableWrites), ownCPU, func(writer int) error {
					_, err := durable.HIncrBy(ctx, fmt.Sprintf("store:{s%04d}", writer), "product:00001", 1)
					return err
				})
				if err != nil {
					return nil, err
				}
				s["grouped"] = s["writes"] / float64(e.Fsyncs()-before)
				return s, nil
			}, nil
		},
		redis: func(ctx context.Context, h *redisHost) (round, error) {
			if err := h.start(ctx, "--save", "", "--appendonly", "yes", "--appendfsync", "always"); err != nil {
				return nil, err
			}
			conns := make([]*conn, writers)
			for i := range conns {
				c, err := dial(h.addr)
				if err != nil {
					return nil, err
				}
				conns[i] = c
			}
			return func(context.Context) (sample, error) {
				return writeTogether(h.scaled(durableWrites), h.cpu, func(writer int) error {
					_, err := conns[writer].do("HINCRBY", fmt.Sprintf("store:{s%04d}", writer), "product:00001", "1")
					return err
				})
			}, nil
		},
	}
}

// writeTogether makes n writes, each writer one after the other.
func writeTogether(n int, clock stopwatch, write func(writer int) error) (sample, error) {
	var left atomic.Int64
	left.Store(int64(n))
	began := time.Now()
	used, err := clock(func() error {
		return together(writers, writers, func(writer int) error {
			for left.Add(-1) >= 0 {
				if err := write(writer); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return sample{cpu: perOp(used, n), "rate": float64(n) / time.Since(began).Seconds(), "writes": float64(n)}, err
}
