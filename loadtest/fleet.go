package loadtest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// A phone reports every 3 to 5 s.
const (
	minInterval = 3 * time.Second
	maxInterval = 5 * time.Second
)

// MaxPartners bounds a fleet.
const MaxPartners = 1_000_000

// Ping is one report of a partner's phone, as the wire has it.
type Ping struct {
	DriverID   string  `json:"driver_id"`
	Lat        float64 `json:"lat"` // degrees, WGS 84
	Lon        float64 `json:"lon"`
	TS         int64   `json:"ts"` // ms since 1970
	AccuracyM  float64 `json:"accuracy_m"`
	SpeedMPS   float64 `json:"speed_mps"`
	BearingDeg float64 `json:"bearing_deg"` // clockwise from north, [0, 360)
}

// Anchor is a place on the globe where a trace's origin is put.
type Anchor struct {
	Name     string
	Lat, Lon float64 // degrees, WGS 84
}

// FleetConfig describes a fleet.
type FleetConfig struct {
	// Partners is the number of partners, 1 to MaxPartners; their ids are
	// partner-0001 and on.
	Partners int
	// Seed decides who walks which trace, from where in it, in which direction,
	// and when each reports.
	Seed uint64
	// Start is when the fleet begins to report. Where a partner is on its trace
	// follows from the time alone: of two fleets that differ in Start only, the
	// later one goes on where the earlier one would have been, so that a client
	// that is started again does not make its partners jump.
	Start time.Time
	// Traces are what partners walk along.
	Traces []Trace
	// Anchors are where they do so: partner i's is Anchors[i modulo their number].
	Anchors []Anchor
}

// Fleet is a number of partners on the move. Each reports every 3 to 5 s, at
// times of its own, so that the load is even.
type Fleet struct {
	mu       sync.Mutex
	partners []*partner
	byID     map[string]*partner
}

// NewFleet places every partner.
func NewFleet(cfg FleetConfig) (*Fleet, error) {
	switch {
	case cfg.Partners < 1 || cfg.Partners > MaxPartners:
		return nil, fmt.Errorf("fleet: %d partners, want 1 to %d", cfg.Partners, MaxPartners)
	case len(cfg.Traces) == 0:
		return nil, errors.New("fleet: no traces to walk along")
	case len(cfg.Anchors) == 0:
		return nil, errors.New("fleet: no anchors to walk at")
	}
	for _, t := range cfg.Traces {
		if len(t.Fixes) < 2 || t.Duration() <= 0 {
			return nil, fmt.Errorf("fleet: trace %q goes nowhere in time", t.ID)
		}
	}
	f := &Fleet{
		partners: make([]*partner, cfg.Partners),
		byID:     make(map[string]*partner, cfg.Partners),
	}
	for i := range f.partners {
		p := newPartner(cfg, i)
		f.partners[i] = p
		f.byID[p.id] = p
	}
	return f, nil
}

// Due returns the pings that partners have sent since it was last asked, up to
// now; nil if there are none. A partner whose turn came several times sends its
// newest fix only: asked late, a fleet skips, it does not catch up.
func (f *Fleet) Due(now time.Time) []Ping {
	f.mu.Lock()
	defer f.mu.Unlock()
	var due []Ping
	for _, p := range f.partners {
		if p.due.After(now) {
			continue
		}
		due = append(due, p.report(now))
	}
	return due
}

// ErrNoPartner says that the fleet has no partner of that id.
var ErrNoPartner = errors.New("no such partner")

// Direct takes a partner off its trace: from its next report on it drives
// straight towards a place, in degrees, and waits there until it is directed
// elsewhere or released. The error can only be [ErrNoPartner].
func (f *Fleet) Direct(id string, lat, lon float64) error {
	return f.with(id, func(p *partner) { p.direct(lat, lon) })
}

// Release lets a directed partner go: it drives back to where it left its trace
// and walks on from there. Releasing one that is not directed does nothing. The
// error can only be [ErrNoPartner].
func (f *Fleet) Release(id string) error {
	return f.with(id, func(p *partner) { p.release() })
}

// Position returns where a partner was at its newest report, in degrees, or
// where it is going to begin.
func (f *Fleet) Position(id string) (lat, lon float64, err error) {
	err = f.with(id, func(p *partner) { lat, lon = p.walk.place.onGlobe(p.at) })
	return lat, lon, err
}

// Distance returns how far a partner was from a place at its newest report, in
// metres.
func (f *Fleet) Distance(id string, lat, lon float64) (metres float64, err error) {
	err = f.with(id, func(p *partner) { metres = p.at.distance(p.walk.place.onPlane(lat, lon)) })
	return metres, err
}

func (f *Fleet) with(id string, do func(*partner)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.byID[id]
	if !ok {
		return fmt.Errorf("%w: %q", ErrNoPartner, id)
	}
	do(p)
	return nil
}

func newPartner(cfg FleetConfig, i int) *partner {
	// A source of chance for each, so that a partner's way does not depend on the others.
	rng := rand.New(rand.NewPCG(cfg.Seed, uint64(i)))
	trace := cfg.Traces[rng.IntN(len(cfg.Traces))]
	sin, cos := math.Sincos(rng.Float64() * 2 * math.Pi)
	p := &partner{
		id:   fmt.Sprintf("partner-%04d", i+1),
		rng:  rng,
		walk: walk{trace: trace, place: placement{sin, cos, cfg.Anchors[i%len(cfg.Anchors)]}},
	}
	round := int64(2 * trace.Duration())
	p.clock = time.Duration(rng.Int64N(round) + cfg.Start.UnixNano()%round)
	p.at, _, _ = p.walk.at(p.clock)
	p.time = cfg.Start
	p.due = cfg.Start.Add(time.Duration(rng.Int64N(int64(maxInterval))))
	return p
}
