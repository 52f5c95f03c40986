// Package inplace serves HTTP requests without a network: in the caller's
// goroutine, by a handler. A test in a synctest bubble needs that, since a wait
// for a socket keeps the bubble's time from passing.
package inplace

import (
	"net/http"
	"net/http/httptest"
)

// Transport has a handler answer every request; host and scheme of the URL do
// not matter. Like a real one it refuses a request whose context is done. A
// reply that streams is complete only when the handler returns.
func Transport(h http.Handler) http.RoundTripper { return transport{h} }

type transport struct{ handler http.Handler }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	t.handler.ServeHTTP(w, r)
	return w.Result(), nil
}
