package ingest

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"hyperlocal/geo"
)

const (
	// streamBatch is how many pings of frames that are there already are handed
	// on together.
	streamBatch = 256
	// maxUnjudged is how many pings of one stream may wait to be recorded. With
	// more its client is not read.
	maxUnjudged = 1024
)

// stream is one connection. What stands above mu is used by its own goroutine
// alone, but for wire's interrupt.
type stream struct {
	streams *Streams
	wire    wire
	conn    *websocket.Conn
	buffer  *bufio.Reader // conn's
	sender  sender

	ackEvery uint64
	ackAfter time.Duration
	received uint64    // pings
	due      time.Time // when the others must be; zero if there are none
	binary   bool      // what the client sends, and gets
	fate     closing   // what it is told at the end

	mu      sync.Mutex // guards what follows
	settled sync.Cond  // some more pings are judged, or err is set
	tally   tally      // of the pings judged; its total is how many they are
	acked   uint64     // those that an acknowledgement has told of; written by the stream's goroutine
	err     error      // why others were not
}

// judged is the collector's.
func (st *stream) judged(outcomes []*geo.Outcome) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.err == nil { // pings behind one that has no verdict have none either
		for _, o := range outcomes {
			st.tally.add(o)
		}
	}
	if st.tally.total-st.acked >= st.ackEvery {
		st.wire.poke()
	}
	st.settled.Signal()
}

// failed is the collector's, for pings that could not be recorded.
func (st *stream) failed(err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.err = err
	st.settled.Signal()
	st.wire.interrupt()
}

// wait waits until at most so many pings are not judged, and returns how many
// are.
func (st *stream) wait(unjudged uint64) (judged uint64, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for st.err == nil && st.received-st.tally.total > unjudged {
		st.settled.Wait()
	}
	return st.tally.total, st.err
}

// run serves the stream until it ends.
func (st *stream) run() {
	defer st.streams.remove(st)
	st.conn.SetReadLimit(st.streams.opt.MaxFrame)
	st.conn.SetCloseHandler(st.closed)
	st.wire.await(time.Now().Add(st.streams.opt.PingInterval))
	for {
		typ, r, err := st.conn.NextReader()
		if err != nil {
			break
		}
		if err = st.batch(typ, r); err != nil {
			st.streams.opt.Logger.Debug("stream ends", "err", err)
			break
		}
	}
	st.end()
}

// batch reads the frame that has begun and those that are in the buffer behind
// it, hands their pings on, and acknowledges if it is time.
func (st *stream) batch(typ int, r io.Reader) error {
	h := st.streams.handler
	w := h.work.Get().(*work)
	defer h.putBack(w)
	w.body, w.pings = w.body[:0], w.pings[:0]
	asked, broken := st.frame(w, typ, r)
	for broken == nil && !asked && len(w.pings) < streamBatch && frameWaits(st.buffer) {
		if typ, r, broken = st.conn.NextReader(); broken == nil {
			asked, broken = st.frame(w, typ, r)
		}
	}
	if len(w.pings) > 0 {
		if err := st.hand(w.pings); err != nil {
			return err
		}
	}
	if broken != nil {
		return broken
	}
	unjudged := uint64(maxUnjudged)
	if asked {
		unjudged = 0
	}
	judged, err := st.wait(unjudged)
	switch {
	case err != nil:
		return err
	case asked, judged-st.acked >= st.ackEvery:
		return st.acknowledge() // a poke is spared, if it is not too late
	case st.received > st.acked && st.due.IsZero():
		st.due = time.Now().Add(st.ackAfter)
		st.wire.await(st.due)
	}
	return nil
}

// frame adds a frame's pings to w. A frame that cannot be told into pings counts as
// one that is invalid; one without any asks for an acknowledgement.
func (st *stream) frame(w *work, typ int, r io.Reader) (asked bool, err error) {
	before := len(w.body)
	if w.body, err = readAll(w.body, r, st.streams.opt.MaxFrame, &room{}); err != nil {
		return false, err
	}
	body, pings := w.body[before:], len(w.pings)
	st.binary = typ == websocket.BinaryMessage
	f := formatJSON
	if st.binary {
		f = formatProtobuf
	}
	if len(body) > 0 {
		if w.pings, err = f.decode(w.pings, body, st.streams.handler.opt.MaxPings); err != nil {
			w.pings = append(w.pings[:pings], fault("", err.Error()))
		}
	}
	return len(w.pings) == pings, nil
}

