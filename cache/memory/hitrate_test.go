package memory_test

import (
	"container/list"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/memory"
	"hyperlocal/internal/testenv"
)

// request is a read through a cache: on a miss the key is stored with a time to
// live that is always the same for a key.
type request struct {
	key string
	ttl time.Duration
}

// zipfTrace draws keys by Zipf's law, always the same ones.
func zipfTrace(requests int) []request {
	const keys = 20_000
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.1, 8, keys-1)
	ttls := make([]time.Duration, keys)
	for i := range ttls {
		ttls[i] = time.Duration(1000+r.IntN(100_000)) * time.Second
	}
	trace := make([]request, requests)
	for i := range trace {
		k := z.Uint64()
		trace[i] = request{key: fmt.Sprint("cache:", k), ttl: ttls[k]}
	}
	return trace
}

const cachedValue = "a value that took somebody a while to compute, and is therefore kept here"

// outcome is what a trace found in its second half; the first fills the cache.
type outcome struct {
	hitRate float64
	kept    float64 // keys, on average
	took    time.Duration
}

// Each policy must find as much as Redis's does when both keep as many keys:
// at most two points of the hit rate less. Being better is expected of LRU,
// since Redis's clock has steps of a second; so it must come as near to an exact
// one, too.
func TestHitRateBesideRedis(t *testing.T) {
	trace := zipfTrace(testenv.Soak(t, 100_000))
	for _, policy := range []memory.Policy{memory.AllKeysLRU, memory.AllKeysLFU, memory.VolatileLRU, memory.VolatileTTL} {
		t.Run(policy.String(), func(t *testing.T) {
			theirs := redisOutcome(t, policy, trace)
			ours := engineKeeping(t, policy, trace, theirs)
			t.Logf("hit rate %.2f %% with %.0f keys; Redis %.2f %% with %.0f keys",
				100*ours.hitRate, ours.kept, 100*theirs.hitRate, theirs.kept)
			require.InEpsilon(t, theirs.kept, ours.kept, 0.02, "not the same number of keys: nothing is compared")
			require.GreaterOrEqual(t, ours.hitRate, theirs.hitRate-0.02)
			if policy == memory.AllKeysLRU || policy == memory.VolatileLRU {
				exact := exactLRU(trace, int(ours.kept))
				t.Logf("exact LRU %.2f %%", 100*exact)
				require.GreaterOrEqual(t, ours.hitRate, exact-0.02)
			}
		})
	}
}

// exactLRU is the hit rate of a cache that always drops what was used longest
// ago: what a trace of few seconds cannot ask of Redis.
func exactLRU(trace []request, keys int) float64 {
	order, at, hits := list.New(), make(map[string]*list.Element), 0
	for i, r := range trace {
		if e, ok := at[r.key]; ok {
			order.MoveToFront(e)
			if i >= len(trace)/2 {
				hits++
			}
			continue
		}
		if at[r.key] = order.PushFront(r.key); order.Len() > keys {
			delete(at, order.Remove(order.Back()).(string))
		}
	}
	return float64(hits) / float64(len(trace)-len(trace)/2)
}

// throughCache reads keys through the cache on the server itself, so that no
// request waits for the network. It is called for a few requests at a time,
// since the server makes room before a script.
const throughCache = `local hits = 0
for i = 1, #ARGV, 2 do
  if redis.call('GET', ARGV[i]) then hits = hits + 1
  else redis.call('SET', ARGV[i], KEYS[1], 'EX', ARGV[i + 1]) end
end
return {hits, redis.call('DBSIZE')}`

func redisOutcome(t *testing.T, policy memory.Policy, trace []request) (o outcome) {
	const perScript, perPipeline = 10, 100
	addr := testenv.OwnRedis(t, "--maxmemory", "2mb", "--maxmemory-policy", policy.String())
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	require.NoError(t, err)
	defer client.Close()
	began := time.Now()
	var commands []rueidis.Completed
	measured, scripts := 0, 0
	for i := 0; i < len(trace); i += perScript {
		var args []string
		for _, r := range trace[i:min(i+perScript, len(trace))] {
			args = append(args, r.key, strconv.Itoa(int(r.ttl.Seconds())))
		}
		commands = append(commands, client.B().Eval().Script(throughCache).Numkeys(1).Key(cachedValue).Arg(args...).Build())
		if len(commands) < perPipeline && i+perScript < len(trace) {
			continue
		}
		for _, reply := range client.DoMulti(context.Background(), commands...) {
			found, err := reply.AsIntSlice()
			require.NoError(t, err)
			if i >= len(trace)/2 {
				o.hitRate += float64(found[0])
				o.kept += float64(found[1])
				measured += perScript
				scripts++
			}
		}
		commands = nil
	}
	o.hitRate /= float64(measured)
	o.kept /= float64(scripts)
	o.took = time.Since(began)
	return o
}

// engineKeeping runs the trace with as many keys as Redis had. How many go into a
// limit depends a little on how they fall on the shards: where they were fewer or
// more, the limit is corrected by as much.
func engineKeeping(t *testing.T, policy memory.Policy, trace []request, like outcome) (o outcome) {
	room := float64(roomFor(t, policy, int(like.kept)))
	for range 5 {
		o = engineOutcome(t, policy, trace, like.took, int64(room))
		if math.Abs(o.kept/like.kept-1) < 0.01 {
			break
		}
		room *= like.kept / o.kept
	}
	return o
}

// engineOutcome runs the trace in a time by the engine's clock.
func engineOutcome(t *testing.T, policy memory.Policy, trace []request, took time.Duration, room int64) (o outcome) {
	ctx := context.Background()
	var clock atomic.Int64
	start := time.Now()
	e, err := memory.Open(memory.Options{
		MaxMemory: room, Policy: policy,
		Now: func() time.Time { return start.Add(time.Duration(clock.Load())) },
	})
	require.NoError(t, err)
	defer e.Close()
	measured, samples := 0, 0
	for i, r := range trace {
		clock.Store(int64(took) * int64(i) / int64(len(trace)))
		v, err := e.Get(ctx, r.key)
		require.NoError(t, err)
		if !v.OK {
			_, err := e.Set(ctx, r.key, cachedValue, cache.SetOptions{TTL: r.ttl})
			require.NoError(t, err)
		}
		if i < len(trace)/2 {
			continue
		}
		measured++
		if v.OK {
			o.hitRate++
		}
		if i%100 == 0 {
			st, err := e.Stats(ctx)
			require.NoError(t, err)
			o.kept += float64(st.Keys)
			samples++
		}
	}
	o.hitRate /= float64(measured)
	o.kept /= float64(samples)
	return o
}

// roomFor is the limit at which an engine keeps n keys of the trace.
func roomFor(t *testing.T, policy memory.Policy, n int) int64 {
	e, err := memory.Open(memory.Options{MaxMemory: 1 << 40, Policy: policy})
	require.NoError(t, err)
	defer e.Close()
	for i := range n {
		_, err := e.Set(context.Background(), fmt.Sprint("cache:", i), cachedValue, cache.SetOptions{TTL: time.Hour})
		require.NoError(t, err)
	}
	st, err := e.Stats(context.Background())
	require.NoError(t, err)
	return st.Bytes
}
