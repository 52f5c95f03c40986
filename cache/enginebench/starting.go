//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"hyperlocal/cache"
	"hyperlocal/cache/memory"
)

// starting measures the time until an engine answers with what a snapshot
// holds: ours from Open to its return, Redis from its start to the first PONG.
func starting(o options) measurement {
	const figure = "took"
	return measurement{
		name: "start", journals: with, fresh: true,
		rows: []row{
			{title: "start from a snapshot of drivers and stock", figure: figure, unit: "s", bar: 2.5},
			{title: "the same: CPU of the start", figure: cpu, unit: "s"},
		},
		ours: func(_ context.Context, h *ownHost) (round, error) {
			if found, err := filepath.Glob(filepath.Join(h.dir, "*")); err != nil || len(found) == 0 {
				// The first round, which does not count, makes the snapshot.
				return func(ctx context.Context) (sample, error) { return nil, makeSnapshot(ctx, o, h.dir) }, err
			}
			return func(context.Context) (sample, error) {
				began := time.Now()
				var e *memory.Engine
				used, err := ownCPU(func() (err error) {
					e, err = h.open()
					return err
				})
				if err != nil {
					return nil, err
				}
				s := sample{figure: time.Since(began).Seconds(), cpu: used.Seconds()}
				return s, e.Close()
			}, nil
		},
		redis: func(ctx context.Context, h *redisHost) (round, error) {
			if err := h.start(ctx, inMemory...); err != nil {
				return nil, err
			}
			if err := h.fill(ctx, o.fillAll); err != nil {
				return nil, err
			}
			if _, err := h.conn.do("SAVE"); err != nil {
				return nil, err
			}
			return func(ctx context.Context) (sample, error) {
				if err := h.stop(); err != nil {
					return nil, err
				}
				began := time.Now()
				if err := h.start(ctx, inMemory...); err != nil {
					return nil, err
				}
				took := time.Since(began)
				used, err := h.used()
				return sample{figure: took.Seconds(), cpu: used.Seconds()}, err
			}, nil
		},
	}
}

// fillAll is the data set of a whole city: drivers in zones, and stock.
func (o options) fillAll(ctx context.Context, e cache.Engine) error {
	if err := fillDrivers(ctx, e, zonesOfCity(o.members)); err != nil {
		return err
	}
	return newStock(o).fill(ctx, e)
}

// makeSnapshot fills a folder whose journal has been replaced by a snapshot.
func makeSnapshot(ctx context.Context, o options, dir string) error {
	e, err := memory.Open(memory.Options{Dir: dir, Logger: quiet})
	if err != nil {
		return err
	}
	if err := errors.Join(o.fillAll(ctx, e), e.Close()); err != nil {
		return err
	}
	// With a bound that any journal exceeds, the next write is followed by a
	// snapshot.
	e, err = memory.Open(memory.Options{Dir: dir, Logger: quiet, CompactBytes: 1})
	if err != nil {
		return err
	}
	_, err = e.Durable(cache.Always).Set(ctx, "snapshot", "wanted", cache.SetOptions{})
	for deadline := time.Now().Add(patience); err == nil; time.Sleep(100 * time.Millisecond) {
		if done, globErr := onlySnapshot(dir); done || globErr != nil {
			err = globErr
			break
		}
		if time.Now().After(deadline) {
			err = fmt.Errorf("no snapshot in %s", dir)
		}
	}
	return errors.Join(err, e.Close())
}

// onlySnapshot says whether the folder has a snapshot and hardly any journal.
func onlySnapshot(dir string) (bool, error) {
	const hardlyAny = 64 << 10
	found, err := snapshots(dir)
	if err != nil {
		return false, err
	}
	segments, err := filepath.Glob(filepath.Join(dir, "journal-*.log"))
	if err != nil {
		return false, err
	}
	var size int64
	for _, path := range segments {
		if info, err := os.Stat(path); err == nil { // it may just have been removed
			size += info.Size()
		}
	}
	return len(found) == 1 && size < hardlyAny, nil
}
