package ingest

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"hyperlocal/internal/upgrade"
	"hyperlocal/problem"
)

// StreamOptions are the bounds of streams. The zero value of a field stands for
// its default.
type StreamOptions struct {
	MaxStreams   int           // at once; default 50,000
	MaxFrame     int64         // bytes of one frame; default 256 KiB
	PingInterval time.Duration // a silent client is pinged so often, twice, and then closed; default 25 s
	WriteTimeout time.Duration // for one acknowledgement; default 10 s

	// AllowedOrigins are the origins beside the server's own from which a
	// browser may connect; "*" is any.
	AllowedOrigins []string
	Logger         *slog.Logger // default slog.Default
}

func (o StreamOptions) withDefaults() StreamOptions {
	if o.MaxStreams <= 0 {
		o.MaxStreams = 50_000
	}
	if o.MaxFrame <= 0 {
		o.MaxFrame = 256 << 10
	}
	if o.PingInterval <= 0 {
		o.PingInterval = 25 * time.Second
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// When an acknowledgement is sent, unless the client asks for other figures.
const (
	defaultAckEvery, maxAckEvery = 100, 10_000
	defaultAckAfter              = 5 * time.Second
	minAckAfter, maxAckAfter     = 50 * time.Millisecond, time.Minute
)

// Streams serves GET /v1/stream: pings up, acknowledgements down. A connection is
// one goroutine, which reads and acknowledges; pings of all connections are
// recorded together. A connection does not read while too many of its pings, or of
// all, wait to be recorded: so a client that is ahead of the server is slowed by
// TCP, and what streams hold of memory is bounded.
type Streams struct {
	handler   *Handler
	collector *collector
	opt       StreamOptions
	upgrader  websocket.Upgrader
	ends      sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	open   int
	all    map[*stream]struct{} // those that have a connection
}

// NewStreams makes one whose pings go the way of h's.
func NewStreams(h *Handler, opt StreamOptions) *Streams {
	s := &Streams{handler: h, collector: newCollector(h), opt: opt.withDefaults(), all: map[*stream]struct{}{}}
	s.upgrader = upgrade.New(s.opt.AllowedOrigins)
	s.upgrader.ReadBufferSize = 0 // it takes the buffer of hijacker
	return s
}

// Serve answers GET /v1/stream: it makes the connection a WebSocket and returns.
func (s *Streams) Serve(c echo.Context) error {
	every, after, err := ackParams(c.Request().URL.Query())
	if err != nil {
		return err
	}
	if err := s.reserve(); err != nil {
		return err
	}
	st := &stream{streams: s, ackEvery: every, ackAfter: after, fate: closeNormal, sender: s.handler.limits.sender(c.Request())}
	st.settled.L = &st.mu
	st.wire.idle = st.idle
	hijack := &hijacker{ResponseWriter: c.Response(), conn: &st.wire}
	if st.conn, err = s.upgrader.Upgrade(hijack, c.Request(), nil); err != nil { // the upgrader has answered
		s.remove(st)
		return nil
	}
	st.buffer = hijack.buffer
	s.enter(st)
	go st.run() // net/http's buffers and its goroutine go with this call
	return nil
}

// ackParams reads when the client wants acknowledgements.
func ackParams(q url.Values) (every uint64, after time.Duration, err error) {
	every, after = defaultAckEvery, defaultAckAfter
	if text := q.Get("ack_every"); text != "" {
		if every, err = strconv.ParseUint(text, 10, 32); err != nil || every < 1 || every > maxAckEvery {
			return 0, 0, problem.Invalid.WithField("ack_every", fmt.Sprintf("must be a number of pings from 1 to %d", maxAckEvery))
		}
	}
	if text := q.Get("ack_after_ms"); text != "" {
		ms, err := strconv.ParseInt(text, 10, 32)
		after = time.Duration(ms) * time.Millisecond
		if err != nil || after < minAckAfter || after > maxAckAfter {
			return 0, 0, problem.Invalid.WithField("ack_after_ms",
				fmt.Sprintf("must be a number of milliseconds from %d to %d", minAckAfter.Milliseconds(), maxAckAfter.Milliseconds()))
		}
	}
	return every, after, nil
}

var errTooManyStreams = problem.New(http.StatusServiceUnavailable, "too-many-streams", "The server has as many streams as it can serve").
	RetryAfter(5 * time.Second)

// reserve makes room for a stream, which remove gives back.
func (s *Streams) reserve() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return problem.Unavailable
	}
	if s.open >= s.opt.MaxStreams {
		return errTooManyStreams
	}
	s.open++
	s.ends.Add(1)
	return nil
}

// enter makes a stream, now that it has a connection, one of those that Close
// ends.
func (s *Streams) enter(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[st] = struct{}{}
	if s.closed {
		st.wire.interrupt()
	}
}

func (s *Streams) remove(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, st)
	s.open--
	s.ends.Done()
}

// Open is the number of streams.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// Close ends all streams: what has come in is recorded and acknowledged, and the
// client told to come back. It returns when that is done, within about a second
// and what the network takes; new streams are refused.
func (s *Streams) Close() {
	s.mu.Lock()
	s.closed = true
	for st := range s.all {
		st.wire.interrupt()
	}
	s.mu.Unlock()
	s.ends.Wait()
	s.collector.finish()
}
