package openloop

import (
	"math/rand/v2"
	"time"
)

// kind is what a ping is to become.
type kind uint8

const (
	fresh  kind = iota // newer than all of its driver's
	repeat             // again what was sent before
	late               // older than what was sent before
	numKinds
)

// plan knows what is sent when: a pure function of the configuration.
type plan struct {
	Config
	start  time.Time
	groups int // drivers who send together, each group once in an interval
	rounds int
}

func newPlan(c Config, start time.Time) *plan {
	return &plan{
		Config: c, start: start,
		groups: (c.Drivers + c.Batch - 1) / c.Batch,
		rounds: int((c.Warmup + c.Duration + c.Interval - 1) / c.Interval),
	}
}

func (p *plan) batches() int { return p.groups * p.rounds }

// due returns when a batch is to be sent. Batches are spread evenly.
func (p *plan) due(batch int) time.Time {
	return p.start.Add(time.Duration(float64(p.Interval) * float64(batch) / float64(p.groups)))
}

// windowRounds is for how many of its pings a driver does something out of the usual,
// or nothing; the first of them is always sent.
const windowRounds = 8

// each calls put with the pings of a batch, in their order.
func (p *plan) each(batch int, put func(f fix, k kind)) {
	group, round := batch%p.groups, batch/p.groups
	for d := group * p.Batch; d < min((group+1)*p.Batch, p.Drivers); d++ {
		p.eachOf(d, group, round, put)
	}
}

func (p *plan) eachOf(driver, group, round int, put func(f fix, k kind)) {
	at := func(round int) fix { return p.fix(driver, group, round) }
	phase := round % windowRounds
	switch h := share(p.Seed, uint64(driver), uint64(round/windowRounds)); {
	case h < p.Tunnels:
		const in, out = 1, 5
		if phase >= in && phase < out {
			return
		}
		if phase == out {
			for r := round - (out - in); r < round; r++ {
				put(at(r), fresh)
			}
		}
		put(at(round), fresh)
	case h < p.Tunnels+p.Disorder:
		if phase == 1 {
			return
		}
		put(at(round), fresh)
		if phase == 2 {
			put(at(round-1), late)
		}
	case h < p.Tunnels+p.Disorder+p.Duplicates && phase == 1:
		put(at(round-1), repeat)
		put(at(round), fresh)
	default:
		put(at(round), fresh)
	}
}

// fix returns a driver's fix of a round.
func (p *plan) fix(driver, group, round int) fix {
	// Neighbours in number share a route's place, as a gateway's drivers do a city's.
	r := &p.Routes[driver*len(p.Routes)/p.Drivers]
	length := time.Duration(len(r.steps)) * stepTime
	lag := time.Duration(share(p.Seed, uint64(driver), 1<<40) * float64(2*length))
	f := r.at(lag + time.Duration(round)*p.Interval)
	f.driver, f.ts = driver, p.due(round*p.groups+group).UnixMilli()
	f.accuracyDM = 30 + int32(driver%90)
	return f
}

// share is a number in [0, 1) by chance, always the same for the same arguments.
func share(seed, a, b uint64) float64 {
	var s rand.PCG
	s.Seed(seed^b<<32, a)
	return float64(s.Uint64()>>11) / (1 << 53)
}
