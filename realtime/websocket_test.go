package realtime

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
)

// served is a hub behind a real HTTP server.
type served struct {
	*rig
	url string // http://host:port
}

func serve(t *testing.T, opts Options) *served { return serveWithin(t, opts, 0) }

// serveWithin serves with a time for sending a request; 0 is none.
func serveWithin(t *testing.T, opts Options, readTimeout time.Duration) *served {
	t.Helper()
	r := newRig(t, opts)
	e := echo.New()
	e.GET("/v1/live", r.hub.Live)
	e.GET("/v1/orders/:id/events", r.hub.OrderEvents)
	e.HTTPErrorHandler = func(err error, c echo.Context) { writeProblem(c, err) }
	server := httptest.NewUnstartedServer(e)
	server.Config.ReadTimeout = readTimeout
	server.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if tcp, ok := c.(*net.TCPConn); ok && s == http.StateNew {
			_ = tcp.SetWriteBuffer(4 << 10) // so that a slow follower is soon noticed
		}
	}
	server.Start()
	t.Cleanup(func() {
		require.NoError(t, r.stop()) // first, as Run asks for
		server.Close()
	})
	eventually(t, "the hub runs", func() bool {
		r.hub.mu.RLock()
		defer r.hub.mu.RUnlock()
		return r.hub.running
	})
	return &served{r, server.URL}
}

// peer is the other end of a WebSocket.
type peer struct {
	t    *testing.T
	conn *websocket.Conn
}

func (s *served) dial(t *testing.T) *peer {
	t.Helper()
	dialer := websocket.Dialer{
		ReadBufferSize: 1024,
		NetDial: func(network, addr string) (net.Conn, error) {
			c, err := net.Dial(network, addr)
			if err == nil {
				err = c.(*net.TCPConn).SetReadBuffer(4 << 10)
			}
			return c, err
		},
	}
	conn, res, err := dialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/v1/live", nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	return &peer{t, conn}
}

func (p *peer) send(message string) {
	p.t.Helper()
	require.NoError(p.t, p.conn.WriteMessage(websocket.TextMessage, []byte(message)))
}

func (p *peer) receive() message {
	p.t.Helper()
	_, body, err := p.conn.ReadMessage()
	require.NoError(p.t, err)
	return decodeMessage(p.t, body)
}

// closeCode reads until the connection is closed.
func (p *peer) closeCode() int {
	p.t.Helper()
	for {
		if _, _, err := p.conn.ReadMessage(); err != nil {
			var c *websocket.CloseError
			require.ErrorAs(p.t, err, &c)
			return c.Code
		}
	}
}

func TestWebSocketFollowsAnOrderAndComesBack(t *testing.T) {
	s := serve(t, Options{})
	s.step("O1", "placed", "")
	p := s.dial(t)
	p.send(`{"subscribe":["order:O1"]}`)
	require.Equal(t, typeSubscribed, p.receive().Type)
	s.step("O1", "accepted", "")
	m := p.receive()
	require.Equal(t, typeStatus, m.Type)
	require.Equal(t, "2", m.ID)
	require.NoError(t, p.conn.Close()) // a tunnel
	eventually(t, "the follower is gone", func() bool { return s.hub.Stats().Clients == 0 })
	require.Empty(t, s.pubsub.subscribed())

	for _, status := range []string{"being_prepared", "picked_up", "out_for_delivery"} {
		s.step("O1", status, "")
	}
	p = s.dial(t)
	p.send(`{"subscribe":["order:O1"],"since":{"order:O1":"` + m.ID + `"}}`)
	require.Equal(t, typeSubscribed, p.receive().Type)
	for seq := int64(3); seq <= 5; seq++ {
		require.Equal(t, seq, seqOf(t, p.receive()))
	}
	eventually(t, "all six frames are counted", func() bool { return s.hub.Stats().FramesSent == 6 })
}

func TestShutdownSaysComeBack(t *testing.T) {
	s := serve(t, Options{})
	p := s.dial(t)
	p.send(`{"subscribe":["zone:z"]}`)
	p.receive()
	require.NoError(t, s.stop())
	require.Equal(t, websocket.CloseGoingAway, p.closeCode())
	require.Zero(t, s.hub.Stats().Clients)

	res, err := http.Get(s.url + "/v1/live")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.NotEmpty(t, res.Header.Get("Retry-After"))
}

func TestLostEngineClosesWithItsCode(t *testing.T) {
	s := serve(t, Options{})
	p := s.dial(t)
	p.send(`{"subscribe":["store:S1"]}`)
	p.receive()
	require.NoError(t, s.pubsub.Close())
	require.Equal(t, closeEngine.code, p.closeCode())
	require.ErrorIs(t, s.stop(), errEngineLost)
	s.stop = func() error { return nil } // that was expected
}

// A follower that does not read: statuses pile up to the bound, then it is
// closed; the others notice nothing.
func TestSlowWebSocketIsClosed(t *testing.T) {
	s := serve(t, Options{QueueBytes: 64 << 10})
	s.step("O1", "placed", "")
	slow, quick := s.dial(t), s.dial(t)
	for _, p := range []*peer{slow, quick} {
		p.send(`{"subscribe":["order:O1"]}`)
		require.Equal(t, typeSubscribed, p.receive().Type)
	}
	last := int64(1)
	for s.hub.Stats().ClosedSlow == 0 {
		require.Less(t, last, int64(100_000), "the queue has no bound")
		e := s.step("O1", "accepted", "")
		require.Equal(t, e.Seq, seqOf(t, quick.receive()))
		last = e.Seq
	}
	// What it gets, when it reads at last, has no gap, and then the reason, if
	// the connection had room for it within the grace.
	next := int64(2)
	for {
		_, body, err := slow.conn.ReadMessage()
		if err != nil {
			require.True(t, websocket.IsCloseError(err, closeSlow.code, websocket.CloseAbnormalClosure), "%v", err)
			break
		}
		require.Equal(t, next, seqOf(t, decodeMessage(t, body)))
		next++
	}
	require.Less(t, next, last)
	e := s.step("O1", "accepted", "")
	require.Equal(t, e.Seq, seqOf(t, quick.receive()))
}

