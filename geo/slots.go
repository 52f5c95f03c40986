package geo

import (
	"context"
	"time"
)

const (
	// zonesAtOnce is how many zones' rows are written at a time at most.
	zonesAtOnce = 4
	// slotPatience is how long a zone waits for another before it is written beside it.
	slotPatience = 4 * time.Second
)

// slots let zones write their rows one after the other, as long as nobody waits for long.
// Those whose turns come at the same time would keep the database, and what else runs on
// its machine or ours, the busier for a moment, and leave it idle then.
type slots struct{ usual, more chan struct{} }

func newSlots() slots {
	return slots{make(chan struct{}, 1), make(chan struct{}, zonesAtOnce-1)}
}

// enter waits for a slot and returns what gives it back.
func (s slots) enter(ctx context.Context) (leave func(), err error) {
	patience := time.NewTimer(slotPatience)
	defer patience.Stop()
	var more chan struct{} // nobody's before patience ends
	for {
		select {
		case s.usual <- struct{}{}:
			return func() { <-s.usual }, nil
		case more <- struct{}{}:
			return func() { <-more }, nil
		case <-patience.C:
			more = s.more
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
