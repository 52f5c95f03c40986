package ingest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
	"hyperlocal/geo"
	"hyperlocal/ingest/pingpb"
	"hyperlocal/problem"
)

var quiet = slog.New(slog.DiscardHandler)

// phone is the client's end of a stream without a network: in a synctest bubble
// time passes while it waits.
type phone struct {
	t     require.TestingT
	conn  *websocket.Conn
	acks  chan answer   // closed when the stream has ended
	done  chan struct{} // likewise
	ended error         // why
	mute  atomic.Bool   // it answers no pings
}

// pipeWriter is the ResponseWriter of a request that came over a pipe.
type pipeWriter struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

// Hijack implements http.Hijacker.
func (w pipeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// open opens a stream. query is "?" and parameters, or nothing.
func open(t require.TestingT, s *Streams, query string, header http.Header) *phone {
	server, client := net.Pipe()
	e := echo.New()
	e.GET("/v1/stream", s.Serve)
	go func() {
		r, err := http.ReadRequest(bufio.NewReader(server))
		if err == nil {
			e.ServeHTTP(pipeWriter{httptest.NewRecorder(), server}, r)
		}
	}()
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return client, nil }}
	conn, _, err := dialer.Dial("ws://server/v1/stream"+query, header)
	require.NoError(t, err)
	p := &phone{t: t, conn: conn, acks: make(chan answer, 10_000), done: make(chan struct{})}
	conn.SetPingHandler(func(string) error {
		if p.mute.Load() {
			return nil
		}
		return conn.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second))
	})
	return p
}

// dial opens a stream and listens.
func dial(t require.TestingT, s *Streams, query string) *phone { return dialWith(t, s, query, nil) }

func dialWith(t require.TestingT, s *Streams, query string, header http.Header) *phone {
	p := open(t, s, query, header)
	go p.listen()
	return p
}

func (p *phone) listen() {
	defer close(p.acks)
	defer close(p.done)
	for {
		typ, body, err := p.conn.ReadMessage()
		if err != nil {
			p.ended = err
			return
		}
		var a answer
		if typ == websocket.TextMessage {
			if p.ended = json.Unmarshal(body, &a); p.ended != nil {
				return
			}
		} else {
			m, err := pingpb.ParseAnswer(body)
			if err != nil {
				p.ended = err
				return
			}
			a = answer{Acknowledged: m.Acknowledged, Verdicts: map[string]int{}, Rejected: []rejection{}, ServerTimeMS: m.ServerTimeMS}
			for v, n := range m.Verdicts {
				a.Verdicts[v] = int(n)
			}
			for _, r := range m.Rejected {
				a.Rejected = append(a.Rejected, rejection(r))
			}
		}
		p.acks <- a
	}
}

func (p *phone) send(typ int, body string) {
	require.NoError(p.t, p.conn.WriteMessage(typ, []byte(body)))
}

func (p *phone) text(body string) { p.send(websocket.TextMessage, body) }

// close says goodbye and returns how the stream ended.
func (p *phone) close() int {
	message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	require.NoError(p.t, p.conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(time.Second)))
	<-p.done
	return p.code()
}

// code is the close code of a stream that has ended, which hears nothing more.
func (p *phone) code() int {
	_ = p.conn.Close()
	var c *websocket.CloseError
	require.ErrorAs(p.t, p.ended, &c)
	return c.Code
}

func newStreams(t testing.TB, r Recorder, opt StreamOptions) *Streams {
	opt.Logger = quiet
	s := NewStreams(New(r, Options{Now: clock}), opt)
	t.Cleanup(s.Close)
	return s
}

func pingJSON(driver string, ts int64) string {
	return fmt.Sprintf(`{"driver_id":%q,"lat":12.97,"lon":77.59,"ts":%d}`, driver, ts)
}

