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

const (
	// slice is how long a lane computes between two pauses, and so about how long a
	// request may wait for it.
	slice = 450 * time.Microsecond
	// pause is as short as timers go; the system makes up to a millisecond of it.
	pause = 20 * time.Microsecond
)

// Lane is for one computation at a time. It is safe for concurrent use; nil is a lane
// for each computation alone.
type Lane struct {
	free   chan struct{}
	worked time.Duration // since the last pause; belongs to who has the lane
}

// NewLane makes a lane: a process should have one.
func NewLane() *Lane { return &Lane{free: make(chan struct{}, 1)} }

// Turn is a computation's right to be under way. It is for one goroutine, which must
// not wait for another meanwhile, nor begin a second one.
type Turn struct {
	lane  *Lane
	began time.Time
	steps int
}

// Begin waits until no other computation is under way.
func (l *Lane) Begin() *Turn {
	if l == nil {
		l = NewLane()
	}
	l.free <- struct{}{}
	return &Turn{lane: l, began: time.Now()}
}

// Step notes one step of work. After so many, which should take some tenths of
// a millisecond, it is seen whether requests should have their turn, and then the
// next computation.
func (t *Turn) Step(every int) {
	if t.steps++; t.steps < every {
		return
	}
	t.steps = 0
	if t.lane.worked+time.Since(t.began) >= slice {
		t.End()
		*t = *t.lane.Begin()
	}
}

// End ends the computation.
func (t *Turn) End() {
	t.lane.add(time.Since(t.began))
	<-t.lane.free
}

// Did is told of a computation that took so long outside of the lane, because it
// may have waited for somebody.
func (l *Lane) Did(took time.Duration) {
	t := l.Begin()
	t.lane.add(took)
	t.End()
}

// add pauses if it is time. The lane is the caller's.
func (l *Lane) add(took time.Duration) {
	if l.worked += took; l.worked >= slice {
		time.Sleep(pause)
		l.worked = 0
	}
}
