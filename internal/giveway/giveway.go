// Package giveway has long computations give way to requests.
//
// Go's scheduler asks the network for what has arrived only when it finds nothing else
// to run, or else after 10 ms. A goroutine that yields (runtime.Gosched) is found
// again at once: on two processors a computation that yields and a garbage collection
// make requests wait for those 10 ms. One that sleeps is not found, however short that is.
package giveway

import "time"

// pause is as short as timers go; the system makes some 70 µs of it.
const pause = 20 * time.Microsecond

// Pause lets others run. Who computes for long calls it after each half of a
// millisecond: that is what a request may wait for then.
func Pause() { time.Sleep(pause) }

// Work pauses after so many steps. The zero value is ready; it is for one goroutine.
type Work struct{ done int }

// Step notes one step of work, of which every are to be done between two pauses.
func (w *Work) Step(every int) {
	if w.done++; w.done >= every {
		w.done = 0
		Pause()
	}
}
