package memory

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// Stats.Bytes is what the limit goes by. For every shape of data it must be
// within 15 % of what the heap holds, after filling and after most has gone.
func TestAccounting(t *testing.T) {
	const tolerance = 0.15
	value := strings.Repeat("v", 2000)
	keep := cache.SetOptions{}
	short := cache.SetOptions{TTL: time.Hour}
	must := func(t *testing.T, err error) {
		if err != nil {
			require.NoError(t, err)
		}
	}
	strs := func(n, size int, opt cache.SetOptions) func(t *testing.T, e *Engine) {
		return func(t *testing.T, e *Engine) {
			for i := range n {
				_, err := e.Set(ctx, fmt.Sprint("key:", i), value[:size], opt)
				must(t, err)
			}
		}
	}
	hashes := func(n, fields, size int) func(t *testing.T, e *Engine) {
		return func(t *testing.T, e *Engine) {
			for i := range n {
				key := fmt.Sprint("hash:", i)
				for f := range fields {
					_, err := e.HSet(ctx, key, cache.Field{Name: fmt.Sprint("field:", f), Value: value[:size]})
					must(t, err)
				}
			}
		}
	}
	zsets := func(n, members int) func(t *testing.T, e *Engine) {
		return func(t *testing.T, e *Engine) {
			for i := range n {
				key := fmt.Sprint("zset:", i)
				for m := range members {
					_, err := e.ZAdd(ctx, key, cache.Member{Name: fmt.Sprint("member:", m), Score: rand.Float64()})
					must(t, err)
				}
			}
		}
	}
	streams := func(n, entries, size int) func(t *testing.T, e *Engine) {
		return func(t *testing.T, e *Engine) {
			for i := range n {
				key := fmt.Sprint("stream:", i)
				for range entries {
					_, err := e.XAdd(ctx, key, "*", cache.Trim{}, cache.Field{Name: "field", Value: value[:size]})
					must(t, err)
				}
			}
		}
	}
	lists := func(n, values, size int) func(t *testing.T, e *Engine) {
		return func(t *testing.T, e *Engine) {
			for i := range n {
				key := fmt.Sprint("list:", i)
				for range values {
					_, err := e.RPush(ctx, key, value[:size])
					must(t, err)
				}
			}
		}
	}
	sets := func(n, members int) func(t *testing.T, e *Engine) {
		return func(t *testing.T, e *Engine) {
			for i := range n {
				key := fmt.Sprint("set:", i)
				for m := range members {
					_, err := e.SAdd(ctx, key, fmt.Sprint("member:", m))
					must(t, err)
				}
			}
		}
	}
	for name, fill := range map[string]func(t *testing.T, e *Engine){
		"few strings":         strs(7_000, 100, keep),
		"empty strings":       strs(40_000, 0, keep),
		"as tables split":     strs(57_300, 0, keep), // 64 shards with 896 keys each
		"short strings":       strs(40_000, 10, keep),
		"strings":             strs(30_000, 100, keep),
		"long strings":        strs(5_000, 1500, keep),
		"with a time to live": strs(40_000, 20, short),
		"small lists":         lists(10_000, 5, 20),
		"a large list":        lists(1, 100_000, 20),
		"small sets":          sets(10_000, 5),
		"a large set":         sets(1, 100_000),
		"small hashes":        hashes(10_000, 4, 10),
		"a large hash":        hashes(1, 100_000, 10),
		"small sorted sets":   zsets(5_000, 5),
		"a large sorted set":  zsets(1, 40_000),
		"small streams":       streams(10_000, 3, 20),
		"a large stream":      streams(1, 40_000, 20),
		"mixed": func(t *testing.T, e *Engine) {
			strs(20_000, 50, short)(t, e)
			hashes(5_000, 6, 30)(t, e)
			zsets(100, 100)(t, e)
			streams(100, 100, 100)(t, e)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, Options{MaxMemory: 1 << 40, Policy: AllKeysLFU})
			before, empty := heapInUse(), stats(t, e).Bytes
			fill(t, e)
			requireAccounted(t, e, before-empty, tolerance)
			removeMost(e)
			requireAccounted(t, e, before-empty, tolerance)
		})
	}
}

// removeMost removes nine of ten keys.
func removeMost(e *Engine) {
	for i := range e.shards {
		s := &e.shards[i]
		s.mu.Lock()
		n := 0
		for _, it := range s.keys {
			if n++; n%10 != 0 {
				s.remove(it)
			}
		}
		s.count()
		s.mu.Unlock()
	}
}

// requireAccounted compares what the engine says with the heap, of which base
// is not the engine's.
func requireAccounted(t *testing.T, e *Engine, base int64, tolerance float64) {
	t.Helper()
	heap, said := heapInUse()-base, stats(t, e).Bytes
	t.Logf("heap %d bytes, accounted %d: %+.1f %%", heap, said, 100*(float64(said)/float64(heap)-1))
	const noise = 64 << 10 // what the runtime and the test itself come and go with
	require.InDelta(t, heap, said, max(noise, tolerance*float64(heap)))
	runtime.KeepAlive(e)
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
