package geo

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/maypok86/otter/v2"
)

// suspects remembers fixes that were implausible. A run of them that is plausible in
// itself is believed: the driver took a train, or the fix before was wrong. Each
// server remembers those that it saw.
type suspects struct {
	limits   Limits
	maxSpeed int64

	mu   sync.Mutex
	runs *otter.Cache[string, run]

	// marks has, by a hash of the driver, where there may be a run: who has none,
	// and that is nearly everybody, costs no lookup.
	seed  maphash.Seed
	marks [1 << 14]atomic.Bool
}

// run is the newest of consecutive fixes that are plausible after each other.
type run struct {
	place
	length int
}

// suspectDrivers bounds how many drivers' runs are remembered.
const suspectDrivers = 1 << 14

func newSuspects(l Limits) *suspects {
	return &suspects{
		limits: l, maxSpeed: l.maxSpeed(), seed: maphash.MakeSeed(),
		runs: otter.Must(&otter.Options[string, run]{MaximumSize: suspectDrivers}),
	}
}

// review looks at the wave's outcomes. An accepted fix ends its driver's run. Of the
// implausible ones it appends to groups those that are to be recorded again, from the
// first of their fixes that is believed.
func (s *suspects) review(b *batch, outcomes []Outcome, groups []int32) []int32 {
	for _, gi := range b.wave {
		g := &b.groups[gi]
		id := b.drivers[g.driver].id
		for i := g.first; i != none; i = b.fixes[i].next {
			w := &b.fixes[i]
			switch v := outcomes[w.index].Verdict; {
			case v.Present():
				s.end(id)
				continue
			case v != Implausible || !s.add(id, placeOf(string(w.wire[:fixSize]))):
				continue
			}
			w.flags = believed
			g.first = i
			groups = append(groups, gi)
			break
		}
	}
	return groups
}

func (s *suspects) mark(driver string) *atomic.Bool {
	return &s.marks[maphash.String(s.seed, driver)%uint64(len(s.marks))]
}

// end forgets a driver's run.
func (s *suspects) end(driver string) {
	if m := s.mark(driver); m.Load() {
		m.Store(false)
		s.runs.Invalidate(driver)
	}
}

// add puts an implausible fix behind the driver's run, or begins another, and
// reports whether it is to be believed.
func (s *suspects) add(driver string, at place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _ := s.runs.GetIfPresent(driver)
	dt := at.ts - r.ts
	if r.length > 0 && dt == 0 {
		return false // the same one again
	}
	near := dt > 0 && dt <= s.limits.PlausibilityWindow.Milliseconds() && !tooFar(apartSquared(r.place, at), r.place, at, s.maxSpeed)
	if r.length > 0 && near {
		r.length++
	} else {
		r.length = 1
	}
	r.place = at
	if r.length >= s.limits.BelieveAfter {
		s.runs.Invalidate(driver)
		return true
	}
	s.runs.Set(driver, r)
	s.mark(driver).Store(true)
	return false
}
