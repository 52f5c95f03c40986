// Package browsertest opens pages in a real Chromium for tests.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

const (
	openFor  = 4 * time.Minute  // a tab, at most
	patience = 60 * time.Second // of Wait, on a machine that is busy compiling
)

// Browser is a tab with the page in it.
type Browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string
	errors   []string
}

// Open starts a Chromium of its own, without a profile and without
// anything that asks the network by itself, and loads a page.
func Open(t *testing.T, url string, width, height int) *Browser {
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
	ctx, cancel := context.WithTimeout(context.Background(), openFor)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &Browser{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	t.Cleanup(b.keepPicture)
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	b.Run(chromedp.EmulateViewport(int64(width), int64(height)), chromedp.Navigate(url))
	return b
}

// With is the same tab for a subtest.
func (b *Browser) With(t *testing.T) *Browser { return &Browser{t: t, ctx: b.ctx} }

// Requests are the addresses that the tab has asked so far.
func (b *Browser) Requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// Errors are what the tab has reported so far: exceptions, errors and warnings
// on the console, requests that failed.
func (b *Browser) Errors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.errors)
}

func (b *Browser) listen(event any) {
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
func (b *Browser) keepPicture() {
	if b.t.Failed() {
		b.Picture(filepath.Join(b.t.ArtifactDir(), "page.png"))
	}
}

// Picture writes a PNG of what the tab shows.
func (b *Browser) Picture(path string) {
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(path, png, 0o644)
	}
	b.t.Log("picture of the page:", path, err)
}

// Eval asks the page for the value of an expression.
func Eval[T any](b *Browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return v
}

// Wait polls until an expression is true: under the page's policy a function
// cannot be made of text, which chromedp.Poll needs.
func (b *Browser) Wait(expression string) {
	b.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !Eval[bool](b, "!!("+expression+")") {
		select {
		case <-tick.C:
		case <-deadline.C:
			require.FailNow(b.t, "the page never had: "+expression)
		}
	}
}

// Run requires that the actions succeed.
func (b *Browser) Run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

// Text is the text of an element.
func (b *Browser) Text(id string) string {
	b.t.Helper()
	return Eval[string](b, "document.getElementById('"+id+"').textContent")
}
