package realtime

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestTopicNames(t *testing.T) {
	for name, want := range map[string]struct {
		kind kind
		id   string
		ok   bool
	}{
		"order:56789":          {orderKind, "56789", true},
		"zone:bangalore_south": {zoneKind, "bangalore_south", true},
		"store:S1":             {storeKind, "S1", true},
		"driver:a:b c":         {driverKind, "a:b c", true},
		"zone:बेंगलुरु":        {zoneKind, "बेंगलुरु", true},
		"order":                {"", "", false},
		"order:":               {orderKind, "", false},
		"order:{x}":            {orderKind, "{x}", false},
		"order:a\nb":           {orderKind, "a\nb", false},
		"Order:1":              {"", "", false},
		"rider:1":              {"", "", false},
		"":                     {"", "", false},
	} {
		k, id, ok := parseTopic(name)
		require.Equal(t, want.ok, ok, name)
		if ok {
			require.Equal(t, want.kind, k, name)
			require.Equal(t, want.id, id, name)
		}
	}
	_, _, ok := parseTopic("zone:" + string(make([]byte, maxTopicID+1)))
	require.False(t, ok)
}

func TestChannelsLiveWithTheirFollowers(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		r.step("O1", "placed", "")
		a, b := r.newFan(t), r.newFan(t)
		a.send(`{"subscribe":["order:O1","store:S1","zone:z"]}`)
		b.send(`{"subscribe":["order:O1"]}`)
		synctest.Wait()
		require.Equal(t, []string{"order_updates:{O1}", "stock_updates:{S1}"}, r.pubsub.subscribed())
		require.Equal(t, 3, r.hub.Stats().Topics)

		a.send(`{"unsubscribe":["order:O1","store:S1","store:never"]}`)
		require.Equal(t, []string{"order_updates:{O1}"}, r.pubsub.subscribed())
		r.hub.detach(b.cl)
		require.Empty(t, r.pubsub.subscribed())
		require.Equal(t, 1, r.hub.Stats().Topics)
	})
}

func TestUnsubscribedTopicIsSilent(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		r.step("O1", "placed", "")
		f := r.newFan(t)
		f.send(`{"subscribe":["order:O1","store:S1"]}`)
		f.messages()
		_, _ = r.pubsub.Publish(t.Context(), "stock_updates:{S1}", `{"stock":{"product:1":5}}`)
		synctest.Wait() // marked, not yet sent
		f.send(`{"unsubscribe":["order:O1","store:S1"]}`)
		r.step("O1", "accepted", "")
		require.Empty(t, f.messages())
	})
}

func TestTopicsAreBounded(t *testing.T) {
	bubble(t, Options{MaxSubscriptionsPerClient: 3, MaxTopics: 4}, func(t *testing.T, r *rig) {
		a, b := r.newFan(t), r.newFan(t)
		a.send(`{"subscribe":["store:1","store:2","store:3","store:4"]}`)
		ms := a.messages()
		require.Len(t, ms, 4)
		require.Contains(t, string(ms[0].Data), codeTooMany)
		require.Contains(t, string(ms[0].Data), `"field":"subscribe[3]"`)
		b.send(`{"subscribe":["store:1","store:5","store:6"]}`)
		ms = b.messages()
		require.Equal(t, "store:6", ms[0].Topic)
		require.Contains(t, string(ms[0].Data), codeTooMany)
		require.Len(t, ms, 3, "the others are followed")
		require.Equal(t, 4, r.hub.Stats().Topics)
	})
}

func TestClientsAreBounded(t *testing.T) {
	bubble(t, Options{MaxClients: 1}, func(t *testing.T, r *rig) {
		f := r.newFan(t)
		_, err := r.hub.attach(0)
		require.ErrorIs(t, err, errFull)
		r.hub.detach(f.cl)
		_, err = r.hub.attach(0)
		require.NoError(t, err)
		require.EqualValues(t, 1, r.hub.Stats().Refused)
	})
}

// Followers come and go in all orders at once; afterwards exactly the channels
// of what is still followed are subscribed. Without a bubble: this is for the
// race detector.
func TestChurn(t *testing.T) {
	const clients, rounds, orders = 8, 200, 3
	r := newRig(t, Options{})
	eventually(t, "the hub runs", func() bool {
		c, err := r.hub.attach(0)
		if err == nil {
			r.hub.detach(c)
		}
		return err == nil
	})
	for o := range orders {
		r.orders.add(fmt.Sprint("O", o), "placed", "")
	}
	var wg sync.WaitGroup
	fans := make([]*fan, clients)
	for i := range fans {
		f := r.newFan(t)
		fans[i] = f
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		wg.Go(func() {
			for range rounds {
				o := rng.IntN(orders)
				f.send(`{%q:["order:O%d","zone:z%d"]}`, []string{"subscribe", "unsubscribe"}[rng.IntN(2)], o, o)
				f.frames()
			}
		})
	}
	wg.Go(func() {
		for i := range rounds {
			r.step(fmt.Sprint("O", i%orders), "accepted", "d1")
		}
	})
	wg.Wait()
	want := map[string]bool{}
	for _, f := range fans {
		for name := range f.cl.subs {
			if k, id, _ := parseTopic(name); k == orderKind {
				want[orderChannel+"{"+id+"}"] = true
			}
		}
	}
	require.Len(t, r.pubsub.subscribed(), len(want))
	for _, channel := range r.pubsub.subscribed() {
		require.True(t, want[channel], channel)
	}
	for _, f := range fans {
		r.hub.detach(f.cl)
	}
	require.Empty(t, r.pubsub.subscribed())
	require.Zero(t, r.hub.Stats().Topics)
	require.Zero(t, r.hub.Stats().Clients)
}
