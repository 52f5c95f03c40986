// Package upgrade has what all of the server's WebSockets have in common: who
// may open one from a browser, and how a request that is none is refused.
package upgrade

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"hyperlocal/problem"
)

// writeBuffers are shared by all connections: one is needed only while a
// message that is not prepared is written.
var writeBuffers sync.Pool

// New returns an upgrader with small buffers and without compression. origins
// are those beside the server's own from which a browser may connect, such as
// "https://app.example.com"; "*" is any.
func New(origins []string) websocket.Upgrader {
	return websocket.Upgrader{
		ReadBufferSize:  1024,
		WriteBufferSize: 4096,
		WriteBufferPool: &writeBuffers,
		CheckOrigin:     func(r *http.Request) bool { return allowed(r, origins) },
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			problem.Write(w, problem.New(status, "not-a-websocket", "This address speaks WebSocket").
				WithDetail("%s", strings.TrimPrefix(reason.Error(), "websocket: ")))
		},
	}
}

// allowed keeps other sites' pages from using a visitor's connection. A client
// that is no browser sends no origin.
func allowed(r *http.Request, origins []string) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	return strings.EqualFold(u.Host, r.Host) || slices.Contains(origins, origin) || slices.Contains(origins, "*")
}
