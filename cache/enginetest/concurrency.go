package enginetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// inBackground runs work in n goroutines at once and waits for all.
func inBackground(t testing.TB, n int, work func() error) {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = work() })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}

// inBackgroundUntil repeats work in n goroutines until stop; the function it
// returns waits for them.
func inBackgroundUntil(n int, stop <-chan struct{}, work func(worker int) error) (wait func() error) {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for errs[i] == nil {
				select {
				case <-stop:
					return
				default:
					errs[i] = work(i)
				}
			}
		})
	}
	return func() error {
		wg.Wait()
		return errors.Join(errs...)
	}
}

func testConcurrency(t *testing.T, h *host) {
	const workers, each = 16, 50

	t.Run("counters count every step", func(t *testing.T) {
		n, hash := h.key("n"), h.key("hash")
		var mu sync.Mutex
		var seen []int64
		inBackground(t, workers, func() error {
			for range each {
				v, err := h.IncrBy(h.ctx, n, 1)
				if err != nil {
					return err
				}
				mu.Lock()
				seen = append(seen, v)
				mu.Unlock()
				if _, err := h.HIncrBy(h.ctx, hash, "f", 2); err != nil {
					return err
				}
			}
			return nil
		})
		slices.Sort(seen)
		for i, v := range seen {
			require.EqualValues(t, i+1, v, "each value is handed out once")
		}
		require.Equal(t, got(strconv.Itoa(workers*each*2)), must(h.HGet(h.ctx, hash, "f"))(t))
	})
	t.Run("one wins a lease", func(t *testing.T) {
		for round := range 20 {
			k := h.key(fmt.Sprint("lease", round))
			var won atomic.Int64
			inBackground(t, workers, func() error {
				ok, err := h.Set(h.ctx, k, "me", cache.SetOptions{NX: true})
				if ok {
					won.Add(1)
				}
				return err
			})
			require.EqualValues(t, 1, won.Load())
		}
	})
	t.Run("stream ids are handed out once", func(t *testing.T) {
		k := h.key("stream")
		inBackground(t, workers, func() error {
			for range each {
				if _, err := h.XAdd(h.ctx, k, "*", cache.Trim{}, fields("f", "v")...); err != nil {
					return err
				}
			}
			return nil
		})
		entries := must(h.XRange(h.ctx, k, "-", "+", 0))(t)
		require.Len(t, entries, workers*each)
		for i := 1; i < len(entries); i++ {
			require.NotEqual(t, entries[i-1].ID, entries[i].ID)
		}
	})
	t.Run("several keys in one call are one step", func(t *testing.T) {
		// A script writes the same to both; nobody sees them differ.
		h.needScripts(t)
		a, b := h.key("a"), h.key("b")
		var step atomic.Int64
		stop := make(chan struct{})
		writers := inBackgroundUntil(2, stop, func(int) error {
			v := strconv.FormatInt(step.Add(1), 10)
			_, err := h.run(program([]string{a, b}, command{"SET", a, v}, command{"SET", b, v}))
			return err
		})
		for range 300 {
			both := must(h.MGet(h.ctx, a, b))(t)
			require.Equal(t, both[0], both[1])
		}
		close(stop)
		require.NoError(t, writers())
	})
	t.Run("a moving member is always somewhere", func(t *testing.T) {
		k := h.key("zset")
		must(h.ZAdd(h.ctx, k, cache.Member{Name: "m", Score: 0}))(t)
		stop := make(chan struct{})
		mover := inBackgroundUntil(1, stop, func(int) error {
			for score := range 100 {
				if _, err := h.ZAdd(h.ctx, k, cache.Member{Name: "m", Score: float64(score)}); err != nil {
					return err
				}
			}
			return nil
		})
		for range 300 {
			require.Len(t, allMembers(t, h, k), 1)
		}
		close(stop)
		require.NoError(t, mover())
	})
}
