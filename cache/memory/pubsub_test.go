package memory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func subscribe(t testing.TB, e *Engine, channels ...string) cache.Subscription {
	t.Helper()
	sub, err := e.Subscribe(ctx, channels...)
	require.NoError(t, err)
	return sub
}

// drain reads what has been published and is in the buffer.
func drain(sub cache.Subscription) (payloads []string) {
	sub.(*subscription).hub.deliver()
	for {
		select {
		case m := <-sub.C():
			if m.Lost {
				m.Payload = "LOST"
			}
			payloads = append(payloads, m.Payload)
		default:
			return payloads
		}
	}
}

func TestSlowSubscriberIsToldOnce(t *testing.T) {
	e := open(t, Options{SubscriptionBuffer: 3})
	sub := subscribe(t, e, "c")
	publish := func(from, to int) {
		for i := from; i <= to; i++ {
			_, err := e.Publish(ctx, "c", fmt.Sprint(i))
			require.NoError(t, err)
		}
		e.hub.deliver()
	}
	publish(1, 10)
	require.Equal(t, "1", (<-sub.C()).Payload)
	require.Equal(t, "2", (<-sub.C()).Payload)
	publish(11, 12) // one place is free again
	require.Equal(t, []string{"3", "LOST", "11", "LOST"}, drain(sub))
	publish(13, 15)
	require.Equal(t, []string{"13", "14", "15"}, drain(sub))
}

var announce = &cache.Script{Name: "announce", Go: func(tx cache.Tx, keys, args []string) cache.Value {
	tx.HIncrBy(keys[0], "n", 1)
	tx.Publish(args[0], args[1])
	return cache.Value{}
}}

// A durable script's publication waits for the disk, and what is published
// after it on the same tag waits behind it, though nobody asked for that.
func TestPublicationsWaitForTheDisk(t *testing.T) {
	d := newTestDisk()
	e := open(t, Options{Dir: t.TempDir(), disk: d})
	sub := subscribe(t, e, "c{t}")
	gate, entered := make(chan struct{}), make(chan struct{}, 4)
	d.set(func(d *testDisk) { d.gate, d.entered = gate, entered })

	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := always(e).Run(ctx, announce, []string{"k{t}"}, []string{"c{t}", "durable"})
		if err != nil {
			t.Error(err)
		}
	})
	<-entered
	wg.Go(func() {
		n, err := e.Publish(ctx, "c{t}", "plain")
		if err != nil || n != 1 {
			t.Error(n, err)
		}
	})
	s := e.shardOf("c{t}")
	require.Eventually(t, func() bool { return s.queued.Load() == 2 }, wait, tick)
	n, err := e.HIncrBy(ctx, "k{t}", "n", 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "readers see the write")
	require.Empty(t, drain(sub), "subscribers do not hear of it")

	d.set(func(d *testDisk) { d.gate = nil })
	close(gate)
	wg.Wait()
	require.Equal(t, []string{"durable", "plain"}, drain(sub))
	require.Zero(t, s.queued.Load())
}

// What never became durable is not announced, but its listeners are told that
// they may have missed something.
func TestPublicationsOfAFailedWriteAreLost(t *testing.T) {
	d := newTestDisk()
	e := open(t, Options{Dir: t.TempDir(), disk: d})
	sub := subscribe(t, e, "c{t}")
	d.set(func(d *testDisk) { d.failing = errDisk })
	_, err := always(e).Run(ctx, announce, []string{"k{t}"}, []string{"c{t}", "durable"})
	require.ErrorIs(t, err, cache.ErrNotDurable)
	require.Equal(t, []string{"LOST"}, drain(sub))
	_, err = e.Publish(ctx, "c{t}", "plain")
	require.NoError(t, err)
	require.Equal(t, []string{"plain"}, drain(sub))
}

