// Package balance puts several servers behind one address, WebSockets and event
// streams included. It is for the demo of a cluster and its tests: one process,
// no TLS, no stickiness.
//
// A server gets requests while its /readyz answers 200. One that takes no
// connection is passed over at once, before the next look at it. What was sent to
// a server that broke off is sent to another only if it changes nothing (GET and
// HEAD); else the client is told to come back, since only it knows whether the
// request may be carried out twice.
package balance

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"hyperlocal/problem"
)

// How soon a server that hangs, or is back, is noticed.
const (
	lookEvery   = 250 * time.Millisecond
	lookTimeout = time.Second
	dialTimeout = time.Second
	comeBack    = time.Second // what a client is told that nobody could serve
)

// Balancer is an http.Handler. Run must be running, or nobody is ready.
type Balancer struct {
	servers []*server
	turn    atomic.Uint64
	proxy   httputil.ReverseProxy
	conns   *http.Transport
	log     *slog.Logger
}

type server struct {
	url   *url.URL
	ready atomic.Bool
}

// New makes a balancer of the servers at some base URLs.
func New(urls []*url.URL, log *slog.Logger) *Balancer {
	b := &Balancer{
		log: log,
		conns: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     time.Minute,
		},
	}
	for _, u := range urls {
		b.servers = append(b.servers, &server{url: u})
	}
	b.proxy = httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http" // until a server is chosen
			r.Out.Host = r.In.Host    // by which a server knows its own page
			r.SetXForwarded()
		},
		Transport:    b,
		ErrorHandler: b.fail,
		ErrorLog:     slog.NewLogLogger(log.Handler(), slog.LevelDebug), // streams that broke off
	}
	return b
}

// ServeHTTP passes a request on.
func (b *Balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.proxy.ServeHTTP(w, r) }

// Run looks after the servers until the context ends.
func (b *Balancer) Run(ctx context.Context) {
	defer b.conns.CloseIdleConnections()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		b.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look asks all servers at once whether they are ready.
func (b *Balancer) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var asked sync.WaitGroup
	for _, s := range b.servers {
		asked.Go(func() {
			ready := b.isReady(ctx, s)
			if s.ready.Swap(ready) != ready {
				b.log.Info("server changed", "server", s.url.Host, "ready", ready)
			}
		})
	}
	asked.Wait()
}

func (b *Balancer) isReady(ctx context.Context, s *server) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url.JoinPath("/readyz").String(), nil)
	if err != nil {
		return false
	}
	res, err := b.conns.RoundTrip(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	return err == nil && res.StatusCode == http.StatusOK
}

var errNobody = errors.New("no server is ready")

// RoundTrip sends a request to a server that is ready, taking turns.
func (b *Balancer) RoundTrip(req *http.Request) (*http.Response, error) {
	err := errNobody
	first := b.turn.Add(1)
	for i := range b.servers {
		s := b.servers[(first+uint64(i))%uint64(len(b.servers))]
		if !s.ready.Load() {
			continue
		}
		var res *http.Response
		if res, err = b.conns.RoundTrip(addressed(req, s)); err == nil {
			return res, nil
		}
		refused := isDial(err)
		if refused && s.ready.Swap(false) {
			b.log.Info("server takes no connections", "server", s.url.Host)
		}
		if req.Context().Err() != nil || !refused && !changesNothing(req) {
			break
		}
	}
	return nil, err
}

// addressed is the request with a server's address. Its body stays open where a
// server takes no connection, so that the next one can have it; the proxy closes
// it in the end.
func addressed(req *http.Request, s *server) *http.Request {
	out := req.WithContext(req.Context())
	u := *req.URL
	u.Scheme, u.Host = s.url.Scheme, s.url.Host
	out.URL = &u
	if req.Body != nil {
		out.Body = io.NopCloser(req.Body)
	}
	return out
}

// isDial tells whether a request failed before a byte of it was sent.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func changesNothing(req *http.Request) bool {
	return (req.Method == http.MethodGet || req.Method == http.MethodHead) && req.ContentLength == 0
}

func (b *Balancer) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client has gone
	}
	b.log.Debug("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	p := problem.New(http.StatusServiceUnavailable, "unavailable", "No server could answer").RetryAfter(comeBack)
	if !errors.Is(err, errNobody) {
		p = p.WithDetail("the connection broke; the request may have been carried out")
	}
	problem.Write(w, p)
}