// Positions are conflated: a follower that does not read costs nothing, is not
// closed for it, and then sees the present.
func TestSlowWebSocketGetsTheNewestPositions(t *testing.T) {
	s := serve(t, Options{Tick: 2 * time.Millisecond, WriteTimeout: time.Minute})
	p := s.dial(t)
	p.send(`{"subscribe":["zone:z"]}`)
	require.Equal(t, typeSubscribed, p.receive().Type)
	moves := 0
	for s.hub.Stats().Conflated < 20 {
		moves++
		require.Less(t, moves, 100_000)
		before := s.hub.version("zone:z")
		for i := range 100 {
			pos := at(strings.Repeat("d", 40)+string(rune('a'+i%26))+string(rune('a'+i/26)), "z", float64(moves), 0)
			pos.TS = time.Now().UnixMilli() + int64(moves)
			s.positions.move(pos)
		}
		eventually(t, "a tick", func() bool { return s.hub.version("zone:z") > before })
	}
	seen := map[string]float64{}
	frames := 0
	for there := 0; there < 100; frames++ { // drivers that stand where they are now
		for driver, lat := range lats(t, p.receive()) {
			require.Greater(t, lat, seen[driver], "never what is older than what came before")
			if seen[driver] = lat; lat == float64(moves) {
				there++
			}
		}
	}
	require.Less(t, frames, moves)
	require.Zero(t, s.hub.Stats().ClosedSlow)
}

// version is how often a followed topic's state has changed.
func (h *Hub) version(name string) uint64 {
	t := h.topicNamed(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.version
}

func TestGarbage(t *testing.T) {
	s := serve(t, Options{})
	p := s.dial(t)
	p.send(`{"subscribe":["nonsense","zone:z"]}`)
	m := p.receive()
	require.Equal(t, typeError, m.Type)
	require.Equal(t, "nonsense", m.Topic)
	require.Equal(t, typeSubscribed, p.receive().Type, "one bad topic costs the others nothing")

	require.NoError(t, p.conn.WriteMessage(websocket.BinaryMessage, []byte{1}))
	require.Equal(t, typeError, p.receive().Type)

	for range garbageBurst + 5 {
		p.send(`garbage`)
	}
	require.Equal(t, closeGarbage.code, p.closeCode())
}

func TestMessageTooLarge(t *testing.T) {
	s := serve(t, Options{})
	p := s.dial(t)
	p.send(`{"subscribe":["` + strings.Repeat("x", maxMessage) + `"]}`)
	require.Equal(t, websocket.CloseMessageTooBig, p.closeCode())
}

func TestOrigins(t *testing.T) {
	s := serve(t, Options{AllowedOrigins: []string{"https://app.example"}})
	for origin, status := range map[string]int{
		"":                     http.StatusSwitchingProtocols,
		s.url:                  http.StatusSwitchingProtocols,
		"https://app.example":  http.StatusSwitchingProtocols,
		"https://evil.example": http.StatusForbidden,
		"null":                 http.StatusForbidden,
		"://":                  http.StatusForbidden,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		conn, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/v1/live", header)
		require.NotNil(t, res, "%v", err)
		require.Equal(t, status, res.StatusCode, origin)
		require.NoError(t, res.Body.Close())
		if err == nil {
			require.NoError(t, conn.Close())
		} else {
			require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
		}
	}
	eventually(t, "all are gone", func() bool { return s.hub.Stats().Clients == 0 })
}

func TestTooManyFollowers(t *testing.T) {
	s := serve(t, Options{MaxClients: 1})
	s.dial(t)
	res, err := http.Get(s.url + "/v1/live")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Equal(t, "5", res.Header.Get("Retry-After"))
}

func TestPlainRequestIsAProblem(t *testing.T) {
	s := serve(t, Options{})
	res, err := http.Get(s.url + "/v1/live")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
	require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
	eventually(t, "it is gone", func() bool { return s.hub.Stats().Clients == 0 })
}

// A peer that went away without a word is noticed by its silence.
func TestSilentPeerIsDropped(t *testing.T) {
	s := serve(t, Options{PingInterval: 20 * time.Millisecond, WriteTimeout: 20 * time.Millisecond})
	s.dial(t) // reads nothing, so it answers no ping
	eventually(t, "it is dropped", func() bool { return s.hub.Stats().Clients == 0 })
}

// A peer that answers pings stays, however little it has to say.
func TestQuietPeerStays(t *testing.T) {
	opts := Options{PingInterval: 40 * time.Millisecond, WriteTimeout: 2 * time.Second}
	borne := 2*opts.PingInterval + opts.WriteTimeout
	s := serve(t, opts)
	p := s.dial(t)
	pings := make(chan struct{}, 1000)
	p.conn.SetPingHandler(func(data string) error {
		pings <- struct{}{}
		return p.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	})
	ended := make(chan error, 1)
	go func() {
		_, _, err := p.conn.ReadMessage()
		ended <- err
	}()
	for range int(borne/opts.PingInterval) + 5 { // longer than silence is borne
		select {
		case <-pings:
		case err := <-ended:
			require.FailNow(t, "it was dropped", "%v", err)
		}
	}
	require.Equal(t, 1, s.hub.Stats().Clients)
	require.NoError(t, p.conn.Close())
	require.Error(t, <-ended, "the reader ends with its connection")
}
