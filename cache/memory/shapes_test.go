package memory

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// shape puts data of some shape into an engine.
type shape func(t *testing.T, e *Engine)

// shapes are data sets whose accounting is compared with the heap: of every type
// few and many elements, short and long ones, and what is left of larger ones.
var shapes = map[string]shape{
	"few strings":         strs(7_000, 100, cache.SetOptions{}),
	"empty strings":       strs(40_000, 0, cache.SetOptions{}),
	"as tables split":     strs(57_300, 0, cache.SetOptions{}), // 64 shards with 896 keys each
	"short strings":       strs(40_000, 10, cache.SetOptions{}),
	"strings":             strs(30_000, 100, cache.SetOptions{}),
	"long strings":        strs(5_000, 1500, cache.SetOptions{}),
	"with a time to live": strs(40_000, 20, cache.SetOptions{TTL: time.Hour}),

	"small lists":      lists(10_000, 5, 20),
	"a large list":     lists(1, 100_000, 20),
	"long list values": lists(100, 30, 1500),
	"queues":           both(lists(100, 1000, 20), on(100, "list:", func(e *Engine, key string) error { return errorOf(e.LPop(ctx, key, 900)) })),
	"a list's middle":  both(lists(1, 100_000, 20), on(1, "list:", func(e *Engine, key string) error { return e.LTrim(ctx, key, 45_000, 54_999) })),

	"small sets":       sets(10_000, 5),
	"medium sets":      sets(100, 600),
	"a large set":      sets(1, 100_000),
	"sets that shrank": both(sets(20, 5000), elementsOf(20, "set:", 4500, func(e *Engine, key, name string) error { return errorOf(e.SRem(ctx, key, name)) })),

	"small hashes":               hashes(10_000, 4, 10),
	"medium hashes":              hashes(100, 600, 10),
	"a large hash":               hashes(1, 100_000, 10),
	"long hash values":           hashes(100, 30, 1500),
	"very long hash values":      hashes(100, 30, 5000),
	"values that grew":           both(hashes(50, 500, 10), both(hashes(50, 500, 70), hashes(50, 500, 300))),
	"values that became shorter": both(hashes(50, 500, 1000), hashes(50, 500, 10)),
	"hashes that shrank":         both(hashes(20, 5000, 10), elementsOf(20, "hash:", 4500, func(e *Engine, key, name string) error { return errorOf(e.HDel(ctx, key, name)) })),

	"small sorted sets":       zsets(5_000, 5),
	"medium sorted sets":      zsets(100, 600),
	"a large sorted set":      zsets(1, 40_000),
	"scores that moved":       both(zsets(20, 5000), zsets(20, 5000)),
	"sorted sets that shrank": both(zsets(20, 5000), elementsOf(20, "zset:", 4500, func(e *Engine, key, name string) error { return errorOf(e.ZRem(ctx, key, name)) })),

	"HyperLogLogs":      logLogs(300, 5),
	"full HyperLogLogs": logLogs(100, 1000),

	"small streams":      streams(10_000, 3, 20),
	"a large stream":     streams(1, 40_000, 20),
	"long stream values": streams(100, 30, 1500),
	"trimmed streams": both(streams(100, 1000, 20), on(100, "stream:", func(e *Engine, key string) error {
		return errorOf(e.XTrim(ctx, key, cache.Trim{MaxLen: 100}))
	})),
	"a huge entry that is gone": both(streams(1, 1, 4<<20), on(1, "stream:", func(e *Engine, key string) error { return errorOf(e.Del(ctx, key)) })),

	"mixed": both(
		both(strs(20_000, 50, cache.SetOptions{TTL: time.Hour}), hashes(5_000, 6, 30)),
		both(zsets(100, 100), streams(100, 100, 100))),
}

// on does something to n keys.
func on(n int, prefix string, do func(e *Engine, key string) error) shape {
	return func(t *testing.T, e *Engine) {
		for i := range n {
			if err := do(e, fmt.Sprint(prefix, i)); err != nil { // require is slow
				require.NoError(t, err)
			}
		}
	}
}

// elementsOf does something to each of n elements of keys, by their names.
func elementsOf(keys int, prefix string, n int, do func(e *Engine, key, name string) error) shape {
	return on(keys, prefix, func(e *Engine, key string) error {
		for i := range n {
			if err := do(e, key, fmt.Sprint("element:", i)); err != nil {
				return err
			}
		}
		return nil
	})
}

func both(first, second shape) shape {
	return func(t *testing.T, e *Engine) {
		first(t, e)
		second(t, e)
	}
}

func errorOf[T any](_ T, err error) error { return err }

func strs(n, size int, opt cache.SetOptions) shape {
	value := strings.Repeat("v", size)
	return on(n, "key:", func(e *Engine, key string) error { return errorOf(e.Set(ctx, key, value, opt)) })
}

func lists(n, values, size int) shape {
	value := strings.Repeat("v", size)
	return elementsOf(n, "list:", values, func(e *Engine, key, _ string) error { return errorOf(e.RPush(ctx, key, value)) })
}

func sets(n, members int) shape {
	return elementsOf(n, "set:", members, func(e *Engine, key, name string) error { return errorOf(e.SAdd(ctx, key, name)) })
}

func hashes(n, fields, size int) shape {
	value := strings.Repeat("v", size)
	return elementsOf(n, "hash:", fields, func(e *Engine, key, name string) error {
		return errorOf(e.HSet(ctx, key, cache.Field{Name: name, Value: value}))
	})
}

func zsets(n, members int) shape {
	return elementsOf(n, "zset:", members, func(e *Engine, key, name string) error {
		return errorOf(e.ZAdd(ctx, key, cache.Member{Name: name, Score: rand.Float64()}))
	})
}

func logLogs(n, elements int) shape {
	return elementsOf(n, "hll:", elements, func(e *Engine, key, name string) error { return errorOf(e.PFAdd(ctx, key, name)) })
}

func streams(n, entries, size int) shape {
	value := strings.Repeat("v", size)
	return elementsOf(n, "stream:", entries, func(e *Engine, key, _ string) error {
		return errorOf(e.XAdd(ctx, key, "*", cache.Trim{}, cache.Field{Name: "field", Value: value}))
	})
}