func TestStreamAcknowledges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, newHandler(t, Options{}).fleet, StreamOptions{})
		ms := now.UnixMilli()
		p := dial(t, s, "?ack_every=4&ack_after_ms=3000")
		require.Equal(t, 1, s.Open())

		p.text(pingJSON("a", ms))
		p.text("[" + pingJSON("a", ms) + "," + pingJSON("b", ms) + "]\n")
		time.Sleep(time.Second)
		require.Empty(t, p.acks)
		p.text(pingJSON("c", ms) + "\n{broken\n")
		time.Sleep(linger + time.Millisecond)
		first := <-p.acks
		require.Equal(t, answer{5, map[string]int{"accepted": 3, "duplicate": 1, "invalid": 1}, []rejection{
			{1, "duplicate", "ts", "the driver has a fix of this time already"},
			{4, "invalid", "", "is not valid JSON"},
		}, ms}, first, "after some")

		p.text(pingJSON("d", ms))
		time.Sleep(2990 * time.Millisecond)
		require.Empty(t, p.acks)
		time.Sleep(20 * time.Millisecond)
		require.Equal(t, answer{6, map[string]int{"accepted": 1}, []rejection{}, ms}, <-p.acks, "after a time")

		p.text("what is this?") // counts as one
		p.send(websocket.BinaryMessage, batchOf(pingAt("e", ms), pingAt("e", ms)))
		p.send(websocket.BinaryMessage, "")
		require.Equal(t, answer{9, map[string]int{"accepted": 1, "duplicate": 1, "invalid": 1}, []rejection{
			{6, "invalid", "", errNotPings.Error()},
			{8, "duplicate", "ts", "the driver has a fix of this time already"},
		}, ms}, <-p.acks, "when asked")
		p.text("[]")
		require.Equal(t, answer{9, map[string]int{}, []rejection{}, ms}, <-p.acks, "when asked with nothing to say")

		p.text(pingJSON("f", ms))
		require.Equal(t, websocket.CloseNormalClosure, p.close())
		require.Equal(t, answer{10, map[string]int{"accepted": 1}, []rejection{}, ms}, <-p.acks, "before the end")
		synctest.Wait()
		require.Zero(t, s.Open())
		require.EqualValues(t, 6, s.handler.Counts()[geo.Accepted])
	})
}

// Whatever is sent in whatever frames by whatever streams: each ping has one
// verdict, and each stream hears of its own.
func TestStreamModel(t *testing.T) {
	type frame struct {
		phone    int
		goods    []bool // of its pings
		protobuf bool
		pause    time.Duration
	}
	const phones = 3
	frames := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) frame {
		return frame{
			phone: rapid.IntRange(0, phones-1).Draw(t, "phone"), goods: rapid.SliceOfN(rapid.Bool(), 0, 40).Draw(t, "pings"),
			protobuf: rapid.Bool().Draw(t, "protobuf"), pause: time.Duration(rapid.IntRange(0, 3).Draw(t, "ms")) * time.Millisecond,
		}
	}), 0, 40)
	every := rapid.SliceOfN(rapid.IntRange(1, 50), phones, phones)
	rapid.Check(t, func(rt *rapid.T) {
		plan, every := frames.Draw(rt, "frames"), every.Draw(rt, "ack every")
		synctest.Test(t, func(t *testing.T) {
			s := newStreams(t, &oddRecorder{}, StreamOptions{})
			var all [phones]*phone
			var sent [phones][]bool
			for i := range all {
				all[i] = dial(t, s, fmt.Sprintf("?ack_every=%d", every[i]))
			}
			for _, f := range plan {
				all[f.phone].sendPings(f.goods, f.protobuf)
				sent[f.phone] = append(sent[f.phone], f.goods...)
				time.Sleep(f.pause)
			}
			for i, p := range all {
				require.Equal(t, websocket.CloseNormalClosure, p.close())
				checkAnswers(t, sent[i], p.acks)
			}
		})
	})
}

// sendPings sends a frame of pings of drivers who are called good or bad.
func (p *phone) sendPings(goods []bool, protobuf bool) {
	var text []string
	var binary []byte
	for _, good := range goods {
		ping := pingAt(map[bool]string{true: "good", false: "bad"}[good], now.UnixMilli())
		binary = ping.Append(binary)
		text = append(text, pingJSON(ping.DriverID, ping.TSMS))
	}
	if protobuf {
		p.send(websocket.BinaryMessage, string(binary))
		return
	}
	p.text("[" + strings.Join(text, ",") + "]")
}

