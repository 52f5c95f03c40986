package realtime

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"hyperlocal/problem"
)

const (
	// maxMessage bounds a follower's message: 500 topics with their since.
	maxMessage = 128 << 10
	// closeGrace is how long a connection may take to send what it is sending
	// and its close frame.
	closeGrace = time.Second

	// A follower that sends faster than this is read more slowly.
	messagesPerSecond, messageBurst = 20, 100
	// Invalid messages beyond this end the connection.
	garbagePerSecond, garbageBurst = 0.2, 20
)

// Live answers GET /v1/live: it makes the connection a WebSocket and returns.
func (h *Hub) Live(c echo.Context) error {
	cl, err := h.attach(2)
	if err != nil {
		return refused(err)
	}
	conn, err := h.upgrader.Upgrade(c.Response(), c.Request(), nil)
	if err != nil { // the upgrader has answered
		h.detach(cl)
		h.conns.Add(-2)
		return nil
	}
	// The request's context ends with this call, and net/http's buffers go.
	ctx, stop := context.WithCancel(context.Background())
	w := &socket{client: cl, conn: conn, opts: &h.opts, gone: make(chan struct{})}
	cl.out.setHurry(w.hurry)
	go w.read(ctx)
	go w.write(stop)
	return nil
}

// refused is the problem of a connection that is not taken.
func refused(err error) error {
	if errors.Is(err, errFull) {
		return problem.New(http.StatusServiceUnavailable, "too-many-followers", "The server has as many followers as it can serve").
			RetryAfter(5 * time.Second)
	}
	return problem.Unavailable
}

// socket is a follower's WebSocket.
type socket struct {
	client *client
	conn   *websocket.Conn
	opts   *Options
	gone   chan struct{} // closed when the reader has ended
}

// read serves the follower's messages until the connection ends. Then, and only
// then, the follower is detached.
func (w *socket) read(ctx context.Context) {
	hub := w.client.hub
	defer hub.conns.Done()
	defer hub.detach(w.client)
	defer close(w.gone)

	w.conn.SetReadLimit(maxMessage)
	w.alive()
	w.conn.SetPongHandler(func(string) error { w.alive(); return nil })
	pace := rate.NewLimiter(messagesPerSecond, messageBurst)
	garbage := rate.NewLimiter(garbagePerSecond, garbageBurst)
	for {
		typ, message, err := w.conn.ReadMessage()
		if err != nil {
			return
		}
		w.alive()
		valid := typ == websocket.TextMessage && w.client.handle(ctx, message)
		if typ != websocket.TextMessage {
			w.client.refuse("", *invalid("", "messages are text"))
		}
		if !valid && !garbage.Allow() {
			w.client.out.shut(&closeGarbage)
			w.discard()
			return
		}
		if pace.Wait(ctx) != nil {
			return
		}
	}
}

// discard reads on without looking: closing a connection with unread data
// resets it, and the follower would not learn why.
func (w *socket) discard() {
	for {
		if _, _, err := w.conn.NextReader(); err != nil {
			return
		}
	}
}

// hurry gives a write that is under way little more time.
func (w *socket) hurry() {
	_ = w.conn.NetConn().SetWriteDeadline(time.Now().Add(closeGrace))
}

// alive gives the follower time to be silent: two pings may go unanswered.
func (w *socket) alive() {
	_ = w.conn.SetReadDeadline(time.Now().Add(2*w.opts.PingInterval + w.opts.WriteTimeout))
}

// write sends what the outbox holds until it is shut or the connection ends.
func (w *socket) write(stop context.CancelFunc) {
	defer w.client.hub.conns.Done()
	defer stop()
	defer w.conn.Close()
	ping := time.NewTicker(w.opts.PingInterval)
	defer ping.Stop()
	for {
		select {
		case <-w.client.out.wake:
			if !w.drain() {
				return
			}
		case <-ping.C:
			if w.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(w.opts.WriteTimeout)) != nil {
				return
			}
		case <-w.gone:
			return
		}
	}
}

// drain sends all that waits. It reports false when the connection has ended.
func (w *socket) drain() bool {
	for {
		f, s, c := w.client.out.take()
		switch {
		case c != nil:
			w.sayClosing(c)
			return false
		case f == nil && s == nil:
			return true
		case s != nil:
			if f = s.topic.next(s); f == nil {
				continue
			}
		}
		_ = w.conn.SetWriteDeadline(time.Now().Add(w.opts.WriteTimeout))
		if w.conn.WritePreparedMessage(f.message()) != nil {
			return false
		}
		w.client.hub.counts.frames.Add(1)
	}
}

// sayClosing tells the follower why it is closed and gives it time to answer.
func (w *socket) sayClosing(c *closing) {
	message := websocket.FormatCloseMessage(c.code, c.text)
	if w.conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(closeGrace)) != nil {
		return
	}
	select {
	case <-w.gone:
	case <-time.After(closeGrace):
	}
}
