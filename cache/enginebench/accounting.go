//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"hyperlocal/cache"
)

// keysOf is many keys of one type.
type keysOf struct {
	what string
	part int // of options.members: so many elements share a key
	put  func(ctx context.Context, e cache.Engine, key string, r *rand.Rand) error
}

var everyType = []keysOf{
	{"strings", 1, func(ctx context.Context, e cache.Engine, key string, r *rand.Rand) error {
		return errorOf(e.Set(ctx, key, cached[:20+r.IntN(100)], cache.SetOptions{}))
	}},
	{"numbers", 1, func(ctx context.Context, e cache.Engine, key string, r *rand.Rand) error {
		return errorOf(e.IncrBy(ctx, key, 1+r.Int64N(1e6)))
	}},
	{"lists", 5, func(ctx context.Context, e cache.Engine, key string, r *rand.Rand) error {
		if err := errorOf(e.RPush(ctx, key, elements(r)...)); err != nil {
			return err
		}
		return e.LTrim(ctx, key, -5, -1)
	}},
	{"sets", 5, func(ctx context.Context, e cache.Engine, key string, r *rand.Rand) error {
		return errorOf(e.SAdd(ctx, key, elements(r)...))
	}},
	{"hashes", 5, func(ctx context.Context, e cache.Engine, key string, r *rand.Rand) error {
		var fields []cache.Field
		for _, name := range elements(r) {
			fields = append(fields, cache.Field{Name: name, Value: cached[:5+r.IntN(20)]})
		}
		return errorOf(e.HSet(ctx, key, fields...))
	}},
	{"sorted sets", 5, func(ctx context.Context, e cache.Engine, key string, r *rand.Rand) error {
		var members []cache.Member
		for _, name := range elements(r) {
			members = append(members, cache.Member{Name: name, Score: r.Float64()})
		}
		return errorOf(e.ZAdd(ctx, key, members...))
	}},
	{"streams", 5, func(ctx context.Context, e cache.Engine, key string, r *rand.Rand) error {
		for _, value := range elements(r) {
			if err := errorOf(e.XAdd(ctx, key, "*", cache.Trim{MaxLen: 5}, cache.Field{Name: "event", Value: value})); err != nil {
				return err
			}
		}
		return nil
	}},
	{"HyperLogLogs", 100, func(ctx context.Context, e cache.Engine, key string, r *rand.Rand) error {
		visitors := make([]string, 100)
		for i := range visitors {
			visitors[i] = fmt.Sprintf("%x", r.Uint64())
		}
		return errorOf(e.PFAdd(ctx, key, visitors...))
	}},
}

var cached = strings.Repeat("what somebody keeps here ", 10)

// elements are five of ten names. They are made once, so that the spans of what
// the engine keeps are not shared with what the measurement throws away.
func elements(r *rand.Rand) []string {
	from := r.IntN(len(names) / 2)
	return names[from : from+len(names)/2]
}

var names = func() (all [10]string) {
	for i := range all {
		all[i] = fmt.Sprintf("element:%08d", i)
	}
	return all
}()

func errorOf[T any](_ T, err error) error { return err }

// accounting compares what the engine says that its data takes, which is what
// --max-memory goes by, with the resident memory of the process once it has given
// back what is free. What more there is while garbage comes and goes, is bounded by
// internal/headroom. Half of the keys have a time to live.
func accounting(o options) (all []measurement) {
	for _, kind := range everyType {
		const figure = "off"
		all = append(all, measurement{
			name: "accounting-" + strings.ReplaceAll(kind.what, " ", "-"), journals: without,
			rows: []row{{title: "memory accounted for " + kind.what + ": off by", figure: figure, unit: "%", bar: 15}},
			ours: func(ctx context.Context, h *ownHost) (round, error) {
				e, err := h.open()
				if err != nil {
					return nil, err
				}
				r, keys := newRand(), kind.keys(o)
				empty, err := readFootprint(ctx, e)
				if err != nil {
					return nil, err
				}
				for i, key := range keys {
					err := kind.put(ctx, e, key, r)
					if err == nil && i%2 == 0 {
						_, err = e.Expire(ctx, key, time.Hour, 0)
					}
					if err != nil {
						return nil, err
					}
				}
				full, err := readFootprint(ctx, e)
				if err != nil {
					return nil, err
				}
				runtime.KeepAlive(keys) // which both had in memory
				share := (full.accounted - empty.accounted) / max(1, full.resident-empty.resident)
				return func(context.Context) (sample, error) {
					return sample{figure: 100 * math.Abs(share-1), "share": 100 * share}, nil
				}, nil
			},
		})
	}
	return all
}

func (kind keysOf) keys(o options) []string {
	keys := make([]string, max(1, o.members/kind.part))
	for i := range keys {
		keys[i] = fmt.Sprintf("%s:%d", kind.what, i)
	}
	return compactStrings(keys)
}

// footprintNow is what an engine says and what the process takes, in bytes.
type footprintNow struct{ accounted, resident float64 }

func readFootprint(ctx context.Context, e cache.Engine) (footprintNow, error) {
	debug.FreeOSMemory()
	st, err := e.Stats(ctx)
	if err != nil {
		return footprintNow{}, err
	}
	resident, err := ownResident()
	return footprintNow{float64(st.Bytes), resident}, err
}
