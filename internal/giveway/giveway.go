// Package giveway has long computations give way to requests.
//
// Go's scheduler asks the network for what has arrived, and its queue of all
// processors for what waits there, only when a processor has nothing of its own to
// run, or else after some 10 ms. A goroutine that yields (runtime.Gosched) is found
// again at once, and of two that sleep in turns one is always ready: on two processors
// they and a garbage collection make requests wait for those 10 ms. So of the
// computations that share a lane one is under way at a time, and while it sleeps there
// is none.
package giveway

import "time"

// pause is as short as timers go; the system makes some 70 µs of it.
const pause = 20 * time.Microsecond

// Lane is for one computation at a time. In a nil one they only sleep now and then. It
// is safe for concurrent use.
type Lane chan struct{}

// NewLane makes a lane: a process should have one.
func NewLane() Lane { return make(Lane, 1) }

// Turn is a computation's right to be under way. It is for one goroutine, which must
// not wait for another meanwhile, nor begin a second one.
type Turn struct {
	lane Lane
	done int
}

// Begin waits until no other computation is under way.
func (l Lane) Begin() *Turn {
	l.enter()
	return &Turn{lane: l}
}

func (l Lane) enter() {
	if l != nil {
		l <- struct{}{}
	}
}

// leave lets the next computation begin, after requests.
func (l Lane) leave() {
	time.Sleep(pause)
	if l != nil {
		<-l
	}
}

// Step notes one step of work. After so many, which should take less than half of a
// millisecond, because that is what a request may wait for, requests have their turn,
// and then the next computation.
func (t *Turn) Step(every int) {
	if t.done++; t.done >= every {
		t.done = 0
		t.lane.leave()
		t.lane.enter()
	}
}

// Pause lets requests have their turn before a step that may wait for somebody else.
func (l Lane) Pause() { l.Begin().End() }

// End ends the computation.
func (t *Turn) End() { t.lane.leave() }