// Writers of one tag mix durabilities; each subscriber hears them in the order
// of their commits.
func TestPublicationsKeepTheOrderOfCommits(t *testing.T) {
	e := open(t, Options{Dir: t.TempDir()})
	sub := subscribe(t, e, "c{t}")
	count := &cache.Script{Name: "count", Go: func(tx cache.Tx, keys, _ []string) cache.Value {
		tx.Publish("c{t}", fmt.Sprint(tx.HIncrBy(keys[0], "n", 1)))
		return cache.Value{}
	}}
	var wg sync.WaitGroup
	views := []cache.Engine{e, always(e), e.Durable(cache.Ephemeral)}
	const each = 60
	for _, view := range views {
		for range 2 {
			wg.Go(func() {
				for range each {
					if _, err := view.Run(ctx, count, []string{"k{t}"}, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	var want []string
	for i := range 2 * each * len(views) {
		want = append(want, fmt.Sprint(i+1))
	}
	e.journal.flush(true)
	require.Equal(t, want, drain(sub))
}

// Whoever subscribes hears what is published afterwards and nothing before,
// delivered by then or not.
func TestSubscribersHearWhatComesAfter(t *testing.T) {
	e := open(t, Options{})
	first := subscribe(t, e, "c")
	for i := range 100 {
		_, err := e.Publish(ctx, "c", fmt.Sprint("before ", i))
		require.NoError(t, err)
		second := subscribe(t, e, "c")
		n, err := e.Publish(ctx, "c", fmt.Sprint("after ", i))
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		require.Equal(t, []string{fmt.Sprint("after ", i)}, drain(second))
		require.NoError(t, second.Close())
	}
	require.Len(t, drain(first), 200)
}

// Publishers who are faster than the delivery take part in it: what waits is
// bounded.
func TestPublishersWaitForDelivery(t *testing.T) {
	const many = 3 * maxQueued
	e := open(t, Options{})
	sub := subscribe(t, e, "c")
	e.hub.delivery.Lock()
	var published atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for range many {
			if _, err := e.Publish(ctx, "c", "p"); err != nil {
				t.Error(err)
			}
			published.Add(1)
		}
	})
	queued := func() int {
		e.hub.queueMu.Lock()
		defer e.hub.queueMu.Unlock()
		return len(e.hub.queue)
	}
	require.Eventually(t, func() bool { return queued() == maxQueued }, wait, tick)
	require.EqualValues(t, maxQueued-1, published.Load(), "the next one is held back")
	e.hub.delivery.Unlock()
	wg.Wait()
	require.Len(t, drain(sub), many)
}

func TestClosedSubscriptionsAreForgotten(t *testing.T) {
	e := open(t, Options{})
	sub := subscribe(t, e, "a", "b")
	require.NoError(t, sub.Add(ctx, "b", "c"))
	require.NoError(t, sub.(*subscription).AddPatterns(ctx, "p*"))
	require.NoError(t, sub.Remove(ctx, "a", "never"))
	require.NoError(t, sub.Close())
	require.NoError(t, sub.Close())
	_, open := <-sub.C()
	require.False(t, open)
	require.Empty(t, e.hub.listeners[toChannel])
	require.Empty(t, e.hub.listeners[toPattern])
	require.Empty(t, e.hub.subs)
	require.ErrorIs(t, sub.Add(ctx, "d"), cache.ErrUnavailable)
}

// The engine's goroutines live and end in a bubble of fake time.
func TestPubSubUnderFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, Options{})
		sub := subscribe(t, e, "c")
		var heard []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for m := range sub.C() {
				heard = append(heard, m.Payload)
			}
		}()
		for _, p := range []string{"1", "2", "3"} {
			_, err := e.Publish(ctx, "c", p)
			require.NoError(t, err)
			synctest.Wait()
		}
		require.NoError(t, e.Close())
		<-done
		require.True(t, slices.Equal([]string{"1", "2", "3"}, heard))
	})
}

// By channel and by patterns, a publication comes and counts once for each, as
// Redis has it.
func TestPatterns(t *testing.T) {
	e := open(t, Options{})
	sub := subscribe(t, e, "news.art").(*subscription)
	other := subscribe(t, e).(*subscription)
	require.NoError(t, sub.AddPatterns(ctx, "news.*", "news.*", "n[ae]ws.?rt"))
	require.NoError(t, other.AddPatterns(ctx, "news.*", "*"))
	publish := func(channel, payload string) int64 {
		t.Helper()
		n, err := e.Publish(ctx, channel, payload)
		require.NoError(t, err)
		return n
	}
	require.EqualValues(t, 5, publish("news.art", "1"))
	require.EqualValues(t, 3, publish("news.sport", "2"))
	require.EqualValues(t, 1, publish("weather", "3"))

	art := cache.Message{Channel: "news.art", Payload: "1"}
	sport := cache.Message{Channel: "news.sport", Payload: "2"}
	by := func(m cache.Message, pattern string) cache.Message { m.Pattern = pattern; return m }
	require.NoError(t, sub.RemovePatterns(ctx, "news.*", "never"))
	got := []cache.Message{<-sub.C(), <-sub.C(), <-sub.C(), <-sub.C()}
	require.ElementsMatch(t, []cache.Message{art, by(art, "news.*"), by(art, "n[ae]ws.?rt"), by(sport, "news.*")}, got)
	require.Equal(t, art, got[0], "the channel's own subscribers first")
	require.Equal(t, by(sport, "news.*"), got[3], "in the order of publication")

	require.EqualValues(t, 2, publish("news.sport", "4"))
	require.Empty(t, drain(sub))
	require.NoError(t, other.Close())
	require.EqualValues(t, 2, publish("news.art", "5"))
	require.NoError(t, sub.Close())
	require.Zero(t, publish("news.art", "6"))
}

// Each listener's place is known, so that leaving does not cost more the more
// there are.
func TestListenersComeAndGo(t *testing.T) {
	e := open(t, Options{})
	rng := rand.New(rand.NewPCG(1, 2))
	channels := []string{"a", "b", "c"}
	subs := make([]cache.Subscription, 20)
	for i := range subs {
		subs[i] = subscribe(t, e)
	}
	for range 2000 {
		sub := subs[rng.IntN(len(subs))]
		change := sub.Add
		if rng.IntN(2) == 0 {
			change = sub.Remove
		}
		require.NoError(t, change(ctx, channels[rng.IntN(3)], channels[rng.IntN(3)]))
	}
	seen := 0
	for name, listeners := range e.hub.listeners[toChannel] {
		for i, sub := range listeners {
			require.Equal(t, i, sub.places[toChannel][name])
			seen++
		}
	}
	for _, sub := range subs {
		seen -= len(sub.(*subscription).places[toChannel])
	}
	require.Zero(t, seen)
}
