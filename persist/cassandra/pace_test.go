package cassandra

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// windows tells a pacer of so many windows of answers that took a time each, in calls
// that are late.
func (p *pacer) windows(t *testing.T, n int, took time.Duration) {
	t.Helper()
	for range n * paceWindow {
		require.NoError(t, p.enter(t.Context()))
		p.leave(answer{took: took, late: true})
	}
}

func TestPaceFollowsLatency(t *testing.T) {
	p := newPacer()
	p.windows(t, 10, 5*time.Millisecond)
	require.Equal(t, minInFlight+10, p.limit)
	p.windows(t, 100, 6*time.Millisecond)
	require.Equal(t, maxInFlight, p.limit, "a little slower is not too slow")
	p.windows(t, 2, 60*time.Millisecond)
	require.Equal(t, maxInFlight*3/4*3/4, p.limit)
	low := maxInFlight
	for range 8 {
		p.windows(t, 1, 60*time.Millisecond)
		low = min(low, p.limit)
	}
	require.Less(t, low, 12)
	p.windows(t, 80, 60*time.Millisecond)
	require.Equal(t, maxInFlight, p.limit, "slow for good is what it is now")
	for range 10 {
		require.NoError(t, p.enter(t.Context()))
		p.leave(answer{took: time.Second, failed: true})
	}
	require.Equal(t, minInFlight, p.limit, "failures count at once")
}

// One is under way at a time as long as that is fast enough.
func TestPaceGrowsForThoseWhoAreLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer()
		call := func(batches int) {
			began := time.Now()
			for range batches {
				require.NoError(t, p.enter(t.Context()))
				time.Sleep(5 * time.Millisecond)
				p.leave(answer{took: 5 * time.Millisecond, late: time.Since(began) > patience})
			}
		}
		for range 100 {
			call(int(patience / (5 * time.Millisecond)))
		}
		require.Equal(t, minInFlight, p.limit)
		call(1000)
		require.Greater(t, p.limit, 50)
		for range 100 {
			call(10)
		}
		require.Equal(t, minInFlight, p.limit)
	})
}

func TestPaceStaysWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPacer()
		for range rapid.IntRange(0, 500).Draw(t, "answers") {
			require.NoError(t, p.enter(context.Background()))
			p.leave(answer{
				took:   time.Duration(rapid.IntRange(0, 1000).Draw(t, "ms")) * time.Millisecond,
				failed: rapid.IntRange(0, 20).Draw(t, "fate") == 0,
				late:   rapid.Bool().Draw(t, "late"),
			})
			require.True(t, p.limit >= minInFlight && p.limit <= maxInFlight)
			require.Zero(t, p.flying)
		}
	})
}

// No more than the limit are under way, and who gives up does not take a place.
func TestPaceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer()
		var flying, most atomic.Int64
		var wg sync.WaitGroup
		for i := range 400 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
				defer cancel()
				if p.enter(ctx) != nil {
					return
				}
				n := flying.Add(1)
				most.Store(max(most.Load(), n))
				time.Sleep(10 * time.Millisecond)
				flying.Add(-1)
				p.leave(answer{took: 10 * time.Millisecond, late: true})
			})
		}
		wg.Wait()
		require.LessOrEqual(t, most.Load(), int64(maxInFlight))
		require.GreaterOrEqual(t, most.Load(), int64(5), "one more for each window of answers")
		require.Zero(t, p.flying)
		require.Empty(t, p.waiting)
	})
}

// A node that has a processor or two answers no faster to many requests than to few:
// then few are under way. One that is far away, or has many, gets many.
func TestPaceMakesNoQueue(t *testing.T) {
	for name, c := range map[string]struct {
		answers     func(flying int) time.Duration
		least, most int
	}{
		"two at a time": {func(flying int) time.Duration { return time.Duration(max(flying, 2)) * 2 * time.Millisecond }, 2, 4},
		"far away":      {func(int) time.Duration { return 40 * time.Millisecond }, maxInFlight, maxInFlight},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPacer()
			for range 1000 {
				p.windows(t, 1, c.answers(p.limit))
			}
			for range 20 {
				p.windows(t, 1, c.answers(p.limit))
				require.GreaterOrEqual(t, p.limit, c.least)
				require.LessOrEqual(t, p.limit, c.most)
			}
		})
	}
}
