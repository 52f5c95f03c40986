package gcra

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var start = time.UnixMilli(1_700_000_000_000)

func TestTake(t *testing.T) {
	l := New(10, 5, 4)
	require.Zero(t, l.Take("a", 5, start))
	require.Equal(t, 100*time.Millisecond, l.Take("a", 1, start))
	require.Zero(t, l.Take("b", 1, start), "another key has a budget of its own")
	require.Equal(t, time.Millisecond, l.Take("a", 1, start.Add(99*time.Millisecond)), "what was refused took nothing")
	require.Zero(t, l.Take("a", 1, start.Add(100*time.Millisecond)))
	require.Equal(t, 100*time.Millisecond, l.Take("a", 6, start.Add(time.Hour)), "more than there ever is")
	require.Zero(t, l.Take("a", 5, start.Add(time.Hour)))
	require.Zero(t, l.Take("a", 0, start.Add(time.Hour)))
	require.Equal(t, 1500*time.Millisecond, l.Take("a", 5, start.Add(time.Minute)), "a clock that went back gives nothing back")
}

func TestOwe(t *testing.T) {
	l := New(10, 5, 4)
	owe := func(key string, n int, at time.Time, taken int, wait time.Duration) {
		t.Helper()
		gotTaken, gotWait := l.Owe(key, n, at)
		require.Equal(t, taken, gotTaken)
		require.Equal(t, wait, gotWait)
	}
	owe("a", 5, start, 5, 0)
	owe("a", 3, start, 3, 300*time.Millisecond)
	owe("a", 100, start, 7, time.Second)
	owe("a", 1, start, 0, time.Second)
	require.Equal(t, 1100*time.Millisecond, l.Take("a", 1, start), "what is owed is not forgotten")
	owe("a", 2, start.Add(100*time.Millisecond), 1, time.Second)
	require.Equal(t, 100*time.Millisecond, l.Take("a", 1, start.Add(1100*time.Millisecond)))
	require.Zero(t, l.Take("a", 1, start.Add(1200*time.Millisecond)))
	owe("a", 0, start.Add(time.Hour), 0, 0)

	l = New(0.1, 1, 4)
	owe("slow", 3, start, 2, 10*time.Second)
	owe("slow", 1, start.Add(9*time.Second), 0, time.Second)
	owe("slow", 1, start.Add(10*time.Second), 1, 10*time.Second)
}

// As long as there is room, every key is limited as by a bucket of its own that
// drips.
func TestAgainstABucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		burst := rapid.IntRange(1, 20).Draw(t, "burst")
		l := New(1000, burst, 10)
		type bucket struct {
			tokens float64
			at     time.Time
		}
		model := map[string]*bucket{}
		now := start
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "ms")) * time.Millisecond)
			key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")
			n := rapid.IntRange(0, 8).Draw(t, "n")
			b := model[key]
			if b == nil {
				b = &bucket{float64(burst), now}
				model[key] = b
			}
			b.tokens = min(float64(burst), b.tokens+float64(now.Sub(b.at).Milliseconds()))
			b.at = now
			wait := l.Take(key, n, now)
			if float64(n) <= b.tokens {
				require.Zero(t, wait)
				b.tokens -= float64(n)
			} else {
				require.Equal(t, time.Duration(float64(n)-b.tokens)*time.Millisecond, wait)
			}
		}
	})
}

// Many others push out those who have spent little, and not the one who floods.
func TestAFloodDoesNotHelp(t *testing.T) {
	l := New(1, 100, 6)
	require.Zero(t, l.Take("flood", 100, start))
	for i := range 10_000 {
		l.Take(fmt.Sprint("other", i), 1, start)
	}
	require.NotZero(t, l.Take("flood", 1, start))
	require.Len(t, l.sets, 64, "and takes no more memory")
}

func BenchmarkTake(b *testing.B) {
	l := New(10, 3600, 16)
	random := rand.New(rand.NewPCG(1, 2))
	keys := make([]string, 1_000_000)
	for i, n := range random.Perm(len(keys)) {
		keys[i] = fmt.Sprintf("driver-%07d", n)
	}
	now, i := start, 0
	for b.Loop() {
		l.Take(keys[i%len(keys)], 1, now)
		now = now.Add(4 * time.Microsecond)
		i++
	}
}
