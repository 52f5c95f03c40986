package realtime

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"hyperlocal/problem"
)

// writeProblem is what the server's error handler does with a problem.
func writeProblem(c echo.Context, err error) {
	var p *problem.Problem
	if !errors.As(err, &p) {
		p = problem.Internal
	}
	problem.Write(c.Response(), p)
}

// stream is a client of server-sent events.
type stream struct {
	t      *testing.T
	res    *http.Response
	lines  *bufio.Scanner
	cancel context.CancelFunc
}

func (s *served) stream(t *testing.T, order, lastEventID string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/orders/"+order+"/events", nil)
	require.NoError(t, err)
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = res.Body.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return &stream{t, res, bufio.NewScanner(res.Body), cancel}
}

// next returns the fields of the next event; ok is false at the end of the
// stream. A comment is an event with the field ":".
func (s *stream) next() (event map[string]string, ok bool) {
	s.t.Helper()
	event = map[string]string{}
	for s.lines.Scan() {
		line := s.lines.Text()
		if line == "" {
			return event, true
		}
		name, value, _ := strings.Cut(line, ":")
		if name == "" {
			name = ":"
		}
		require.NotContains(s.t, event, name)
		event[name] = strings.TrimPrefix(value, " ")
	}
	return nil, false
}

// events skips what the stream begins with and returns n events.
func (s *stream) events(n int) []map[string]string {
	s.t.Helper()
	var out []map[string]string
	for len(out) < n {
		e, ok := s.next()
		require.True(s.t, ok, "the stream ended")
		if e["event"] != "" {
			out = append(out, e)
		}
	}
	return out
}

func TestEventStream(t *testing.T) {
	s := serve(t, Options{})
	s.step("O1", "placed", "")
	s.step("O1", "accepted", "")
	st := s.stream(t, "O1", "")
	require.Equal(t, http.StatusOK, st.res.StatusCode)
	require.Equal(t, "text/event-stream", st.res.Header.Get("Content-Type"))
	require.Equal(t, "no-store", st.res.Header.Get("Cache-Control"))
	first, _ := st.next()
	require.Regexp(t, `^[1-4]\d{3}$`, first["retry"])

	es := st.events(2)
	require.Equal(t, "1", es[0]["id"])
	require.Equal(t, "status", es[0]["event"])
	require.JSONEq(t, `{"order_id":"O1","seq":1,"status":"placed","ts":1700000000001}`, es[0]["data"])
	require.Equal(t, "2", es[1]["id"])

	s.positions.move(at("d1", "z", 1, 0))
	s.step("O1", "picked_up", "d1")
	es = st.events(2)
	require.Equal(t, "3", es[0]["id"])
	require.Equal(t, "position", es[1]["event"])
	require.NotContains(t, es[1], "id", "a position is not to be asked for again")

	s.step("O1", "delivered", "d1")
	require.Equal(t, "4", st.events(1)[0]["id"])
	_, more := st.next()
	require.False(t, more, "nothing follows")
	eventually(t, "it is gone", func() bool { return s.hub.Stats().Clients == 0 })
}

func TestEventStreamGoesOnAfterLastEventID(t *testing.T) {
	s := serve(t, Options{})
	for range 4 {
		s.step("O1", "accepted", "")
	}
	es := s.stream(t, "O1", "2").events(2)
	require.Equal(t, "3", es[0]["id"])
	require.Equal(t, "4", es[1]["id"])

	s.orders.forget("O1", 3)
	es = s.stream(t, "O1", "2").events(1)
	require.Equal(t, "history_gone", es[0]["event"])
	require.Equal(t, "4", es[0]["id"])
}

func TestEventStreamOfAnOrderThatIsOver(t *testing.T) {
	s := serve(t, Options{})
	s.step("O1", "placed", "")
	s.step("O1", "cancelled", "")
	st := s.stream(t, "O1", "")
	require.Len(t, st.events(2), 2)
	_, more := st.next()
	require.False(t, more)
	require.Equal(t, http.StatusNoContent, s.stream(t, "O1", "2").res.StatusCode, "a browser must not come back")
}

func TestEventStreamRefusals(t *testing.T) {
	s := serve(t, Options{})
	s.step("O1", "placed", "")
	for _, c := range []struct {
		order, last string
		status      int
		field       string
	}{
		{"nope", "", http.StatusNotFound, "id"},
		{"%7Bx%7D", "", http.StatusNotFound, "id"},
		{"O1", "x", http.StatusBadRequest, "Last-Event-ID"},
		{"O1", "-1", http.StatusBadRequest, "Last-Event-ID"},
	} {
		st := s.stream(t, c.order, c.last)
		require.Equal(t, c.status, st.res.StatusCode, c)
		require.Equal(t, "application/problem+json", st.res.Header.Get("Content-Type"))
		require.True(t, st.lines.Scan())
		require.Contains(t, st.lines.Text(), `"field":"`+c.field+`"`)
	}
	s.orders.fail(errDown)
	require.Equal(t, http.StatusInternalServerError, s.stream(t, "O1", "").res.StatusCode)
}

func TestEventStreamHeartbeatAndHangUp(t *testing.T) {
	s := serve(t, Options{PingInterval: 5 * time.Millisecond})
	s.step("O1", "placed", "")
	st := s.stream(t, "O1", "1")
	for beats := 0; beats < 3; {
		e, ok := st.next()
		require.True(t, ok)
		if _, beat := e[":"]; beat {
			beats++
		}
	}
	st.cancel()
	eventually(t, "it is gone", func() bool { return s.hub.Stats().Clients == 0 })
}

func TestEventStreamOutlivesTheTimeForARequest(t *testing.T) {
	const timeout = time.Second
	s := serveWithin(t, Options{PingInterval: timeout / 20}, timeout)
	s.step("O1", "placed", "")
	st := s.stream(t, "O1", "1")
	for began := time.Now(); time.Since(began) < timeout+timeout/2; {
		_, ok := st.next()
		require.True(t, ok)
	}
}

func TestEventStreamEndsWithTheHub(t *testing.T) {
	s := serve(t, Options{})
	s.step("O1", "placed", "")
	st := s.stream(t, "O1", "")
	st.events(1)
	require.NoError(t, s.stop())
	for more := true; more; {
		_, more = st.next()
	}
	require.Equal(t, http.StatusServiceUnavailable, s.stream(t, "O1", "").res.StatusCode)
}
