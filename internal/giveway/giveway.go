// Package giveway has long computations give way to requests.
//
// Go's scheduler asks the network for what has arrived, and its queue of all
// processors for what waits there, only when a processor has nothing of its own to
// run, or else after some 10 ms. A goroutine that yields (runtime.Gosched) is found
// again at once, and of two that sleep in turns one is always ready: on two processors
// they and a garbage collection make requests wait for those 10 ms. So one computation
// is under way at a time, and while it sleeps there is none.
package giveway

import (
	"sync"
	"time"
)

// pause is as short as timers go; the system makes some 70 µs of it.
const pause = 20 * time.Microsecond

// lane is held by the computation that is under way.
var lane sync.Mutex

// Turn is a computation's right to be under way. It is for one goroutine, which must
// not wait for another meanwhile, nor begin a second one.
type Turn struct{ done int }

// Begin waits until no other computation is under way.
func Begin() *Turn {
	lane.Lock()
	return new(Turn)
}

// Step notes one step of work. After so many, which should take less than half of a
// millisecond, because that is what a request may wait for, requests have their turn,
// and then the next computation.
func (t *Turn) Step(every int) {
	if t.done++; t.done < every {
		return
	}
	t.done = 0
	time.Sleep(pause)
	lane.Unlock()
	lane.Lock()
}

// Pause lets requests have their turn before a step that may wait for somebody else.
func Pause() { Begin().End() }

// End lets the next computation begin, after requests.
func (t *Turn) End() {
	time.Sleep(pause)
	lane.Unlock()
}
