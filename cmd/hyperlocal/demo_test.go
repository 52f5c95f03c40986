package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/browsertest"
)

// TestDemoInBrowser is what a visitor of `make run` sees: a city on the move,
// the nearest partners on a click, a store's shelf, and an order that is
// carried. The delivery itself takes minutes and is tested in package demo.
func TestDemoInBrowser(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, "--demo", "--demo-partners", "300", "--data-dir", dir)
	b := browsertest.Open(t, p.url, 1440, 900)
	b.Wait("window.hyperlocal && hyperlocal.connection === 'live' && hyperlocal.drawn === 300")
	b.Wait("hyperlocal.moves > 600") // twice round: each has moved since it was first seen

	at := browsertest.Eval[map[string]float64](b, "hyperlocal.pointOf(12.9716, 77.5946)")
	b.Run(chromedp.MouseClickXY(at["x"], at["y"]))
	b.Wait("hyperlocal.nearby?.length > 0")
	require.Equal(t, "clicked", browsertest.Eval[string](b, "document.querySelector('.store-marker').click() || 'clicked'"))
	b.Wait("Object.values(hyperlocal.store?.stock ?? {}).some((units) => units > 0)")
	b.Wait("['accepted', 'being_prepared', 'picked_up'].includes(hyperlocal.order?.status)")
	require.Empty(t, b.Errors())
	for _, name := range []string{"datameet", "OpenStreetMap", "GOAL", "Abhii58"} {
		require.Contains(t, browsertest.Eval[string](b, "document.body.textContent"), name, "a source of the data is not named")
	}

	// Ctrl-C and start again: the order goes on, the shelves are as they were.
	before := shelf(p)
	require.Equal(t, 0, p.interrupt(), "%s", p.out)
	p = startServer(t, "--demo", "--demo-partners", "300", "--data-dir", dir)
	require.Equal(t, before, shelf(p))
	var current struct {
		OrderID string `json:"order_id"`
	}
	eventually(t, func() bool {
		p.do("GET", "/demo/order", nil).ok(200, &current)
		return current.OrderID == "demo-1"
	}, 30*time.Second, 100*time.Millisecond, "the order that was under way is carried on")
	eventually(t, func() bool {
		p.do("GET", "/v1/drivers/partner-0001", nil).ok(200, nil)
		return p.metric(`hyperlocal_pings_total{verdict="accepted"}`) > 300
	}, 30*time.Second, 100*time.Millisecond)
	require.Zero(t, p.metric(`hyperlocal_pings_total{verdict="invalid"}`))
}

// shelf is the whole stock of forty stores for the first fifty products.
func shelf(p *process) map[string]string {
	var products struct {
		Products []struct {
			ID string `json:"product_id"`
		}
	}
	p.do("GET", "/v1/products?limit=50", nil).ok(200, &products)
	query := ""
	for _, pr := range products.Products {
		query += "product=" + pr.ID + "&"
	}
	out := make(map[string]string)
	for i := 1; i <= 40; i++ {
		id := fmt.Sprintf("S%d", i)
		out[id] = string(p.do("GET", "/v1/stores/"+id+"/stock?"+query, nil).body)
	}
	return out
}