// checkAnswers asks for exactly one verdict for each ping, and the right ones.
func checkAnswers(t *testing.T, goods []bool, acks <-chan answer) {
	t.Helper()
	counts, total := map[string]int{}, 0
	for a := range acks {
		for v, n := range a.Verdicts {
			counts[v] += n
			total += n
		}
		require.EqualValues(t, total, a.Acknowledged)
		require.Len(t, a.Rejected, min(a.Verdicts["implausible"], maxListed))
		for _, r := range a.Rejected {
			require.False(t, goods[r.Index])
		}
	}
	bad := 0
	for _, good := range goods {
		if !good {
			bad++
		}
	}
	require.Equal(t, len(goods), total)
	require.Equal(t, bad, counts["implausible"])
	require.Equal(t, len(goods)-bad, counts["accepted"])
}

// oddRecorder refuses drivers who are called bad, and fails with err if that is
// set. If there is a gate it waits for that to be opened.
type oddRecorder struct {
	err  error
	gate chan struct{}

	mu    sync.Mutex
	fixes int
}

func (r *oddRecorder) Record(_ context.Context, fixes []geo.Fix) ([]geo.Outcome, error) {
	if r.gate != nil {
		<-r.gate
	}
	if r.err != nil {
		return nil, r.err
	}
	r.mu.Lock()
	r.fixes += len(fixes)
	r.mu.Unlock()
	outcomes := make([]geo.Outcome, len(fixes))
	for i := range fixes {
		outcomes[i].Verdict = geo.Accepted
		if fixes[i].DriverID == "bad" {
			outcomes[i] = geo.Outcome{Verdict: geo.Implausible, Field: "lat"}
		}
	}
	return outcomes, nil
}

// A client that sends more than can be recorded is slowed and loses nothing; what
// waits is bounded.
func TestStreamSlowsAClientThatIsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &oddRecorder{gate: make(chan struct{})}
		s := newStreams(t, r, StreamOptions{})
		one := dial(t, s, "")
		const frame = 10
		body := "[" + strings.Repeat(pingJSON("a", 1)+",", frame-1) + pingJSON("a", 1) + "]"
		flood := func(p *phone, frames int) (blocked bool) {
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				for range frames {
					p.text(body)
				}
				p.text("")
			}()
			synctest.Wait()
			select {
			case <-sent:
				return false
			default:
				return true
			}
		}
		const each = 5000
		require.True(t, flood(one, each/frame), "the server reads on")
		var others []*phone
		for range 5 { // more than all streams together may have waiting
			others = append(others, dial(t, s, ""))
			require.True(t, flood(others[len(others)-1], each/frame))
		}
		time.Sleep(time.Second)
		s.collector.mu.Lock()
		require.Less(t, len(s.collector.next.work.pings), most+streamBatch+frame)
		s.collector.mu.Unlock()
		close(r.gate)
		for _, p := range append(others, one) {
			total := uint64(0)
			for total < each {
				a, open := <-p.acks
				require.True(t, open)
				total = a.Acknowledged
			}
			require.Equal(t, websocket.CloseNormalClosure, p.close())
		}
		require.Equal(t, each*6, r.fixes)
	})
}

