package enginetest

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// subscribe opens a subscription that the test's end closes.
func (h *host) subscribe(t testing.TB, channels ...string) cache.Subscription {
	t.Helper()
	sub := must(h.Subscribe(h.ctx, channels...))(t)
	t.Cleanup(func() { require.NoError(t, sub.Close()) })
	return sub
}

// receive returns the next message.
func receive(t testing.TB, sub cache.Subscription) cache.Message {
	t.Helper()
	select {
	case m, ok := <-sub.C():
		require.True(t, ok, "the subscription was closed")
		return m
	case <-time.After(Patience):
		require.FailNow(t, "no message came")
		return cache.Message{}
	}
}

// requireClosed waits until the channel is closed, whatever is still in it.
func requireClosed(t testing.TB, sub cache.Subscription) {
	t.Helper()
	timeout := time.After(Patience)
	for {
		select {
		case _, ok := <-sub.C():
			if !ok {
				return
			}
		case <-timeout:
			require.FailNow(t, "the channel stays open")
		}
	}
}

// requireReach waits until a publication reaches n subscribers: a server may
// notice a closed connection late.
func requireReach(t testing.TB, h *host, channel string, n int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		return h.reaches(channel, n) == nil
	}, Patience, time.Millisecond)
}

// reaches tells whether a publication reaches n subscribers.
func (h *host) reaches(channel string, n int64) error {
	reached, err := h.Publish(h.ctx, channel, "probe")
	if err == nil && reached != n {
		err = fmt.Errorf("%d subscribers of %q reached, not %d", reached, channel, n)
	}
	return err
}

// each runs a part with a host and two channels of its own: a server may still
// count a subscriber of the part before, which has closed, see requireReach.
func each(t *testing.T, h *host, name string, part func(t *testing.T, h *host, a, b string)) {
	t.Run(name, func(t *testing.T) {
		h := h.sub(t)
		part(t, h, h.key("a"), h.key("b"))
	})
}

func testPubSub(t *testing.T, h *host) {
	each(t, h, "nobody listens", func(t *testing.T, h *host, a, _ string) {
		require.Zero(t, must(h.Publish(h.ctx, a, "x"))(t))
	})
	each(t, h, "reaches each subscriber once", func(t *testing.T, h *host, a, b string) {
		one := h.subscribe(t, a, b)
		two := h.subscribe(t, a, a)
		require.EqualValues(t, 2, must(h.Publish(h.ctx, a, "to both"))(t))
		require.EqualValues(t, 1, must(h.Publish(h.ctx, b, "to one"))(t))
		require.EqualValues(t, 2, must(h.Publish(h.ctx, a, "end"))(t))
		require.Equal(t, cache.Message{Channel: a, Payload: "to both"}, receive(t, one))
		require.Equal(t, cache.Message{Channel: b, Payload: "to one"}, receive(t, one))
		require.Equal(t, "end", receive(t, one).Payload)
		require.Equal(t, "to both", receive(t, two).Payload)
		require.Equal(t, "end", receive(t, two).Payload)
	})
	each(t, h, "in the order of publication", func(t *testing.T, h *host, a, _ string) {
		sub := h.subscribe(t, a)
		n := h.SubscriptionBuffer * 3
		read := make(chan []string)
		go func() {
			var payloads []string
			for m := range sub.C() {
				if m.Payload == "end" {
					break
				}
				if !m.Lost {
					payloads = append(payloads, m.Payload)
				}
			}
			read <- payloads
		}()
		for i := range n {
			must(h.Publish(h.ctx, a, strconv.Itoa(i)))(t)
		}
		// The reader may have been too slow for some: what came is in order.
		var payloads []string
		require.Eventually(t, func() bool {
			must(h.Publish(h.ctx, a, "end"))(t)
			select {
			case payloads = <-read:
				return true
			default:
				return false
			}
		}, Patience, time.Millisecond)
		require.NotEmpty(t, payloads)
		last := -1
		for _, p := range payloads {
			i, err := strconv.Atoi(p)
			require.NoError(t, err)
			require.Greater(t, i, last)
			last = i
		}
	})
	each(t, h, "any bytes", func(t *testing.T, h *host, _, _ string) {
		sub := h.subscribe(t)
		for _, s := range awkward {
			ch := "{" + h.tag + "}" + s
			require.NoError(t, sub.Add(h.ctx, ch))
			must(h.Publish(h.ctx, ch, s))(t)
			require.Equal(t, cache.Message{Channel: ch, Payload: s}, receive(t, sub))
		}
	})
	each(t, h, "a channel is no key", func(t *testing.T, h *host, a, _ string) {
		h.subscribe(t, a)
		must(h.Publish(h.ctx, a, "x"))(t)
		require.Zero(t, must(h.Exists(h.ctx, a))(t))
	})
}

