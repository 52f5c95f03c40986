package memory

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// BenchmarkExpireAMillion lets a million keys expire at the same moment, in one
// shard and in all of them, and reports how long a shard is locked at a time and
// how long a tick takes, a tenth of a second after the last.
func BenchmarkExpireAMillion(b *testing.B) {
	for name, key := range map[string]string{"one shard": "session:%d:{all}", "all shards": "session:%d"} {
		b.Run(name, func(b *testing.B) {
			const keys = 1_000_000
			var holds, ticks []time.Duration
			for range b.N {
				b.StopTimer()
				clock := newTestClock()
				e := &Engine{database: newDatabase(Options{Now: clock.now}.withDefaults())} // nothing runs by itself
				for i := range keys {
					_, err := e.Set(ctx, fmt.Sprintf(key, i), "v", cache.SetOptions{TTL: time.Hour})
					require.NoError(b, err)
				}
				clock.advance(time.Hour)
				b.StartTimer()
				began := time.Now()
				e.expireSome()
				ticks = append(ticks, time.Since(began))
				for collected := 1; collected > 0; {
					collected = 0
					for i := range e.shards {
						began := time.Now()
						if n := e.shards[i].expireChunk(e.database, e.nowMS()); n > 0 {
							holds = append(holds, time.Since(began))
							collected += n
						}
					}
				}
				require.Zero(b, stats(b, e).Keys)
			}
			reportTimes(b, "hold-", holds)
			reportTimes(b, "tick-", ticks)
		})
	}
}
