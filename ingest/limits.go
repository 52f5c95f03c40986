package ingest

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"hyperlocal/geo"
	"hyperlocal/internal/gcra"
	"hyperlocal/problem"
)

// Limits bound what a sender may send, in pings: a batch counts as many as it has.
// The burst is what may come at once, such as what a phone has kept in a tunnel. A
// rate of 0 is no limit.
type Limits struct {
	DriverRate   float64 // pings a second of one driver
	DriverBurst  int
	TokenRate    float64 // pings a second with one token; see tokenOf
	TokenBurst   int
	AddressRate  float64 // pings a second without a token from one address; see network
	AddressBurst int
	// AddressOf is where a request comes from. Default: the other end of its
	// connection.
	AddressOf func(*http.Request) string
	BusyBytes int64 // of bodies that are taken in at a time; default 256 MiB
}

// Sets of three: room for 200,000 drivers, 3,000 tokens and 12,000 addresses that have
// spent some of what they may, in 4 MiB, 64 KiB and 256 KiB.
const driverBits, tokenBits, addressBits = 16, 10, 12

var (
	errToken   = problem.New(http.StatusTooManyRequests, "too-many-pings", "Too many pings are sent with this token")
	errAddress = problem.New(http.StatusTooManyRequests, "too-many-pings", "Too many pings are sent from this address without a token")
	errPace    = problem.New(http.StatusTooManyRequests, "too-many-pings", "The driver sends too many pings")
	errBusy    = problem.New(http.StatusTooManyRequests, "busy", "More pings are being taken in than there is room for").RetryAfter(time.Second)
	errSlow    = problem.New(http.StatusRequestTimeout, "too-slow", "The body did not arrive in time")
)

// limits keeps what a Handler was told of Limits. Its memory does not grow.
type limits struct {
	drivers           *gcra.Table // nil: no limit
	tokens, addresses *quota
	addressOf         func(*http.Request) string
	mostBusy          int64
	busy              atomic.Int64 // bytes of bodies that are being taken in
	refused           atomic.Int64 // requests
}

func newLimits(l Limits) *limits {
	if l.BusyBytes <= 0 {
		l.BusyBytes = 256 << 20
	}
	if l.AddressOf == nil {
		l.AddressOf = echo.ExtractIPDirect()
	}
	out := &limits{
		tokens:    newQuota(l.TokenRate, l.TokenBurst, tokenBits, errToken),
		addresses: newQuota(l.AddressRate, l.AddressBurst, addressBits, errAddress),
		addressOf: l.AddressOf,
		mostBusy:  l.BusyBytes,
	}
	if l.DriverRate > 0 {
		out.drivers = gcra.New(l.DriverRate, max(l.DriverBurst, 1), driverBits)
	}
	return out
}

// driver takes pings from what their drivers may send. Those that are too many are
// faults then. It returns how many they are, and how long to wait for room for one.
func (l *limits) driver(pings []Ping, now time.Time) (limited int, wait time.Duration) {
	if l.drivers == nil {
		return 0, 0
	}
	l.warm(pings)
	for i := range pings {
		p := &pings[i]
		if !p.OK {
			continue
		}
		if w := l.drivers.Take(p.Fix.DriverID, 1, now); w > 0 {
			p.OK, p.Fault = false, tooFast("driver_id", w)
			if limited++; wait == 0 || w < wait {
				wait = w
			}
		}
	}
	return limited, wait
}

func (l *limits) warm(pings []Ping) {
	for i := range pings {
		l.drivers.Warm(pings[i].Fix.DriverID)
	}
}

func tooFast(field string, wait time.Duration) geo.Outcome {
	return geo.Outcome{
		Verdict: geo.Limited, Field: field,
		Detail: "sends too many pings; come back in " + problem.Seconds(wait) + " s",
	}
}