func testSubscriptions(t *testing.T, h *host) {
	each(t, h, "none at first", func(t *testing.T, h *host, a, _ string) {
		sub := h.subscribe(t)
		require.NoError(t, sub.Add(h.ctx))
		require.NoError(t, sub.Remove(h.ctx))
		require.Zero(t, must(h.Publish(h.ctx, a, "x"))(t))
		require.NoError(t, sub.Add(h.ctx, a))
		require.EqualValues(t, 1, must(h.Publish(h.ctx, a, "y"))(t))
		require.Equal(t, "y", receive(t, sub).Payload)
	})
	each(t, h, "adding twice, removing what is not there", func(t *testing.T, h *host, a, b string) {
		sub := h.subscribe(t, a)
		require.NoError(t, sub.Add(h.ctx, a, b, b))
		require.NoError(t, sub.Remove(h.ctx, h.key("other")))
		must(h.Publish(h.ctx, a, "1"))(t)
		must(h.Publish(h.ctx, b, "2"))(t)
		require.Equal(t, "1", receive(t, sub).Payload)
		require.Equal(t, "2", receive(t, sub).Payload)
		require.NoError(t, sub.Remove(h.ctx, a))
		require.Zero(t, must(h.Publish(h.ctx, a, "3"))(t), "removed is removed, however often added")
		must(h.Publish(h.ctx, b, "4"))(t)
		require.Equal(t, "4", receive(t, sub).Payload)
		require.NoError(t, sub.Remove(h.ctx, a, b, a))
		require.Zero(t, must(h.Publish(h.ctx, b, "5"))(t))
		require.NoError(t, sub.Add(h.ctx, b))
		must(h.Publish(h.ctx, b, "6"))(t)
		require.Equal(t, "6", receive(t, sub).Payload)
	})
	each(t, h, "many channels of many tags", func(t *testing.T, h *host, _, _ string) {
		sub := h.subscribe(t)
		var channels []string
		for i := range 300 {
			channels = append(channels, Key(fmt.Sprint(h.tag, "-", i), "c"))
		}
		require.NoError(t, sub.Add(h.ctx, channels...))
		for _, c := range channels {
			require.EqualValues(t, 1, must(h.Publish(h.ctx, c, "x"))(t))
			require.Equal(t, c, receive(t, sub).Channel)
		}
		require.NoError(t, sub.Remove(h.ctx, channels[10:]...))
		require.EqualValues(t, 1, must(h.Publish(h.ctx, channels[9], "x"))(t))
		require.Zero(t, must(h.Publish(h.ctx, channels[10], "x"))(t))
	})
	each(t, h, "what was added is there on return, among others' changes", func(t *testing.T, h *host, _, b string) {
		sub := h.subscribe(t, b)
		stop := make(chan struct{})
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			for range sub.C() {
			}
		}()
		noise := inBackgroundUntil(2, stop, func(int) error {
			_, err := h.Publish(h.ctx, b, "noise")
			return err
		})
		var made atomic.Int64
		inBackground(t, 3, func() error {
			for range 30 {
				ch := h.key(fmt.Sprint("own", made.Add(1)))
				if err := sub.Add(h.ctx, ch); err != nil {
					return err
				}
				if err := h.reaches(ch, 1); err != nil {
					return fmt.Errorf("after Add: %w", err)
				}
				if err := sub.Remove(h.ctx, ch); err != nil {
					return err
				}
				if err := h.reaches(ch, 0); err != nil {
					return fmt.Errorf("after Remove: %w", err)
				}
			}
			return nil
		})
		close(stop)
		require.NoError(t, noise())
		require.NoError(t, sub.Close())
		<-drained
	})
	each(t, h, "Close", func(t *testing.T, h *host, a, b string) {
		sub := h.subscribe(t, a)
		other := h.subscribe(t, a)
		require.EqualValues(t, 2, must(h.Publish(h.ctx, a, "x"))(t))
		require.NoError(t, sub.Close())
		requireClosed(t, sub)
		requireReach(t, h, a, 1)
		require.NoError(t, sub.Close(), "twice is harmless")
		require.ErrorIs(t, sub.Add(h.ctx, b), cache.ErrUnavailable)
		require.Equal(t, "x", receive(t, other).Payload)
	})
}

func testLost(t *testing.T, h *host) {
	ch := h.key("channel")
	sub := h.subscribe(t, ch)

	// Nobody reads: twice the buffer cannot all be kept. A server hands over
	// in its own time, so read only what came until one says Lost, and publish
	// more if none did.
	next := 0
	var seen []cache.Message
	lost := func() bool { return len(seen) > 0 && seen[len(seen)-1].Lost }
	for deadline := time.Now().Add(Patience); !lost(); {
		require.True(t, time.Now().Before(deadline), "no message says that some were lost")
		for range 2*h.SubscriptionBuffer + 2 {
			require.EqualValues(t, 1, must(h.Publish(h.ctx, ch, strconv.Itoa(next)))(t), "a slow subscriber is one")
			next++
		}
		for quiet := false; !quiet && !lost(); {
			select {
			case m := <-sub.C():
				seen = append(seen, m)
			case <-time.After(20 * time.Millisecond):
				quiet = true
			}
		}
	}
	require.Equal(t, cache.Message{Lost: true}, seen[len(seen)-1], "neither channel nor payload")
	for i, m := range seen[:len(seen)-1] {
		require.Equal(t, strconv.Itoa(i), m.Payload, "nothing is missing before the news")
	}

	// It goes on afterwards, and gaps are only where it said so.
	last, gap := len(seen)-2, true
	for end := ""; ; {
		if end == "" {
			end = strconv.Itoa(next)
			must(h.Publish(h.ctx, ch, end))(t)
			next++
		}
		select {
		case m := <-sub.C():
			if m.Lost {
				gap = true
				continue
			}
			i, err := strconv.Atoi(m.Payload)
			require.NoError(t, err)
			require.Greater(t, i, last)
			require.True(t, gap || i == last+1, "from %d to %d without a word", last, i)
			last, gap = i, false
			if m.Payload == end {
				return
			}
		case <-time.After(Patience):
			require.FailNow(t, "nothing comes after the loss")
		}
	}
}
