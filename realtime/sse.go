package realtime

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"hyperlocal/problem"
)

// A browser that lost its event stream waits this long, at random, so that not
// all of them come back in the same moment.
const retryLeast, retrySpread = time.Second, 4 * time.Second

// OrderEvents answers GET /v1/orders/{id}/events: an order's statuses as
// server-sent events, all of them or those after Last-Event-ID, and its
// driver's position between them. The stream ends with the last status. Who
// has that one already gets 204, which tells a browser not to come back.
func (h *Hub) OrderEvents(c echo.Context) error {
	r := c.Request()
	name, since, err := orderStream(c)
	if err != nil {
		return err
	}
	o, err := h.orders.Order(r.Context(), name.id)
	switch {
	case errors.Is(err, ErrUnknownOrder):
		return noSuchOrder
	case err != nil:
		return fmt.Errorf("order %s: %w", name.id, err)
	case final(o.Status) && since >= o.Seq:
		return c.NoContent(http.StatusNoContent)
	}
	cl, err := h.attach(1)
	if err != nil {
		return refused(err)
	}
	defer h.conns.Done()
	defer h.detach(cl)
	name.since = since
	if no := cl.subscribe(r.Context(), name); no != nil {
		return problem.Unavailable.WithDetail("%s", no.Detail)
	}
	s := newEventStream(c.Response(), h.opts.WriteTimeout)
	if !s.begin() {
		return nil // the client has gone
	}
	s.serve(r.Context().Done(), cl, h.opts.PingInterval)
	return nil
}

var noSuchOrder = problem.NotFound.WithField("id", "there is no such order")

// orderStream reads what is asked for.
func orderStream(c echo.Context) (name topicName, since int64, err error) {
	id := c.Param("id")
	if !validID(id) {
		return topicName{}, 0, noSuchOrder
	}
	if last := c.Request().Header.Get("Last-Event-ID"); last != "" {
		n, ok := parseSeq(last)
		if !ok {
			return topicName{}, 0, problem.Invalid.WithField("Last-Event-ID", "must be the id of an event of this stream")
		}
		since = n
	}
	return topicName{name: string(orderKind) + ":" + id, kind: orderKind, id: id}, since, nil
}

// eventStream writes frames as server-sent events.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	buf     []byte
}

func newEventStream(w http.ResponseWriter, timeout time.Duration) *eventStream {
	return &eventStream{w: w, control: http.NewResponseController(w), timeout: timeout}
}

// begin writes the header.
func (s *eventStream) begin() bool {
	header := s.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // proxies that gather a response keep off
	s.w.WriteHeader(http.StatusOK)
	retry := retryLeast + rand.N(retrySpread)
	return s.write(fmt.Appendf(nil, "retry: %d\n\n", retry.Milliseconds()))
}

// serve writes what the outbox holds until the stream or the client ends.
func (s *eventStream) serve(gone <-chan struct{}, cl *client, heartbeat time.Duration) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-cl.out.wake:
			if !s.drain(cl) {
				return
			}
		case <-beat.C:
			if !s.write([]byte(": \n\n")) {
				return
			}
		case <-gone:
			return
		}
	}
}

// drain writes all that waits. It reports false at the end of the stream.
func (s *eventStream) drain(cl *client) bool {
	for {
		f, sub, c := cl.out.take()
		switch {
		case c != nil:
			return false // a browser comes back by itself
		case f == nil && sub == nil:
			return true
		case sub != nil:
			if f = sub.topic.next(sub); f == nil {
				continue
			}
		case f.kind == typeSubscribed:
			continue // the response itself says so
		}
		if !s.write(s.event(f)) {
			return false
		}
		cl.hub.counts.frames.Add(1)
		if f.final {
			return false
		}
	}
}

// event encodes a frame. Its data is one line, as JSON without spaces is.
func (s *eventStream) event(f *frame) []byte {
	b := s.buf[:0]
	if f.id != "" {
		b = append(append(append(b, "id: "...), f.id...), '\n')
	}
	b = append(append(append(b, "event: "...), f.kind...), '\n')
	b = append(append(append(b, "data: "...), f.data...), "\n\n"...)
	s.buf = b
	return b
}

func (s *eventStream) write(b []byte) bool {
	// The deadline replaces the server's own, which is for short answers.
	_ = s.control.SetWriteDeadline(time.Now().Add(s.timeout))
	if _, err := s.w.Write(b); err != nil {
		return false
	}
	return s.control.Flush() == nil
}
