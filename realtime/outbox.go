package realtime

import "sync"

// outbox is what waits to be sent to one follower: frames that must arrive, in
// order and bounded in bytes, then marks of topics with a new state, each at
// most once. Any goroutine may put something in; one writer takes out.
type outbox struct {
	wake chan struct{} // holds a token while there may be something to take

	mu     sync.Mutex
	must   []*frame
	bytes  int // of must
	limit  int
	marked []*subscription
	reason *closing // set once; then nothing else comes out
	// hurry, if set, is called when the outbox is shut, so that a writer that
	// is held up by its follower does not stay. It must not wait.
	hurry func()
}

func newOutbox(limit int) outbox {
	return outbox{wake: make(chan struct{}, 1), limit: limit}
}

// setHurry sets hurry, and calls it if the outbox is shut already.
func (o *outbox) setHurry(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hurry = f
	if o.reason != nil {
		f()
	}
}

// push queues a frame that must arrive. It reports false if it did not fit;
// then the follower is being closed.
func (o *outbox) push(f *frame) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reason != nil {
		return true // on its way out: it will ask for the rest when it is back
	}
	if o.bytes+f.size() > o.limit {
		o.end(&closeSlow)
		return false
	}
	o.must = append(o.must, f)
	o.bytes += f.size()
	o.signal()
	return true
}

// mark queues a topic's news. It reports false if earlier news were still
// waiting, which are now covered by the same frame.
func (o *outbox) mark(s *subscription) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.ended || o.reason != nil {
		return true
	}
	if s.queued {
		return false
	}
	s.queued = true
	o.marked = append(o.marked, s)
	o.signal()
	return true
}

// forget makes sure that nothing more of the subscription's state is sent.
func (o *outbox) forget(s *subscription) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.ended = true
}

// shut ends the outbox: what waits is dropped, and the writer gets the reason.
// It reports whether this was the first reason.
func (o *outbox) shut(c *closing) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reason != nil {
		return false
	}
	o.end(c)
	return true
}

func (o *outbox) end(c *closing) {
	o.reason = c
	if o.hurry != nil {
		o.hurry()
	}
	o.must, o.marked, o.bytes = nil, nil, 0
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take returns the next thing to do: send a frame, make one of a subscription's
// news, or close. All nil means that there is nothing.
func (o *outbox) take() (f *frame, s *subscription, c *closing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reason != nil {
		return nil, nil, o.reason
	}
	if len(o.must) > 0 {
		f, o.must[0] = o.must[0], nil
		o.must = o.must[1:]
		o.bytes -= f.size()
		return f, nil, nil
	}
	for len(o.marked) > 0 {
		s, o.marked[0] = o.marked[0], nil
		o.marked = o.marked[1:]
		s.queued = false
		if !s.ended {
			return nil, s, nil
		}
	}
	return nil, nil, nil
}
