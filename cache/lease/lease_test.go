package lease

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/cache/memory"
)

var quiet = slog.New(slog.DiscardHandler)

func TestTwinsAgree(t *testing.T) {
	enginetest.CompareCalls(t, func(rt *rapid.T, tag string, _ int) cache.Call {
		l := &Lease{keys: []string{enginetest.Key(tag, "lease"), enginetest.Key(tag, "token")}}
		owner := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "owner")
		if rapid.Bool().Draw(rt, "release") {
			return cache.Call{Script: ReleaseScript, Keys: l.keys[:1], Args: []string{owner}}
		}
		return cache.Call{Script: takeScript, Keys: l.keys, Args: []string{owner, "60000"}}
	}, enginetest.Memory(t), enginetest.Redis(t))
}

// Of two servers one works; the token grows with each change; the one that is
// killed, which releases nothing, is followed within the time to live.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := memory.Open(memory.Options{})
		require.NoError(t, err)
		defer e.Close()
		const ttl = 6 * time.Second
		var working, tooMany atomic.Int32
		server := func(name string) (l *Lease, stop context.CancelFunc, runs *atomic.Int32) {
			ctx, stop := context.WithCancel(t.Context())
			l, runs = New(e, "job", name, ttl), new(atomic.Int32)
			go l.Hold(ctx, quiet, func(ctx context.Context) {
				if working.Add(1) > 1 {
					tooMany.Add(1)
				}
				runs.Add(1)
				<-ctx.Done()
				working.Add(-1)
			})
			return l, stop, runs
		}
		a, stopA, runsA := server("a")
		synctest.Wait()
		_, stopB, runsB := server("b")
		time.Sleep(10 * ttl)
		synctest.Wait()
		require.EqualValues(t, 1, runsA.Load(), "it is kept")
		require.Zero(t, runsB.Load())
		token, err := a.Take(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, token)

		stopA() // gives it up
		time.Sleep(ttl / renewals)
		synctest.Wait()
		require.EqualValues(t, 1, runsB.Load())

		// What a killed server leaves: a lease that nobody renews.
		stopB()
		synctest.Wait()
		dead := New(e, "job", "dead", ttl)
		token, err = dead.Take(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 3, token)
		_, stopC, runsC := server("c")
		time.Sleep(ttl - time.Second)
		synctest.Wait()
		require.Zero(t, runsC.Load())
		time.Sleep(ttl/renewals + time.Second)
		synctest.Wait()
		require.EqualValues(t, 1, runsC.Load())
		token, err = dead.Take(t.Context())
		require.NoError(t, err)
		require.Zero(t, token, "it has gone to another")

		// And one that lost it without noticing stops when it does.
		require.NoError(t, New(e, "job", "c", ttl).Release(t.Context()))
		_, err = New(e, "job", "thief", time.Hour).Take(t.Context())
		require.NoError(t, err)
		time.Sleep(ttl)
		synctest.Wait()
		require.Zero(t, working.Load())
		require.Zero(t, tooMany.Load())
		stopC()
		synctest.Wait()
	})
}
