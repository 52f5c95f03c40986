package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
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
		require.False(t, browsertest.Eval[bool](b, "!!document.querySelector('[data-milestone]')"))
		c.step("near_customer", partner)
		b.Wait(`document.querySelector('[data-status="out_for_delivery"].now + [data-milestone="near_customer"]')?.textContent.startsWith('Nearly there')`)
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

// The page of operations shows the metrics as they change, and says when it cannot.
func TestOpsPage(t *testing.T) {
	var fixes, rows, fail atomic.Int64
	mux := http.NewServeMux()
	mux.Handle("/", Handler())
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		if fail.Load() != 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "# HELP x y\nhyperlocal_flush_fixes_total %d\nhyperlocal_flush_rows_total %d\nhyperlocal_flush_write_reduction %v\n"+
			"hyperlocal_pings_total{verdict=\"accepted\"} %d\nhyperlocal_flush_lag_seconds 90.5\n",
			fixes.Add(1000), rows.Add(100), float64(fixes.Load())/float64(rows.Load()), fixes.Load())
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b := browsertest.Open(t, server.URL+"/ops", 1200, 800)
	figure := func(name string) string {
		return browsertest.Eval[string](b, "document.querySelector('[data-figure=\"hyperlocal_"+name+"\"]').textContent")
	}
	b.Wait("document.getElementById('state').textContent === 'Live'")
	require.Equal(t, "10 : 1", figure("flush_write_reduction"))
	require.Equal(t, "90.5 s", figure("flush_lag_seconds"))
	require.Equal(t, "–", figure("subscribers"), "what the server does not tell")
	b.Wait(`document.querySelector('[data-figure="hyperlocal_flush_rows_total"]').textContent.endsWith('/s')`)
	require.Equal(t, "bad", browsertest.Eval[string](b, `document.querySelector('[data-figure="hyperlocal_flush_lag_seconds"]').className`))
	fail.Store(1)
	b.Wait("document.getElementById('state').dataset.state === 'lost'")
	fail.Store(0)
	b.Wait("document.getElementById('state').dataset.state === 'live'")
}
