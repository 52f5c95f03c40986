//go:build unix

package redis_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/redis"
	"hyperlocal/internal/testenv"
)

// down is when a node that is silent counts as gone. The election comes on top.
const down = time.Second

// findWithin is how soon after an election the engine has to find the new
// primary by itself.
const findWithin = time.Second

// noise is what a busy machine adds to a moment.
const noise = time.Second

// outage is what a caller saw of a failover.
type outage struct {
	elected, found time.Time // when the servers, and the engine, had a new primary
	longest        time.Duration
	failed         int
}

// watchFailover makes calls, kills, and goes on until a call succeeds that was
// begun after the kill. Whatever fails meanwhile says ErrUnavailable, in time.
func watchFailover(t *testing.T, timeout time.Duration, call func() error, kill func(), elected func() bool) outage {
	t.Helper()
	const slack = time.Second // of a busy machine, for one call
	var o outage
	require.NoError(t, call())
	kill()
	var election sync.WaitGroup
	election.Go(func() {
		for deadline := time.Now().Add(patience); !elected() && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
		o.elected = time.Now()
	})
	for deadline := time.Now().Add(2 * patience); ; {
		require.True(t, time.Now().Before(deadline), "no new primary was found")
		begin := time.Now()
		err := call()
		if took := time.Since(begin); took > o.longest {
			o.longest = took
		}
		if err == nil {
			break
		}
		require.ErrorIs(t, err, cache.ErrUnavailable)
		o.failed++
		time.Sleep(2 * time.Millisecond)
	}
	o.found = time.Now()
	election.Wait()
	t.Logf("found %v after the election; %d calls failed, none took longer than %v", o.found.Sub(o.elected), o.failed, o.longest)
	require.Less(t, o.longest, timeout+slack)
	require.Less(t, o.found.Sub(o.elected), findWithin+noise+o.longest, "the last call to fail may have begun before")
	return o
}

func TestSentinelFailover(t *testing.T) {
	set := testenv.OwnSentinel(t, down)
	e := open(t, set.URL(), time.Second)
	failover(t, e, "k", set.Primary, func() bool { return set.Elected() != nil })
}

func TestClusterFailover(t *testing.T) {
	set := testenv.OwnCluster(t, down)
	e := open(t, set.URL(), time.Second)
	primary, replica := set.PrimaryOf(t, "k")
	failover(t, e, "k", primary, func() bool { return set.TookOver(replica, primary) })
}

// failover kills the primary that has the key, and requires that calls and
// subscriptions find the next one.
func failover(t *testing.T, e *redis.Engine, key string, primary *testenv.Server, elected func() bool) {
	t.Helper()
	sub, err := e.Subscribe(t.Context(), key, "another", "third")
	require.NoError(t, err)
	set := func() error {
		_, err := e.Set(t.Context(), key, "v", cache.SetOptions{})
		return err
	}
	watchFailover(t, time.Second, set, primary.Kill, elected)

	require.Equal(t, cache.Message{Lost: true}, next(t, sub))
	for _, channel := range []string{key, "another", "third"} {
		require.Eventually(t, func() bool {
			n, err := e.Publish(t.Context(), channel, "after")
			return err == nil && n == 1
		}, patience, 5*time.Millisecond, channel)
		for m := next(t, sub); m != (cache.Message{Channel: channel, Payload: "after"}); m = next(t, sub) {
			require.True(t, m.Lost, "%+v", m)
		}
	}
	require.Eventually(t, func() bool { return e.Ping(t.Context()) == nil }, patience, 5*time.Millisecond)
	_, err = e.Run(t.Context(), setAndCount, []string{"{" + key + "}", "{" + key + "}n"}, []string{"v"})
	require.NoError(t, err, "the new primary does not know the script yet")
}

// A frozen primary breaks no connection: calls end by their deadlines, and the
// new primary is found none the less.
func TestClusterPrimaryFrozen(t *testing.T) {
	set := testenv.OwnCluster(t, down)
	e := open(t, set.URL(), 500*time.Millisecond)
	primary, replica := set.PrimaryOf(t, "k")
	freeze := func() { require.NoError(t, primary.Freeze()) }
	defer func() { _ = primary.Thaw() }()
	watchFailover(t, 500*time.Millisecond, func() error {
		_, err := e.IncrBy(t.Context(), "k", 1)
		return err
	}, freeze, func() bool { return set.TookOver(replica, primary) })
}

// A slot that moves is waited for: nothing fails while a fourth primary takes a
// quarter of all keys over, and no write is lost or done twice.
func TestClusterReshard(t *testing.T) {
	set := testenv.OwnCluster(t, 5*time.Second)
	e := open(t, set.URL(), patience)
	ctx, stop := context.WithCancel(t.Context())
	const workers, tags = 4, 200
	counts := make([][tags]int64, workers)
	var all sync.WaitGroup
	failed := make([]error, workers)
	for w := range workers {
		all.Go(func() {
			for i := 0; ctx.Err() == nil && failed[w] == nil; i++ {
				tag := i % tags
				failed[w] = reshardRound(t.Context(), e, tagOf(tag))
				counts[w][tag]++
			}
		})
	}
	set.AddPrimary(t, 4096)
	stop()
	all.Wait()
	require.NoError(t, errors.Join(failed...))
	total := int64(0)
	for tag := range tags {
		want := int64(0)
		for w := range workers {
			want += counts[w][tag]
		}
		total += want
		for _, name := range []string{"n", "m", "c"} {
			n, err := e.IncrBy(t.Context(), "{"+tagOf(tag)+"}"+name, 0)
			require.NoError(t, err)
			require.Equal(t, want, n, "%s of %s", name, tagOf(tag))
		}
	}
	t.Logf("%d rounds while a quarter of the slots moved", total)
}

func tagOf(i int) string { return "t" + string(rune('a'+i%26)) + string(rune('a'+i/26)) }

// reshardRound adds one to three counters of a tag, each in another way.
func reshardRound(ctx context.Context, e *redis.Engine, tag string) error {
	n, m, c := "{"+tag+"}n", "{"+tag+"}m", "{"+tag+"}c"
	if _, err := e.IncrBy(ctx, n, 1); err != nil {
		return err
	}
	// The second key of the script never exists for long.
	if _, err := e.Run(ctx, setAndCount, []string{"{" + tag + "}passing", m}, []string{"v"}); err != nil {
		return err
	}
	if _, err := e.Del(ctx, "{"+tag+"}passing"); err != nil {
		return err
	}
	r := e.RunAll(ctx, []cache.Call{
		{Script: setAndCount, Keys: []string{"{" + tag + "}passing", c}, Args: []string{"v"}},
	})
	return r[0].Err
}
