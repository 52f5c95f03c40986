package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
	MaxBytes int64            // of a request's body; default 4 MiB
	MaxPings int              // in one request; default 10,000
	Now      func() time.Time // the clock of server_time_ms; default time.Now
}

const (
	// maxListed bounds the rejections that an answer lists; the counts are
	// always complete.
	maxListed = 100
	// maxKeptBytes and maxKeptPings bound the memory that waits for the next
	// request.
	maxKeptBytes = 256 << 10
	maxKeptPings = 4096
)

// Handler serves POST /v1/locations.
type Handler struct {
	fleet  Recorder
	opt    Options
	counts [geo.NumVerdicts]atomic.Int64
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
	h := &Handler{fleet: fleet, opt: opt}
	h.work.New = func() any { return new(work) }
	return h
}

// Register adds the route.
func (h *Handler) Register(e *echo.Echo) { e.POST("/v1/locations", h.Locations) }

// Counts returns the number of pings by verdict since the start.
func (h *Handler) Counts() (counts [geo.NumVerdicts]int64) {
	for v := range counts {
		counts[v] = h.counts[v].Load()
	}
	return counts
}

// work is what one request needs of memory.
type work struct {
	body  []byte
	pings []Ping
	fixes []geo.Fix
}

// answer is the body of a 200, as web/openapi.yaml has it.
type answer struct {
	Verdicts     map[string]int `json:"verdicts"`
	Rejected     []rejection    `json:"rejected"`
	ServerTimeMS int64          `json:"server_time_ms"`
}

type rejection struct {
	Index   int    `json:"index"`
	Verdict string `json:"verdict"`
	Field   string `json:"field,omitempty"`
	Detail  string `json:"detail,omitempty"`
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
	outcomes, err := h.fleet.Record(c.Request().Context(), w.fixes)
	if err != nil {
		return fmt.Errorf("record pings: %w", err)
	}
	a := h.answer(w.pings, outcomes)
	return a.send(c)
}

// read fills w with the request's pings, and the fixes among them.
func (h *Handler) read(r *http.Request, w *work) error {
	var err error
	if w.body, err = readBody(w.body[:0], r, h.opt.MaxBytes); err != nil {
		return h.unreadable(err)
	}
	format := formatOf(r.Header.Get(echo.HeaderContentType))
	w.pings, err = format.decode(w.pings[:0], w.body, h.opt.MaxPings)
	switch {
	case errors.Is(err, ErrTooMany):
		return problem.TooLarge.WithField("body", fmt.Sprintf("must hold at most %d pings", h.opt.MaxPings))
	case err != nil:
		return problem.Invalid.WithField("body", err.Error())
	}
	w.fixes = w.fixes[:0]
	for i := range w.pings {
		if w.pings[i].OK {
			w.fixes = append(w.fixes, w.pings[i].Fix)
		}
	}
	return nil
}

// unreadable is the problem of a body that was not read to its end.
func (h *Handler) unreadable(err error) error {
	if p := (*problem.Problem)(nil); errors.As(err, &p) {
		return p
	}
	if errors.Is(err, errTooLarge) {
		return problem.TooLarge.WithField("body", fmt.Sprintf("must be at most %d bytes", h.opt.MaxBytes))
	}
	return problem.Invalid.WithField("body", "could not be read to its end")
}

// answer counts and lists. outcomes are those of the pings that are fixes.
func (h *Handler) answer(pings []Ping, outcomes []geo.Outcome) answer {
	a := answer{Verdicts: make(map[string]int, geo.NumVerdicts), Rejected: []rejection{}, ServerTimeMS: h.opt.Now().UnixMilli()}
	var counts [geo.NumVerdicts]int
	for i := range pings {
		o := pings[i].Fault
		if pings[i].OK {
			o, outcomes = outcomes[0], outcomes[1:]
		}
		counts[o.Verdict]++
		if !o.Verdict.Joined() && o.Verdict != geo.Waiting && len(a.Rejected) < maxListed {
			a.Rejected = append(a.Rejected, rejection{i, o.Verdict.String(), o.Field, o.Detail})
		}
	}
	for v, n := range counts {
		if n > 0 {
			h.counts[v].Add(int64(n))
			a.Verdicts[geo.Verdict(v).String()] = n
		}
	}
	return a
}

// Count adds outcomes that no request was told.
func (h *Handler) Count(outcomes []geo.Outcome) {
	for _, o := range outcomes {
		h.counts[o.Verdict].Add(1)
	}
}

func (h *Handler) putBack(w *work) {
	if cap(w.body) > maxKeptBytes || cap(w.pings) > maxKeptPings {
		return
	}
	clear(w.pings)
	clear(w.fixes)
	h.work.Put(w)
}
