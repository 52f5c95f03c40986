package page

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/browsertest"
)

func TestPageInBrowser(t *testing.T) {
	c := newCity(t, 90)
	server := httptest.NewServer(c.handler())
	t.Cleanup(server.Close)
	b := browsertest.Open(t, server.URL, 1440, 900)

	t.Run("partners move", func(t *testing.T) {
		b := b.With(t)
		b.Wait("window.hyperlocal && hyperlocal.connection === 'live' && hyperlocal.drawn === 90")
		b.Wait("hyperlocal.moves > 180")
		require.Equal(t, "90", b.Text("count-drivers"))
		require.Equal(t, "2", b.Text("count-stores"))
	})
	t.Run("a click lists the nearest", func(t *testing.T) {
		b := b.With(t)
		at := browsertest.Eval[map[string]float64](b, "hyperlocal.pointOf(12.96, 77.57)")
		b.Run(chromedp.MouseClickXY(at["x"], at["y"]))
		b.Wait("hyperlocal.nearby?.length === 10")
		rows := browsertest.Eval[[]string](b, "[...document.querySelectorAll('#nearby-list .figure')].map((e) => e.textContent)")
		require.Len(t, rows, 10)
		require.Regexp(t, `^\d+ m$`, rows[0])
	})
	t.Run("a store shows its stock, live", func(t *testing.T) {
		b := b.With(t)
		b.Run(chromedp.Click(`.store-marker[title="First Street"]`))
		b.Wait("Object.keys(hyperlocal.store?.stock ?? {}).length === 50")
		b.Wait("hyperlocal.nearby === null")
		b.Wait("hyperlocal.store.stock['product:107'] === 7")
		c.sell("S1", productID(7), 3)
		b.Wait("hyperlocal.store.stock['product:107'] === 3")
		require.Zero(t, browsertest.Eval[int](b, "document.querySelectorAll('#store-list b b').length"), "a product's name is text, not HTML")
		b.Run(chromedp.Click("#store-close"))
		b.Wait("!hyperlocal.topics.includes('store:S1')")
	})
	t.Run("the order goes its way", func(t *testing.T) {
		b := b.With(t)
		b.Wait("hyperlocal.order?.status === 'placed'")
		for _, status := range []string{"accepted", "being_prepared", "picked_up", "out_for_delivery"} {
			c.step(status, partner)
			b.Wait("hyperlocal.order.status === '" + status + "'")
			b.Wait(`document.querySelector('#order-steps .now').dataset.status === '` + status + `'`)
		}
		b.Wait("document.getElementById('order-note').textContent.includes('from the door')")
	})
	t.Run("it comes back when the connection is lost", func(t *testing.T) {
		b := b.With(t)
		before := browsertest.Eval[int](b, "hyperlocal.connections")
		c.away.Store(true)
		c.close()
		b.Wait("hyperlocal.connection !== 'live'")
		c.addEvent("delivered", partner) // while nobody listens
		c.open()
		c.away.Store(false)
		b.Wait(fmt.Sprintf("hyperlocal.connection === 'live' && hyperlocal.connections > %d", before))
		b.Wait("hyperlocal.order.status === 'delivered'")
		moves := browsertest.Eval[int](b, "hyperlocal.moves")
		b.Wait(fmt.Sprintf("hyperlocal.moves > %d", moves+90))
	})

	requests := b.Requests()
	require.NotEmpty(t, requests)
	for _, url := range requests {
		require.True(t, isLocal(url, server.URL), "the page asked %s", url)
	}
	for _, e := range b.Errors() {
		// The browser itself reports the connections that were refused.
		require.Contains(t, e, "/v1/live", "the page logged an error")
	}
}

func TestPageOnPhone(t *testing.T) {
	c := newCity(t, 40)
	server := httptest.NewServer(c.handler())
	t.Cleanup(server.Close)
	b := browsertest.Open(t, server.URL, 390, 844)
	b.Wait("window.hyperlocal && hyperlocal.drawn > 0 && hyperlocal.order")
	require.False(t, browsertest.Eval[bool](b, "document.documentElement.scrollWidth > innerWidth"), "nothing is wider than the screen")
	covered := browsertest.Eval[float64](b, "document.querySelector('.side').getBoundingClientRect().height / innerHeight")
	require.Less(t, covered, 0.6, "the map stays visible")
}
