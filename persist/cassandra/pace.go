package cassandra

import (
	"context"
	"sync"
	"time"
)

// The bounds of how many batches are under way at a time, of all calls together.
const (
	minInFlight = 2
	maxInFlight = 64
	// paceWindow is how many answers make a judgement.
	paceWindow = 16
	// slowFactor is how much longer than usual answers take when there are too many
	// under way.
	slowFactor = 1.5
)

// pacer lets as many requests be under way as the cluster answers without growing
// slower: additive increase, multiplicative decrease, as TCP does it. What answers
// usually take is the least of windows' means, from when as few as possible were under
// way: it begins with those. If answers are slow though no fewer can be, it is the
// cluster that has become slower, and that is what is usual from then on. A mean that
// drifted with what is seen would follow the queue that many requests make themselves,
// and end at the most of them.
type pacer struct {
	mu      sync.Mutex // guards what follows
	limit   int
	flying  int
	waiting []chan struct{} // in order; closed when one may go

	usual time.Duration // 0: not known yet
	sum   time.Duration // of this window
	count int
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

// leave says that a request was answered, after which time and whether by a failure
// of the cluster.
func (p *pacer) leave(took time.Duration, failed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying--
	if failed {
		p.limit = max(minInFlight, p.limit/2)
		p.sum, p.count = 0, 0
	} else if p.sum, p.count = p.sum+took, p.count+1; p.count >= paceWindow {
		p.judge(p.sum / time.Duration(p.count))
		p.sum, p.count = 0, 0
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
	p.limit = min(maxInFlight, p.limit+1)
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
