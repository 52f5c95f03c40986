//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"hyperlocal/cache"
)

// counterLife is far longer than a run.
const counterLife = 24 * time.Hour

// counting are INCRs of keys that have a time to live, such as rates.
func counting(o options) traffic {
	keys := make([]string, o.members)
	for i := range keys {
		keys[i] = fmt.Sprintf("rate:%07d", i)
	}
	return traffic{
		fill: func(ctx context.Context, e cache.Engine) error {
			return together(8, len(keys), func(i int) error {
				if _, err := e.IncrBy(ctx, keys[i], 1); err != nil {
					return err
				}
				_, err := e.Expire(ctx, keys[i], counterLife, 0)
				return err
			})
		},
		ours: 1_000_000, redis: 200_000,
		prepare: func(r *rand.Rand, n int) work {
			which := make([]string, n)
			for i := range which {
				which[i] = keys[r.IntN(len(keys))]
			}
			// In order, as they come from a connection: otherwise each key's bytes
			// would have to be waited for on the way to the engine.
			which = compactStrings(which)
			return work{
				ops: n,
				ours: func(ctx context.Context, e cache.Engine) error {
					for _, k := range which {
						if _, err := e.IncrBy(ctx, k, 1); err != nil {
							return err
						}
					}
					return nil
				},
				redis: func(p *pipeline) {
					for _, k := range which {
						p.add("INCR", k)
					}
				},
			}
		},
	}
}
