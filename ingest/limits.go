package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"hyperlocal/geo"
	"hyperlocal/internal/gcra"
	"hyperlocal/problem"
)

// Limits bound what a sender may send, in pings: a batch counts as many as it has.
// The burst is what may come at once, such as what a phone has kept in a tunnel. A
// rate of 0 is no limit.
type Limits struct {
	DriverRate  float64 // pings a second of one driver
	DriverBurst int
	TokenRate   float64 // pings a second with one token; see tokenOf
	TokenBurst  int
	BusyBytes   int64 // of bodies that are taken in at a time; default 256 MiB
}

const (
	// Sets of three: room for 200,000 drivers and 3,000 tokens that have spent some
	// of what they may, in 4 MiB and 64 KiB.
	driverBits, tokenBits = 16, 10
	// maxPause is how long a stream that is too fast is not read, at most.
	maxPause = 5 * time.Second
)

var (
	errToken = problem.New(http.StatusTooManyRequests, "too-many-pings", "Too many pings are sent with this token")
	errPace  = problem.New(http.StatusTooManyRequests, "too-many-pings", "The driver sends too many pings")
	errBusy  = problem.New(http.StatusTooManyRequests, "busy", "More pings are being taken in than there is room for").RetryAfter(time.Second)
)

// limits keeps what a Handler was told of Limits. Its memory does not grow.
type limits struct {
	drivers, tokens *gcra.Table // nil: no limit
	room            *semaphore.Weighted
	refused         atomic.Int64 // requests
}

func newLimits(l Limits) *limits {
	if l.BusyBytes <= 0 {
		l.BusyBytes = 256 << 20
	}
	out := &limits{room: semaphore.NewWeighted(l.BusyBytes)}
	if l.DriverRate > 0 {
		out.drivers = gcra.New(l.DriverRate, max(l.DriverBurst, 1), driverBits)
	}
	if l.TokenRate > 0 {
		out.tokens = gcra.New(l.TokenRate, max(l.TokenBurst, 1), tokenBits)
	}
	return out
}

// enter makes room for a request's body, of at most max bytes, which leave gives back.
func (l *limits) enter(r *http.Request, max int64) (leave func(), err error) {
	size := max
	if r.ContentLength >= 0 && r.Header.Get("Content-Encoding") == "" {
		size = min(size, r.ContentLength)
	}
	if !l.room.TryAcquire(size) {
		l.refused.Add(1)
		return nil, errBusy
	}
	return func() { l.room.Release(size) }, nil
}

// tokenOf returns what a request identifies its sender by: a bearer token, or an API
// key. Requests without one have no limit of their own.
func tokenOf(r *http.Request) string {
	if key := r.Header.Get("X-API-Key"); key != "" {
		return key
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// token takes a request's pings from what its token may send.
func (l *limits) token(r *http.Request, pings int, now time.Time) error {
	if l.tokens == nil {
		return nil
	}
	token := tokenOf(r)
	if token == "" {
		return nil
	}
	if wait := l.tokens.Take(token, pings, now); wait > 0 {
		l.refused.Add(1)
		return errToken.RetryAfter(wait)
	}
	return nil
}

// driver takes pings from what their drivers may send. Those that are too many are
// faults then. If all are, it returns how long to wait for room for one.
func (l *limits) driver(pings []Ping, now time.Time) (wait time.Duration) {
	if l.drivers == nil {
		return 0
	}
	l.warm(pings)
	limited := 0
	for i := range pings {
		p := &pings[i]
		if !p.OK {
			continue
		}
		if w := l.drivers.Take(p.Fix.DriverID, 1, now); w > 0 {
			p.OK, p.Fault = false, tooFast(w)
			if limited++; wait == 0 || w < wait {
				wait = w
			}
		}
	}
	if limited < len(pings) {
		return 0
	}
	return wait
}

func (l *limits) warm(pings []Ping) {
	for i := range pings {
		l.drivers.Warm(pings[i].Fix.DriverID)
	}
}

func tooFast(wait time.Duration) geo.Outcome {
	return geo.Outcome{
		Verdict: geo.Limited, Field: "driver_id",
		Detail: fmt.Sprintf("sends too many pings; come back in %d s", int64((wait+time.Second-1)/time.Second)),
	}
}

// owe takes pings from what their drivers may send, and returns how long their stream
// is not to be read.
func (l *limits) owe(pings []Ping, now time.Time) (wait time.Duration) {
	if l.drivers == nil {
		return 0
	}
	l.warm(pings)
	for i := range pings {
		if p := &pings[i]; p.OK {
			wait = max(wait, l.drivers.Owe(p.Fix.DriverID, 1, now, maxPause))
		}
	}
	return wait
}