// acknowledge tells the client what became of its pings since the last time.
func (st *stream) acknowledge() error {
	h := st.streams.handler
	now := h.opt.Now().UnixMilli()
	w := h.work.Get().(*work)
	defer h.putBack(w)
	st.mu.Lock()
	typ := websocket.TextMessage
	if st.binary {
		typ = websocket.BinaryMessage
		a := st.tally.protobuf(now)
		a.Acknowledged = st.tally.total
		w.reply = a.Append(w.reply[:0])
	} else {
		w.reply = strconv.AppendUint(append(w.reply[:0], `{"acknowledged":`...), st.tally.total, 10)
		w.reply = st.tally.appendJSON(append(w.reply, ','), now)
	}
	st.tally.told()
	st.acked = st.tally.total
	st.mu.Unlock()

	at := time.Now()
	if st.due = (time.Time{}); st.received > st.acked {
		st.due = at.Add(st.ackAfter)
	}
	_ = st.conn.SetWriteDeadline(at.Add(st.streams.opt.WriteTimeout)) // gorilla only keeps it
	return st.conn.WriteMessage(typ, w.reply)
}

// finish acknowledges all that the client has sent, if there is anything to say.
func (st *stream) finish() {
	if judged, err := st.wait(0); err == nil && judged > st.acked {
		_ = st.acknowledge() // the client may have gone already; it repeats what is not acknowledged
	}
}

// idle is called when the client has sent nothing until the time that was set.
func (st *stream) idle(now time.Time) error {
	if st.wire.interrupted() {
		return errInterrupted
	}
	st.mu.Lock()
	unacked := st.tally.total - st.acked
	st.mu.Unlock()
	if due := !st.due.IsZero() && !now.Before(st.due); unacked >= st.ackEvery || due && unacked > 0 {
		if err := st.acknowledge(); err != nil {
			return err
		}
	}
	interval := st.streams.opt.PingInterval
	silence := now.Sub(st.wire.heard)
	if silence >= 3*interval {
		st.fate = closeSilent
		return errSilent
	}
	if silence >= interval && now.Sub(st.wire.pinged) >= interval {
		st.wire.pinged = now
		if err := st.conn.WriteControl(websocket.PingMessage, nil, now.Add(st.streams.opt.WriteTimeout)); err != nil {
			return err
		}
	}
	next := st.wire.heard.Add(interval)
	if !next.After(now) {
		next = st.wire.pinged.Add(interval)
	}
	if !st.due.IsZero() && !now.Before(st.due) { // nothing is judged yet
		st.due = now.Add(st.ackAfter)
	}
	if !st.due.IsZero() && st.due.Before(next) {
		next = st.due
	}
	st.wire.await(next)
	return nil
}

var (
	errInterrupted = errors.New("the server is going away")
	errSilent      = errors.New("the client answers no pings")
)

// closed is called for the client's close frame.
func (st *stream) closed(code int, _ string) error {
	st.finish()
	_ = st.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(closeGrace)) // as in finish
	return nil
}

// end says goodbye, if the client still listens.
func (st *stream) end() {
	st.finish()
	fate := st.fate
	if _, err := st.wait(0); err != nil {
		fate = closeEngine
	} else if st.wire.interrupted() {
		fate = closeGoingAway
	}
	_ = st.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(fate.code, fate.text), time.Now().Add(closeGrace)) // as in finish
	if fate != closeSilent {
		st.wire.drain(closeGrace)
	}
	_ = st.conn.Close()
}

// closing is why a stream is ended. Of the codes of our own, 4000 to 4499 mean
// "come back, after a random wait"; see docs/ingest-protocol.md.
type closing struct {
	code int
	text string
}

// closeGrace is how long a client may take to answer a close frame.
const closeGrace = time.Second

var (
	closeNormal    = closing{websocket.CloseNormalClosure, ""}
	closeGoingAway = closing{websocket.CloseGoingAway, "server is going away; reconnect with jitter"}
	closeEngine    = closing{4001, "engine takes no pings now; reconnect with jitter"}
	closeSilent    = closing{4002, "client answers no pings; reconnect with jitter"}
)