func TestStreamEnds(t *testing.T) {
	t.Run("the server stops", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStreams(t, &oddRecorder{}, StreamOptions{})
			p, silent := dial(t, s, ""), dial(t, s, "")
			p.text(pingJSON("a", 1))
			s.Close()
			require.EqualValues(t, 1, (<-p.acks).Acknowledged)
			<-p.acks
			require.Equal(t, websocket.CloseGoingAway, p.code())
			<-silent.acks
			require.Equal(t, websocket.CloseGoingAway, silent.code())
			require.ErrorIs(t, s.reserve(), problem.Unavailable)
		})
	})
	t.Run("the engine is away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := &oddRecorder{err: fmt.Errorf("record: %w", cache.ErrUnavailable)}
			p := dial(t, newStreams(t, r, StreamOptions{}), "")
			p.text(pingJSON("a", 1))
			_, more := <-p.acks
			require.False(t, more, "what is not recorded is not acknowledged")
			require.Equal(t, 4001, p.code())
		})
	})
	t.Run("a frame is too large", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := dial(t, newStreams(t, &oddRecorder{}, StreamOptions{MaxFrame: 1000}), "")
			p.text(strings.Repeat(" ", 1000-len(good)) + good)
			p.text("")
			require.EqualValues(t, 1, (<-p.acks).Acknowledged)
			go func() { _ = p.conn.WriteMessage(websocket.TextMessage, make([]byte, 1001)) }() // it is not read to its end
			<-p.acks
			require.Equal(t, websocket.CloseMessageTooBig, p.code())
		})
	})
	t.Run("the client is silent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStreams(t, &oddRecorder{}, StreamOptions{PingInterval: 10 * time.Second})
			p := dial(t, s, "?ack_after_ms=1000")
			time.Sleep(time.Hour)
			require.Equal(t, 1, s.Open(), "pongs are enough")
			p.text(pingJSON("a", 1))
			require.EqualValues(t, 1, (<-p.acks).Acknowledged)
			p.mute.Store(true)
			start := time.Now()
			<-p.acks
			require.Equal(t, 4002, p.code())
			require.InDelta(t, 30, time.Since(start).Seconds(), 10)
		})
	})
	t.Run("the client does not read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStreams(t, &oddRecorder{}, StreamOptions{WriteTimeout: 5 * time.Second})
			deaf := open(t, s, "", nil)
			deaf.text("")
			time.Sleep(4 * time.Second)
			require.Equal(t, 1, s.Open())
			time.Sleep(5 * time.Second)
			require.Zero(t, s.Open())
		})
	})
}

func TestStreamRefusals(t *testing.T) {
	s := newStreams(t, &oddRecorder{}, StreamOptions{MaxStreams: 1})
	e := echo.New()
	var refused error
	e.HTTPErrorHandler = func(err error, _ echo.Context) { refused = err }
	e.GET("/v1/stream", s.Serve)
	for query, field := range map[string]string{
		"?ack_every=0": "ack_every", "?ack_every=10001": "ack_every", "?ack_every=x": "ack_every", "?ack_every=-1": "ack_every",
		"?ack_after_ms=49": "ack_after_ms", "?ack_after_ms=60001": "ack_after_ms", "?ack_after_ms=1e3": "ack_after_ms",
	} {
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/stream"+query, nil))
		var p *problem.Problem
		require.ErrorAs(t, refused, &p, query)
		require.Equal(t, field, p.Field)
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/v1/stream", nil))
	require.Equal(t, 400, rec.Code)
	require.Zero(t, s.Open(), "what was no WebSocket takes no place")

	require.NoError(t, s.reserve())
	e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/stream", nil))
	require.ErrorIs(t, refused, errTooManyStreams)
	s.remove(nil)
}

func TestFrameWaits(t *testing.T) {
	frame := func(opcode byte, size int) string {
		b := []byte{opcode, 0x80 | byte(size)}
		if size > 125 {
			b = []byte{opcode, 0x80 | 126, byte(size >> 8), byte(size)}
		}
		return string(b) + "mask" + strings.Repeat("x", size)
	}
	for _, c := range []struct {
		name, input string
		want        bool
	}{
		{"nothing", "", false},
		{"text", frame(0x81, 10), true},
		{"binary", frame(0x82, 0), true},
		{"two", frame(0x82, 5) + "\x81", true},
		{"longer", frame(0x81, 200), true},
		{"longer, broken off", frame(0x81, 200)[:207], false},
		{"broken off", frame(0x81, 10)[:15], false},
		{"the first part of a message", frame(0x01, 10), false},
		{"ping", frame(0x89, 0), false},
		{"close", frame(0x88, 2), false},
		{"huge", "\x81\xff12345678mask", false},
	} {
		b := bufio.NewReader(strings.NewReader(c.input))
		_, err := b.Peek(1)
		require.True(t, err == nil || errors.Is(err, io.EOF))
		require.Equal(t, c.want, frameWaits(b), c.name)
	}
}
