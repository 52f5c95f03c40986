package redis

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answers atomic.Bool
		var probes atomic.Int64
		b := breaker{probe: func(context.Context) error {
			probes.Add(1)
			if answers.Load() {
				return nil
			}
			return errors.New("silent")
		}}
		fail := func(n int) {
			for range n {
				b.report(t.Context(), true)
			}
		}
		fail(tripAfter - 1)
		b.report(t.Context(), false)
		fail(tripAfter - 1)
		require.False(t, b.opened.Load(), "a call that succeeds in between")
		fail(3)
		require.True(t, b.opened.Load())
		require.EqualValues(t, 1, b.trips.Load())

		time.Sleep(10*probeEvery + probeEvery/2)
		synctest.Wait()
		require.EqualValues(t, 11, probes.Load())
		require.True(t, b.opened.Load())
		answers.Store(true)
		time.Sleep(probeEvery)
		synctest.Wait()
		require.False(t, b.opened.Load())
		fail(tripAfter - 1)
		require.False(t, b.opened.Load(), "it counts from the start again")

		answers.Store(false)
		life, end := context.WithCancel(t.Context())
		b.report(life, true)
		require.True(t, b.opened.Load())
		end()
		b.end()
		b.opened.Store(false)
		b.report(life, true)
		require.False(t, b.opened.Load(), "no probe begins after the end")
	})
}
