// Package giveway has long computations give way to requests.
//
// The system's scheduler lets a thread that has begun go on for a millisecond or more
// while others wait, unless it has a lower priority than theirs; so a lane computes in
// threads of its own that have one (on Linux; elsewhere it only pauses). Go's scheduler
// knows nothing of that: such a thread keeps its processor while it is not let run, and
// so there should be one processor more than the machine has, see AddProcessor.
//
// Go asks the network for what has arrived, and its queue of all processors for what
// waits there, only when a processor has nothing of its own to run, or else after some
// 10 ms; and the system moves a thread that waits to another processor when that has
// nothing to run. A goroutine that yields (runtime.Gosched) is found again at once, and
// of two that sleep in turns one is always ready. So of the computations that share
// a lane one is under way at a time, and now and then it sleeps.
//
// What is computed in a lane must hold no lock that a request needs: it might be made to
// wait while it has it.
package giveway

import "time"

const (
	// slice is how long a lane computes between two pauses.
	slice = 250 * time.Microsecond
	// pause is enough for what waits to be seen. The system makes a little more of it.
	pause = 50 * time.Microsecond
)

// Lane is for one computation at a time. It is safe for concurrent use; nil is a lane
// for each computation alone.
type Lane struct {
	free   chan struct{}
	sleep  func(time.Duration)
	worked time.Duration // since the last pause; belongs to who has the lane
}

// NewLane makes a lane: a process should have one.
func NewLane() *Lane { return newLane(sleep) }

func newLane(sleep func(time.Duration)) *Lane {
	return &Lane{free: make(chan struct{}, 1), sleep: sleep}
}

// Turn is a computation that is under way. nil is one outside of any lane.
type Turn struct {
	lane  *Lane
	began time.Time
	steps int
}

// Do waits until no other computation is under way, and has compute do this one, maybe
// in another goroutine. It must not begin another one, or wait for one.
func (l *Lane) Do(compute func(*Turn)) {
	if l == nil {
		l = NewLane()
	}
	l.free <- struct{}{}
	defer func() { <-l.free }()
	onLowThread(func() {
		t := &Turn{lane: l, began: time.Now()}
		defer t.rest()
		compute(t)
	})
}

// Step notes one step of work. After so many, which should take some tenths of
// a millisecond, it is seen whether it is time for a pause.
func (t *Turn) Step(every int) {
	if t == nil {
		return
	}
	if t.steps++; t.steps < every {
		return
	}
	t.steps = 0
	t.rest()
	t.began = time.Now()
}

// Wait has f run in the computation's thread while others may have the lane: for what
// is mostly waiting, as for a disk.
func (t *Turn) Wait(f func()) {
	if t == nil {
		f()
		return
	}
	t.rest()
	<-t.lane.free
	defer func() {
		t.lane.free <- struct{}{}
		t.began = time.Now()
	}()
	f()
}

func (t *Turn) rest() { t.lane.add(time.Since(t.began)) }

// Did is told of a computation that took so long outside of the lane, because it
// may have waited for somebody, or somebody for it.
func (l *Lane) Did(took time.Duration) {
	if l == nil {
		return
	}
	l.free <- struct{}{}
	defer func() { <-l.free }()
	l.add(took)
}

// add pauses if it is time. The lane is the caller's.
func (l *Lane) add(took time.Duration) {
	if l.worked += took; l.worked >= slice {
		l.sleep(pause)
		l.worked = 0
	}
}
