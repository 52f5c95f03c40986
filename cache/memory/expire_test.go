package memory

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

// Memory comes back without anybody asking for the keys, a bounded number at a
// time, and a key that is due is never seen even if it is not its turn yet.
func TestActiveExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, Options{})
		const n = 2 * expireTick
		_, err := e.Set(ctx, "stays", "v", cache.SetOptions{})
		require.NoError(t, err)
		empty, err := e.Stats(ctx)
		require.NoError(t, err)
		for i := range n { // one tag: one shard
			_, err := e.Set(ctx, fmt.Sprintf("session:%d:{s}", i), "v", cache.SetOptions{TTL: time.Second})
			require.NoError(t, err)
		}
		stats, err := e.Stats(ctx)
		require.NoError(t, err)
		require.EqualValues(t, n+1, stats.Keys)

		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		found, err := e.Exists(ctx, "session:7:{s}", "session:700:{s}")
		require.NoError(t, err)
		require.Zero(t, found)
		began := time.Now()
		for left := int64(n); left > 0; {
			stats, err := e.Stats(ctx)
			require.NoError(t, err)
			require.LessOrEqual(t, left-(stats.Keys-1), int64(expireTick), "bounded work per tick")
			left = stats.Keys - 1
			time.Sleep(expireEvery)
			synctest.Wait()
			require.LessOrEqual(t, time.Since(began), 3*expireEvery, "a million would take five seconds")
		}
		stats, err = e.Stats(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 1, stats.Keys)
		require.EqualValues(t, n, stats.Expired)
		require.InDelta(t, empty.Bytes, stats.Bytes, n, "the tables have shrunk, too")
		require.NoError(t, e.Close())
	})
}

// A shard is unlocked after so many keys, and the table they were in is made anew
// only when few are left to move.
func TestExpiryLetsOthersIn(t *testing.T) {
	clock := newTestClock()
	e := &Engine{database: newDatabase(Options{Now: clock.now}.withDefaults())} // nothing runs by itself
	const n = 10*expireChunk + 1
	for i := range n {
		_, err := e.Set(ctx, fmt.Sprintf("session:%d:{s}", i), "v", cache.SetOptions{TTL: time.Second})
		require.NoError(t, err)
	}
	clock.advance(time.Second)
	s := e.shardOf("{s}")
	for left := n; left > 0; {
		collected := s.expireChunk(e.database, e.nowMS())
		require.Equal(t, min(left, expireChunk), collected)
		left -= collected
		require.Equal(t, left, s.keys.n)
	}
	require.Zero(t, s.expireChunk(e.database, e.nowMS()))
}

// EverySecond: nothing is fsynced before the second is over, all of it after.
func TestEverySecond(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newTestDisk()
		e := open(t, Options{Dir: dir, disk: d})
		before := d.syncCount()
		_, err := e.IncrBy(ctx, "n", 1)
		require.NoError(t, err)
		time.Sleep(syncEvery - time.Millisecond)
		synctest.Wait()
		require.Equal(t, before, d.syncCount())
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, before+1, d.syncCount())
		time.Sleep(10 * syncEvery)
		synctest.Wait()
		require.Equal(t, before+1, d.syncCount(), "nothing new, no fsync")
		require.NoError(t, e.Close())
	})
}

// A journal that has failed tries by itself to recover.
func TestRecoversByItself(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newTestDisk()
		e := open(t, Options{Dir: dir, disk: d})
		d.set(func(d *testDisk) { d.failing = errDisk })
		_, err := always(e).IncrBy(ctx, "n", 1)
		require.ErrorIs(t, err, cache.ErrNotDurable)
		time.Sleep(3 * compactRetry)
		_, err = always(e).IncrBy(ctx, "n", 1)
		require.ErrorIs(t, err, cache.ErrNotDurable)
		d.set(func(d *testDisk) { d.failing = nil })
		time.Sleep(compactRetry + 2*syncEvery)
		synctest.Wait()
		n, err := always(e).IncrBy(ctx, "n", 1)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		require.NoError(t, e.Close())
	})
	reopened := open(t, Options{Dir: dir})
	got, err := reopened.Get(ctx, "n")
	require.NoError(t, err)
	require.Equal(t, cache.Optional{Str: "2", OK: true}, got)
}

func TestExpiryHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h expiryHeap
		items := make([]*item, 30)
		for i := range items {
			items[i] = &item{key: strconv.Itoa(i)}
		}
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			it := rapid.SampledFrom(items).Draw(t, "item")
			h.set(it, rapid.Int64Range(0, 20).Draw(t, "at"))
		}
		var want, n int64
		for _, it := range items {
			if it.expireAt == 0 {
				continue
			}
			n++
			require.Same(t, it, h[it.heapIndex])
			if want == 0 || it.expireAt < want {
				want = it.expireAt
			}
		}
		require.Len(t, h, int(n))
		if n == 0 {
			require.Nil(t, h.soonest())
			return
		}
		require.Equal(t, want, h.soonest().expireAt)
	})
}

const (
	wait = 10 * time.Second
	tick = time.Millisecond
)
