package realtime

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
)

// The hub on the real engines' pub/sub.
func TestOnEngines(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) cache.Engine{
		"memory": func(t *testing.T) cache.Engine { return enginetest.Memory(t) },
		"redis":  func(t *testing.T) cache.Engine { return enginetest.Redis(t) },
	} {
		t.Run(name, func(t *testing.T) {
			engine := open(t)
			order := enginetest.Tag(t, engine)
			orders := newFakeOrders()
			orders.add(order, "placed", "")
			hub := NewHub(engine, newFakePositions(), orders, Options{})
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- hub.Run(ctx) }()
			var cl *client
			eventually(t, "the hub runs", func() bool {
				var err error
				cl, err = hub.attach(0)
				return err == nil
			})
			f := &fan{t, cl, ctx}
			require.True(t, f.send(`{"subscribe":["order:%s","store:%s"]}`, order, order))

			publish := func(channel, payload string) int64 {
				n, err := engine.Publish(ctx, channel+"{"+order+"}", payload)
				require.NoError(t, err)
				return n
			}
			const last = 200
			for seq := 2; seq <= last; seq++ {
				_, payload := orders.add(order, "accepted", "")
				require.EqualValues(t, 1, publish(orderChannel, payload))
			}
			publish(storeChannel, `{"stock":{"product:1":4}}`)

			var seqs []int64
			stock := false
			eventually(t, "all arrives", func() bool {
				for _, fr := range f.frames() {
					m := decodeMessage(t, fr.body)
					switch m.Type {
					case typeStatus:
						seqs = append(seqs, seqOf(t, m))
					case typeStock, typeSubscribed:
						stock = stock || strings.Contains(string(m.Data), `"product:1":4`)
					default:
						require.Fail(t, "unexpected", "%s", fr.body)
					}
				}
				return stock && len(seqs) == last-1
			})
			require.Equal(t, between(2, last), seqs)

			f.send(`{"unsubscribe":["order:%s","store:%s"]}`, order, order)
			require.Zero(t, publish(orderChannel, "{}"), "the channel was given back")
			hub.detach(cl)
			stop()
			require.NoError(t, <-ended)
		})
	}
}
