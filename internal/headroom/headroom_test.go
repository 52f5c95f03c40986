package headroom

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAdjust(t *testing.T) {
	const large = 10 << 30
	r := room{percent: maxPercent}
	u := usage{alive: large}
	work := func(collecting float64) int {
		u.collecting += collecting
		u.own += 1 - collecting
		return r.adjust(u)
	}
	for range 20 {
		work(0.01)
	}
	require.Equal(t, minPercent, r.percent, "while collecting is cheap")
	require.Equal(t, minPercent, work(0.04), "neither cheap nor dear")
	for range 20 {
		work(0.2)
	}
	require.Equal(t, maxPercent, r.percent, "while collecting is dear")

	for range 20 {
		u.alive = 2 * minRoom
		work(0.01)
	}
	require.Equal(t, 50, r.percent, "of a heap that is not large")
	u.alive = 0
	require.Equal(t, maxPercent, work(0.01), "of an empty one")
}

// The process is not stopped for a change that is hardly one.
func TestDiffers(t *testing.T) {
	require.False(t, differs(50, 50))
	require.False(t, differs(46, 50))
	require.True(t, differs(42, 50))
	require.True(t, differs(58, 50))
}

func TestKeep(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(75)
	defer debug.SetGCPercent(before)
	alive := make([]byte, 4*minRoom)
	runtime.GC() // so that the runtime knows what is alive
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { Keep(ctx); close(done) }()
		time.Sleep(20 * every)
		synctest.Wait()
		require.Less(t, percentNow(), maxPercent)
		stop()
		<-done
		require.Equal(t, 75, percentNow())
	})
	runtime.KeepAlive(alive)

	t.Setenv("GOGC", "75")
	Keep(t.Context()) // returns at once
}

func percentNow() int {
	p := debug.SetGCPercent(100)
	debug.SetGCPercent(p)
	return p
}
