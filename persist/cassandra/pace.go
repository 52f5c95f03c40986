package cassandra

import (
	"context"
	"sync"
	"time"
)

// The bounds of how many batches are under way at a time, of all calls together.
const (
	minInFlight = 1
	maxInFlight = 64
	// paceWindow is how many answers make a judgement.
	paceWindow = 16
	// slowFactor is how much longer than usual answers take when there are too many
	// under way.
	slowFactor = 1.5
	// patience is how long a call may take until it is late.
	patience = 300 * time.Millisecond
)

// pacer lets one request be under way at a time, as long as that is fast enough. Beside
// a cluster that shares its processors with the server, or nodes that have two, more are
// seen by everybody else. While calls are late, it lets as many be under way as the
// cluster answers without growing slower: additive increase, multiplicative decrease, as
// TCP does it; and fewer again, one by one, when none is late. What answers usually take
// is the least of windows' means, from when as few as possible were under way: it begins
// with those. If answers are slow though no fewer can be, it is the cluster that has
// become slower, and that is what is usual from then on. A mean that drifted with what is
// seen would follow the queue that many requests make themselves, and end at the most of
// them.
type pacer struct {
	mu      sync.Mutex // guards what follows
	limit   int
	flying  int
	waiting []chan struct{} // in order; closed when one may go

	usual time.Duration // 0: not known yet
	sum   time.Duration // of this window
	count int
	late  bool // a call was
}

func newPacer() *pacer { return &pacer{limit: minInFlight} }

// enter waits until a request may be sent, which leave is to be told of.
func (p *pacer) enter(ctx context.Context) error {
	p.mu.Lock()
	if p.flying < p.limit && len(p.waiting) == 0 {
		p.flying++
		p.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, w := range p.waiting {
			if w == turn {
				p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
				return ctx.Err()
			}
		}
		p.flying-- // it was its turn just now
		p.admit()
		return ctx.Err()
	}
}

// answer is what became of a request.
type answer struct {
	took   time.Duration
	failed bool // the cluster
	late   bool // the call has been going on for longer than patience
}

// leave says that a request was answered.
func (p *pacer) leave(a answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying--
	p.late = p.late || a.late
	if a.failed {
		p.limit = max(minInFlight, p.limit/2)
		p.sum, p.count, p.late = 0, 0, false
	} else if p.sum, p.count = p.sum+a.took, p.count+1; p.count >= paceWindow {
		p.judge(p.sum / time.Duration(p.count))
		p.sum, p.count, p.late = 0, 0, false
	}
	p.admit()
}

// judge changes the limit by a window's mean.
func (p *pacer) judge(mean time.Duration) {
	slow := float64(mean) > slowFactor*float64(p.usual)
	switch {
	case p.usual == 0, mean < p.usual, slow && p.limit == minInFlight:
		p.usual = mean
	case slow:
		p.limit = max(minInFlight, p.limit*3/4)
		return
	}
	if p.late {
		p.limit = min(maxInFlight, p.limit+1)
	} else {
		p.limit = max(minInFlight, p.limit-1)
	}
}

// admit lets those go whose turn it is. p.mu is held.
func (p *pacer) admit() {
	for p.flying < p.limit && len(p.waiting) > 0 {
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
		p.flying++
	}
}

// InFlight returns how many batches may be under way now: less while the cluster is
// slow.
func (s *Store) InFlight() int {
	s.pace.mu.Lock()
	defer s.pace.mu.Unlock()
	return s.pace.limit
}
