package balance_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/balance"
)

const patience = 10 * time.Second

// member answers with its name and what it was sent.
type member struct {
	*httptest.Server
	name    string
	unready atomic.Bool
	answers atomic.Int64
	abort   atomic.Bool // break the connection off instead
}

func newMember(t *testing.T, name string) *member {
	t.Helper()
	m := &member{name: name}
	var upgrader websocket.Upgrader
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/readyz":
			if m.unready.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		case m.abort.Load():
			panic(http.ErrAbortHandler)
		case r.URL.Path == "/live":
			conn, err := upgrader.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer conn.Close()
			for {
				_, text, err := conn.ReadMessage()
				if err != nil || conn.WriteMessage(websocket.TextMessage, append([]byte(name+" "), text...)) != nil {
					return
				}
			}
		default:
			m.answers.Add(1)
			body, err := io.ReadAll(r.Body)
			if err == nil {
				_, _ = fmt.Fprintf(w, "%s %s %s %s", name, r.Method, r.Host, body) // the test reads it or fails
			}
		}
	}))
	t.Cleanup(m.Close)
	return m
}

// front is a balancer before some members; it returns its address.
func front(t *testing.T, members ...*member) string {
	t.Helper()
	urls := make([]*url.URL, len(members))
	for i, m := range members {
		u, err := url.Parse(m.URL)
		require.NoError(t, err)
		urls[i] = u
	}
	b := balance.New(urls, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Run(ctx)
	}()
	s := httptest.NewServer(b)
	t.Cleanup(func() {
		s.Close()
		cancel()
		<-done
	})
	return s.URL
}

func send(t *testing.T, method, url, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, res.Header, string(text)
}

// answering waits until so many different members have answered in a row of
// requests.
func answering(t *testing.T, url string, want int) {
	t.Helper()
	require.Eventually(t, func() bool {
		names := map[string]bool{}
		for range 4 {
			status, _, text := send(t, "GET", url, "")
			if status == http.StatusOK {
				name, _, _ := strings.Cut(text, " ")
				names[name] = true
			}
		}
		return len(names) == want
	}, patience, 5*time.Millisecond)
}

func TestTakingTurns(t *testing.T) {
	a, b := newMember(t, "a"), newMember(t, "b")
	addr := front(t, a, b)
	answering(t, addr, 2)
	_, _, text := send(t, "POST", addr+"/x", "what was sent")
	require.Equal(t, "POST "+strings.TrimPrefix(addr, "http://")+" what was sent", text[2:], "with the Host that the client named")

	a.unready.Store(true)
	require.Eventually(t, func() bool {
		before := a.answers.Load()
		for range 6 {
			send(t, "GET", addr, "")
		}
		return a.answers.Load() == before
	}, patience, 5*time.Millisecond, "one that is not ready is left alone")
	a.unready.Store(false)
	answering(t, addr, 2)
}

// TestKilled ends one of two servers that the balancer has no connection to
// between requests: not one is lost, bodies included.
func TestKilled(t *testing.T) {
	a, b := newMember(t, "a"), newMember(t, "b")
	a.Config.SetKeepAlivesEnabled(false)
	addr := front(t, a, b)
	answering(t, addr, 2)
	a.Close()
	for i := range 20 {
		status, _, text := send(t, "GET", addr, "")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, text, "b GET")
		body := fmt.Sprint("ping ", i)
		status, _, text = send(t, "POST", addr, body)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, text, body)
	}
}

// TestKilledWithConnections ends one that the balancer has connections to. It may
// send something over one of them before it knows: what changes nothing is asked of
// the other, and of the rest the client hears that it may repeat it, once.
func TestKilledWithConnections(t *testing.T) {
	a, b := newMember(t, "a"), newMember(t, "b")
	addr := front(t, a, b)
	answering(t, addr, 2)
	a.CloseClientConnections()
	a.Close()
	refused := 0
	for range 20 {
		status, _, text := send(t, "GET", addr, "")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, text, "b GET")
		status, header, text := send(t, "POST", addr, "once")
		if status == http.StatusServiceUnavailable {
			refused++
			require.Equal(t, "1", header.Get("Retry-After"))
			require.Contains(t, text, "may have been carried out")
			continue
		}
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, text, "b POST")
	}
	// One of its requests, and one look at whether it is ready, had a connection each.
	require.LessOrEqual(t, refused, 2)
}

// TestBrokenOff has a server break off in the middle: what changes nothing is
// asked of the other, and of the rest the client hears that it may repeat it.
func TestBrokenOff(t *testing.T) {
	a, b := newMember(t, "a"), newMember(t, "b")
	addr := front(t, a, b)
	answering(t, addr, 2)
	a.abort.Store(true)
	refused := 0
	for range 10 {
		status, _, text := send(t, "GET", addr, "")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, text, "b GET")
		before := b.answers.Load()
		status, header, text := send(t, "POST", addr, "once")
		if status == http.StatusServiceUnavailable {
			refused++
			require.Equal(t, "1", header.Get("Retry-After"))
			require.Contains(t, text, "may have been carried out")
			require.Equal(t, before, b.answers.Load(), "carried out, perhaps for the second time")
		}
	}
	require.Positive(t, refused)
}

func TestNobody(t *testing.T) {
	a := newMember(t, "a")
	addr := front(t, a)
	answering(t, addr, 1)
	a.Close()
	status, header, text := send(t, "GET", addr, "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "1", header.Get("Retry-After"))
	require.Contains(t, text, "urn:hyperlocal:problem:unavailable")
}

// TestWebSocket has a follower lose its server, and find the other.
func TestWebSocket(t *testing.T) {
	a, b := newMember(t, "a"), newMember(t, "b")
	addr := front(t, a, b)
	answering(t, addr, 2)
	a.unready.Store(true) // so that the first connection is b's
	answering(t, addr, 1)

	conn := dial(t, addr)
	require.Equal(t, "b hello", echo(t, conn))
	a.unready.Store(false)
	answering(t, addr, 2)
	b.unready.Store(true)
	answering(t, addr, 1)
	require.Equal(t, "b hello", echo(t, conn), "what is open stays open")
	require.Equal(t, "a hello", echo(t, dial(t, addr)))
}

func dial(t *testing.T, addr string) *websocket.Conn {
	t.Helper()
	conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(addr, "http")+"/live", nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	t.Cleanup(func() { _ = conn.Close() }) // it may have been closed by the other end
	return conn
}

func echo(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte("hello")))
	_, text, err := conn.ReadMessage()
	require.NoError(t, err)
	return string(text)
}
