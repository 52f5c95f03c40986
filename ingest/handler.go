package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"hyperlocal/geo"
	"hyperlocal/problem"
)

// Recorder is what the handler needs of the fleet; see geo.Fleet.Record.
type Recorder interface {
	Record(ctx context.Context, fixes []geo.Fix) ([]geo.Outcome, error)
}

// Options are the handler's bounds. The zero value of a field stands for its
// default.
type Options struct {
	MaxBytes int64 // of a request's body; default 4 MiB
	MaxPings int   // in one request; default 10,000
	Limits   Limits
	Now      func() time.Time // the clock of server_time_ms and of limits; default time.Now
}

const (
	// maxKeptBytes and maxKeptPings bound the memory that waits for the next
	// request.
	maxKeptBytes = 256 << 10
	maxKeptPings = 4096
)

// Handler serves the calls that take pings by HTTP; see Register.
type Handler struct {
	fleet  Recorder
	opt    Options
	counts [geo.NumVerdicts]atomic.Int64
	mocks  atomic.Int64
	limits *limits
	work   sync.Pool
}

// New makes a handler that records with fleet.
func New(fleet Recorder, opt Options) *Handler {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = 4 << 20
	}
	if opt.MaxPings <= 0 {
		opt.MaxPings = 10_000
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	h := &Handler{fleet: fleet, opt: opt, limits: newLimits(opt.Limits)}
	h.work.New = func() any { return &work{room: room{limits: h.limits}} }
	return h
}

// Register adds the routes.
func (h *Handler) Register(e *echo.Echo) {
	e.POST("/v1/locations", h.Locations)
	e.POST("/v1/owntracks", h.OwnTracks)
	e.GET("/v1/osmand", h.OsmAnd)
	e.POST("/v1/osmand", h.OsmAnd)
}

// Counts returns the number of pings by verdict since the start.
func (h *Handler) Counts() (counts [geo.NumVerdicts]int64) {
	for v := range counts {
		counts[v] = h.counts[v].Load()
	}
	return counts
}

// Mocks returns the number of pings of which the phone said that an app made the
// position up, since the start.
func (h *Handler) Mocks() int64 { return h.mocks.Load() }

// Refused returns the number of requests that were refused as a whole because their
// sender sends too many pings, or because too much was being taken in, since the start.
func (h *Handler) Refused() int64 { return h.limits.refused.Load() }

// work is what one request needs of memory.
type work struct {
	wire     []byte // the body as it was sent, if that was compressed
	body     []byte
	room     room // of both
	pings    []Ping
	fixes    []geo.Fix
	outcomes []*geo.Outcome // of pings
	tally    tally
	reply    []byte
}

// reset forgets what the memory held of others'.
func (w *work) reset() {
	clear(w.pings)
	clear(w.fixes)
	clear(w.outcomes)
	w.tally.reset()
}

// Locations answers a request with the verdicts on its pings. An error is a
// *problem.Problem for what is wrong with the request as a whole, or wraps the
// engine's.
func (h *Handler) Locations(c echo.Context) error {
	w := h.work.Get().(*work)
	defer h.putBack(w)
	if err := h.read(c.Request(), w); err != nil {
		return err
	}
	if err := h.take(c, w); err != nil {
		return err
	}
	return h.send(c, w)
}

// take records w's pings as far as their sender may send them, and counts and lists
// what became of them.
func (h *Handler) take(c echo.Context, w *work) error {
	now := h.opt.Now()
	if err := h.limits.sender(c.Request()).take(len(w.pings), now); err != nil {
		h.limits.refused.Add(1)
		h.counts[geo.Limited].Add(int64(len(w.pings)))
		return err
	}
	if limited, wait := h.limits.driver(w.pings, now); limited > 0 {
		if limited == len(w.pings) {
			h.counts[geo.Limited].Add(int64(limited))
			return errPace.RetryAfter(wait)
		}
		c.Response().Header().Set(echo.HeaderRetryAfter, problem.Seconds(wait))
	}
	if err := h.judge(c.Request().Context(), w); err != nil {
		return err
	}
	for _, o := range w.outcomes {
		w.tally.add(o)
	}
	return nil
}

// judge records the pings of w, and sets its outcomes to what became of each.
func (h *Handler) judge(ctx context.Context, w *work) error {
	w.fixes, w.outcomes = w.fixes[:0], w.outcomes[:0]
	mocks := int64(0)
	for i := range w.pings {
		if w.pings[i].OK {
			w.fixes = append(w.fixes, w.pings[i].Fix)
			if w.pings[i].Fix.Mock {
				mocks++
			}
		}
	}
	var recorded []geo.Outcome
	if len(w.fixes) > 0 {
		var err error
		if recorded, err = h.fleet.Record(ctx, w.fixes); err != nil {
			return fmt.Errorf("record pings: %w", err)
		}
	}
	if mocks > 0 { // not before: what was refused comes again
		h.mocks.Add(mocks)
	}
	var counts [geo.NumVerdicts]int64
	for i := range w.pings {
		o := &w.pings[i].Fault
		if w.pings[i].OK {
			o, recorded = &recorded[0], recorded[1:]
		}
		counts[o.Verdict]++
		w.outcomes = append(w.outcomes, o)
	}
	for v, n := range counts {
		if n > 0 {
			h.counts[v].Add(n)
		}
	}
	return nil
}

// read fills w with the request's pings.
func (h *Handler) read(r *http.Request, w *work) error {
	if err := h.readBody(r, w); err != nil {
		return err
	}
	var err error
	format := formatOf(r.Header.Get(echo.HeaderContentType))
	w.pings, err = format.decode(w.pings[:0], w.body, h.opt.MaxPings)
	switch {
	case errors.Is(err, ErrTooMany):
		return problem.TooLarge.WithField("body", tooMany(h.opt.MaxPings))
	case err != nil:
		return problem.Invalid.WithField("body", err.Error())
	}
	return nil
}

// readBody reads the request's body into w. Room for it is w's until putBack.
func (h *Handler) readBody(r *http.Request, w *work) error {
	if err := w.readBody(r, h.opt.MaxBytes); err != nil {
		return h.unreadable(err)
	}
	return nil
}

func tooMany(max int) string { return fmt.Sprintf("must hold at most %d pings", max) }

// unreadable is the problem of a body that was not read to its end.
func (h *Handler) unreadable(err error) error {
	if p := (*problem.Problem)(nil); errors.As(err, &p) {
		if p == errBusy {
			h.limits.refused.Add(1)
		}
		return p
	}
	switch {
	case errors.Is(err, errTooLarge):
		return problem.TooLarge.WithField("body", fmt.Sprintf("must be at most %d bytes", h.opt.MaxBytes))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlow
	}
	return problem.Invalid.WithField("body", "could not be read to its end")
}

// Count adds outcomes that no request was told.
func (h *Handler) Count(outcomes []geo.Outcome) {
	for _, o := range outcomes {
		h.counts[o.Verdict].Add(1)
	}
}

func (h *Handler) putBack(w *work) {
	w.room.leave()
	if cap(w.wire) > maxKeptBytes || cap(w.body) > maxKeptBytes || cap(w.pings) > maxKeptPings {
		return
	}
	w.reset()
	h.work.Put(w)
}
