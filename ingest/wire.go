package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// wire is a stream's connection. While its reader waits for the client it calls
// idle from time to time, so that a stream needs neither a second goroutine nor a
// timer.
type wire struct {
	net.Conn
	early  []byte                    // came before the connection was a stream's
	idle   func(now time.Time) error // sets the next time by await, or ends the reading
	heard  time.Time                 // when the client last sent anything
	pinged time.Time                 // when it was last pinged
	poked  atomic.Bool               // idle is to be called
	stop   atomic.Bool
}

// Read implements io.Reader.
func (w *wire) Read(b []byte) (int, error) {
	if len(w.early) > 0 {
		n := copy(b, w.early)
		w.early = w.early[n:]
		return n, nil
	}
	for {
		n, err := w.Conn.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			w.heard = time.Now()
			return n, err
		}
		w.poked.Store(false)
		if err := w.idle(time.Now()); err != nil {
			return 0, err
		}
	}
}

// await sets when idle is called next.
func (w *wire) await(t time.Time) {
	_ = w.Conn.SetReadDeadline(t) // one that is closed says so to the next Read
	if w.poked.Load() {
		_ = w.Conn.SetReadDeadline(past)
	}
}

var past = time.Unix(1, 0)

// poke has idle called at once. Any goroutine may call it.
func (w *wire) poke() {
	w.poked.Store(true)
	_ = w.Conn.SetReadDeadline(past)
}

// interrupt has idle called at once and find out that it was interrupted. Any
// goroutine may call it.
func (w *wire) interrupt() {
	w.stop.Store(true)
	w.poke()
}

func (w *wire) interrupted() bool { return w.stop.Load() }

// pause lets the client wait, unless the wire is interrupted.
func (w *wire) pause(d time.Duration) {
	const step = 100 * time.Millisecond // how long an interruption may take
	for ; d > 0 && !w.interrupted(); d -= step {
		time.Sleep(min(d, step))
	}
}

// drain reads on without looking until the client closes, too: a connection that
// is closed with unread data is reset, and the client would not learn why.
func (w *wire) drain(most time.Duration) {
	_ = w.Conn.SetReadDeadline(time.Now().Add(most))
	_, _ = io.Copy(io.Discard, struct{ io.Reader }{w.Conn}) // nothing of it matters any more
}

// readBuffer is how much of what a client sends is read at once.
const readBuffer = 1024

// hijacker gives the upgrader a connection and a read buffer that the stream
// knows, too.
type hijacker struct {
	http.ResponseWriter
	conn   *wire
	buffer *bufio.Reader
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn.early = make([]byte, rw.Reader.Buffered())
	_, _ = io.ReadFull(rw.Reader, h.conn.early) // it is in memory
	h.conn.Conn, h.conn.heard = conn, time.Now()
	h.buffer = bufio.NewReaderSize(h.conn, readBuffer)
	return h.conn, bufio.NewReadWriter(h.buffer, rw.Writer), nil
}

// frameWaits reports whether the next frame is one of data and in the buffer as a
// whole, so that reading it does not wait.
func frameWaits(b *bufio.Reader) bool {
	const maskSize = 4
	have := b.Buffered()
	if have < 2+maskSize {
		return false
	}
	head, _ := b.Peek(min(have, 2+2)) // it is there
	switch head[0] {
	case 0x80 | websocket.TextMessage, 0x80 | websocket.BinaryMessage: // whole messages
	default:
		return false
	}
	switch n := int(head[1] & 0x7f); n {
	case 126:
		return have >= 2+2+maskSize+int(binary.BigEndian.Uint16(head[2:]))
	case 127:
		return false // more than the buffer holds
	default:
		return have >= 2+maskSize+n
	}
}
