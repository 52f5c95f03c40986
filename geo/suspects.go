package geo

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// suspects remembers fixes that were implausible. A run of them that is plausible in
// itself is believed: the driver took a train, or the fix before was wrong. Each
// server remembers those that it saw, in a table of fixed size: a run has its place in
// one set of it, and pushes out the oldest of a full set.
type suspects struct {
	believeAfter int
	maxSpeed     int64
	seed         maphash.Seed

	// marks has the tags of the runs of each set, so that whoever has none, and that
	// is nearly everybody, costs one load.
	marks [suspectSets]atomic.Uint64

	mu   sync.Mutex // of changes of marks, too
	runs [suspectSets][suspectWays]run
}

const (
	suspectSets = 1 << 12
	suspectWays = 4  // runs in a set
	tagBits     = 16 // of a run's tag in the set's mark
	tagMask     = 1<<tagBits - 1

	// runSpan is how far two consecutive fixes of a run may be apart. It is longer
	// than phones are silent that save their batteries.
	runSpan = time.Hour
)

// run is the newest of consecutive fixes that are plausible after each other.
type run struct {
	driver string
	place
	length int // 0: there is none
}

func newSuspects(l Limits) *suspects {
	return &suspects{believeAfter: l.BelieveAfter, maxSpeed: l.maxSpeed(), seed: maphash.MakeSeed()}
}

// review looks at the wave's outcomes. An accepted fix ends its driver's run. The
// implausible ones that are believed now are marked so, and to again it appends their
// groups, which are to be recorded again from the first of them on.
func (s *suspects) review(b *batch, outcomes []Outcome, again []int32) []int32 {
	for _, gi := range b.wave {
		g := &b.groups[gi]
		id := b.drivers[g.driver].id
		set, tag := s.find(id)
		first := int32(none)
		for i := g.first; i != none; i = b.fixes[i].next {
			w := &b.fixes[i]
			switch v := outcomes[w.index].Verdict; {
			case v.Present():
				s.end(set, tag, id)
			case v == Implausible && s.add(set, tag, id, placeOf(string(w.wire[:fixSize]))):
				w.flags = believed
				if first == none {
					first = i
				}
			}
		}
		if first != none {
			g.first = first
			again = append(again, gi)
		}
	}
	return again
}

// find returns the set of a driver's run, and its tag there, which is never 0.
func (s *suspects) find(driver string) (set int, tag uint64) {
	h := maphash.String(s.seed, driver)
	return int(h % suspectSets), max(h>>(64-tagBits), 1)
}

// marked reports whether the set may have a run of the tag.
func (s *suspects) marked(set int, tag uint64) bool {
	for mark := s.marks[set].Load(); mark != 0; mark >>= tagBits {
		if mark&tagMask == tag {
			return true
		}
	}
	return false
}

// end forgets a driver's run.
func (s *suspects) end(set int, tag uint64, driver string) {
	if !s.marked(set, tag) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for way := range s.runs[set] {
		if r := &s.runs[set][way]; r.length > 0 && r.driver == driver {
			s.put(set, way, 0, run{})
		}
	}
}

// add puts an implausible fix behind the driver's run, or begins another, and
// reports whether it is to be believed. The run goes on until a fix is accepted, since
// late ones that are behind a believed one do not move what they are compared with.
func (s *suspects) add(set int, tag uint64, driver string, at place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	way, oldest := -1, 0
	for i := range s.runs[set] {
		r := &s.runs[set][i]
		if r.length > 0 && r.driver == driver {
			way = i
			break
		}
		if r.ts < s.runs[set][oldest].ts {
			oldest = i
		}
	}
	next := run{driver: driver, place: at, length: 1}
	if way < 0 {
		way = oldest
	} else if r := &s.runs[set][way]; r.ts == at.ts {
		return false // the same one again
	} else if r.before(at, s.maxSpeed) {
		next.length = r.length + 1
	}
	s.put(set, way, tag, next)
	return next.length >= s.believeAfter
}

// before reports whether a fix is plausible after the run's newest.
func (r *run) before(at place, maxSpeed int64) bool {
	dt := at.ts - r.ts
	return dt > 0 && dt <= runSpan.Milliseconds() && !tooFar(apartSquared(r.place, at), r.place, at, maxSpeed)
}

// put writes a run, or nothing with tag 0, and its mark.
func (s *suspects) put(set, way int, tag uint64, r run) {
	s.runs[set][way] = r
	shift := way * tagBits
	s.marks[set].Store(s.marks[set].Load()&^(tagMask<<shift) | tag<<shift)
}
