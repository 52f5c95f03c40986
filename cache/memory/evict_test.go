package memory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Redis documents what its counter says after so many uses, with the default
// factor of 10.
func TestLFUCounterGrowsAsDocumented(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const runs = 5
	for _, c := range []struct{ uses, want int }{{100, 10}, {1000, 18}, {100_000, 142}, {1_000_000, 255}} {
		sum := 0
		for range runs {
			counter := uint32(lfuInitial)
			for range c.uses {
				counter = lfuIncrement(counter, r.Uint32())
			}
			sum += int(counter)
		}
		require.InEpsilon(t, c.want, sum/runs, 0.1, c.uses)
	}
}

func TestMarks(t *testing.T) {
	c := newTestClock()
	open := func(p Policy) (*limiter, *item) {
		l := newLimiter(Options{MaxMemory: 1, Policy: p, Now: c.now})
		it := &item{}
		l.mark(it, c.ms.Load())
		return l, it
	}
	l, it := open(AllKeysLFU)
	fresh := l.rank(it, c.ms.Load())
	for range 1000 {
		l.touch(it, c.ms.Load())
	}
	used := l.rank(it, c.ms.Load())
	require.Less(t, used, fresh, "what is used often stays")
	c.advance(3 * time.Minute)
	require.Equal(t, used+3, l.rank(it, c.ms.Load()), "a minute takes one away")
	c.advance(100 * time.Hour)
	require.EqualValues(t, lfuMax, l.rank(it, c.ms.Load()))
	l.touch(it, c.ms.Load())
	require.EqualValues(t, lfuMax-1, l.rank(it, c.ms.Load()))

	l, it = open(VolatileLRU)
	c.advance(time.Second)
	require.EqualValues(t, 1000>>tickShift, l.rank(it, c.ms.Load()))
	l.touch(it, c.ms.Load())
	require.Zero(t, l.rank(it, c.ms.Load()))

	l, it = open(VolatileTTL)
	soon, late := &item{expireAt: 5}, &item{expireAt: 6}
	require.Greater(t, l.rank(soon, 0), l.rank(late, 0))
	require.Zero(t, it.mark.Load())
}

// The pool holds the best it was given, each key once, and gives the best first.
func TestPool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p pool
		newest := make(map[string]int64)
		for range rapid.IntRange(0, poolSize).Draw(t, "keys again and again") {
			key := fmt.Sprint(rapid.IntRange(0, poolSize-1).Draw(t, "key"))
			newest[key] = rapid.Int64Range(0, 50).Draw(t, "rank")
			p.add(candidate{key: key, rank: newest[key]})
		}
		var ranks []int64
		for _, rank := range newest {
			ranks = append(ranks, rank)
		}
		for i := range rapid.IntRange(0, 60).Draw(t, "others") {
			rank := rapid.Int64Range(0, 50).Draw(t, "rank")
			p.add(candidate{key: fmt.Sprint("other", i), rank: rank})
			ranks = append(ranks, rank)
		}
		slices.Sort(ranks)
		slices.Reverse(ranks)
		for _, want := range ranks[:min(len(ranks), poolSize)] {
			c, ok := p.best()
			require.True(t, ok)
			require.Equal(t, want, c.rank)
		}
		_, ok := p.best()
		require.False(t, ok)
	})
}

// Whatever changes, the items that may be evicted are exactly those in the list,
// each where it says.
func TestEvictableItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := rapid.SampledFrom([]Policy{AllKeysLRU, VolatileTTL}).Draw(t, "policy")
		var s shard
		s.init(newLimiter(Options{MaxMemory: 1, Policy: policy, Now: time.Now}))
		items := make([]*item, 30)
		for i := range items {
			items[i] = &item{key: fmt.Sprint(i), kept: i%3 == 0}
			s.keys.add(items[i])
			s.enlist(items[i])
		}
		gone := make(map[*item]bool)
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			it := rapid.SampledFrom(items).Draw(t, "item")
			if gone[it] {
				continue
			}
			if gone[it] = rapid.IntRange(0, 9).Draw(t, "remove") == 0; gone[it] {
				s.remove(it)
				continue
			}
			s.schedule(it, rapid.Int64Range(0, 2).Draw(t, "at"))
		}
		n := 0
		for _, it := range items {
			if gone[it] || it.kept || policy == VolatileTTL && it.expireAt == 0 {
				require.Zero(t, it.place)
				continue
			}
			n++
			require.Same(t, it, s.evictable[it.place-1])
		}
		require.Len(t, s.evictable, n)
		require.EqualValues(t, n, s.evictables.Load())
	})
}
