package page

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// browser is a tab with the page in it.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string
	errors   []string
}

// openBrowser starts a Chromium of its own, without a profile and without
// anything that asks the network by itself, and loads a page.
func openBrowser(t *testing.T, url string, width, height int) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(testenv.Chromium(t)),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(width, height),
		chromedp.NoSandbox,
		chromedp.NoFirstRun,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
	)
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	t.Cleanup(b.keepPicture)
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	b.run(chromedp.EmulateViewport(int64(width), int64(height)), chromedp.Navigate(url))
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *network.EventWebSocketCreated:
		b.requests = append(b.requests, e.URL)
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.errors = append(b.errors, fmt.Sprintf("console: %s", e.Args[0].Value))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.errors = append(b.errors, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// keepPicture leaves a picture of a page that failed with the test's artifacts.
func (b *browser) keepPicture() {
	if b.t.Failed() {
		b.picture(filepath.Join(b.t.ArtifactDir(), "page.png"))
	}
}

func (b *browser) picture(path string) {
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(path, png, 0o644)
	}
	b.t.Log("picture of the page:", path, err)
}

// eval asks the page for the value of an expression.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return v
}

// wait polls until an expression is true: under the page's policy a function
// cannot be made of text, which chromedp.Poll needs.
func (b *browser) wait(expression string) {
	b.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for !eval[bool](b, "!!("+expression+")") {
		select {
		case <-tick.C:
		case <-deadline.C:
			require.FailNow(b.t, "the page never had: "+expression)
		}
	}
}

func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

func (b *browser) text(id string) string {
	b.t.Helper()
	return eval[string](b, "document.getElementById('"+id+"').textContent")
}

func TestPageInBrowser(t *testing.T) {
	c := newCity(t, 90)
	server := httptest.NewServer(c.handler())
	t.Cleanup(server.Close)
	b := openBrowser(t, server.URL, 1440, 900)

	t.Run("partners move", func(t *testing.T) {
		b := b.with(t)
		b.wait("window.hyperlocal && hyperlocal.connection === 'live' && hyperlocal.drawn === 90")
		b.wait("hyperlocal.moves > 180")
		require.Equal(t, "90", b.text("count-drivers"))
		require.Equal(t, "2", b.text("count-stores"))
	})
	t.Run("a click lists the nearest", func(t *testing.T) {
		b := b.with(t)
		at := eval[map[string]float64](b, "hyperlocal.pointOf(12.96, 77.57)")
		b.run(chromedp.MouseClickXY(at["x"], at["y"]))
		b.wait("hyperlocal.nearby?.length === 10")
		rows := eval[[]string](b, "[...document.querySelectorAll('#nearby-list .figure')].map((e) => e.textContent)")
		require.Len(t, rows, 10)
		require.Regexp(t, `^\d+ m$`, rows[0])
	})
	t.Run("a store shows its stock, live", func(t *testing.T) {
		b := b.with(t)
		b.run(chromedp.Click(`.store-marker[title="First Street"]`))
		b.wait("Object.keys(hyperlocal.store?.stock ?? {}).length === 50")
		b.wait("hyperlocal.nearby === null")
		b.wait("hyperlocal.store.stock['product:107'] === 7")
		c.sell("S1", productID(7), 3)
		b.wait("hyperlocal.store.stock['product:107'] === 3")
		require.Zero(t, eval[int](b, "document.querySelectorAll('#store-list b b').length"), "a product's name is text, not HTML")
		b.run(chromedp.Click("#store-close"))
		b.wait("!hyperlocal.topics.includes('store:S1')")
	})
	t.Run("the order goes its way", func(t *testing.T) {
		b := b.with(t)
		b.wait("hyperlocal.order?.status === 'placed'")
		for _, status := range []string{"accepted", "being_prepared", "picked_up", "out_for_delivery"} {
			c.step(status, partner)
			b.wait("hyperlocal.order.status === '" + status + "'")
			b.wait(`document.querySelector('#order-steps .now').dataset.status === '` + status + `'`)
		}
		b.wait("document.getElementById('order-note').textContent.includes('from the door')")
	})
	t.Run("it comes back when the connection is lost", func(t *testing.T) {
		b := b.with(t)
		before := eval[int](b, "hyperlocal.connections")
		c.away.Store(true)
		c.close()
		b.wait("hyperlocal.connection !== 'live'")
		c.addEvent("delivered", partner) // while nobody listens
		c.open()
		c.away.Store(false)
		b.wait(fmt.Sprintf("hyperlocal.connection === 'live' && hyperlocal.connections > %d", before))
		b.wait("hyperlocal.order.status === 'delivered'")
		moves := eval[int](b, "hyperlocal.moves")
		b.wait(fmt.Sprintf("hyperlocal.moves > %d", moves+90))
	})

	b.mu.Lock()
	defer b.mu.Unlock()
	require.NotEmpty(t, b.requests)
	for _, url := range b.requests {
		require.True(t, isLocal(url, server.URL), "the page asked %s", url)
	}
	for _, e := range b.errors {
		// The browser itself reports the connections that were refused.
		require.Contains(t, e, "/v1/live", "the page logged an error")
	}
}

// with is the same tab for a subtest.
func (b *browser) with(t *testing.T) *browser { return &browser{t: t, ctx: b.ctx} }

func TestPageOnPhone(t *testing.T) {
	c := newCity(t, 40)
	server := httptest.NewServer(c.handler())
	t.Cleanup(server.Close)
	b := openBrowser(t, server.URL, 390, 844)
	b.wait("window.hyperlocal && hyperlocal.drawn > 0 && hyperlocal.order")
	require.False(t, eval[bool](b, "document.documentElement.scrollWidth > innerWidth"), "nothing is wider than the screen")
	covered := eval[float64](b, "document.querySelector('.side').getBoundingClientRect().height / innerHeight")
	require.Less(t, covered, 0.6, "the map stays visible")
}
