package orders

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// Milestone is something that the order's driver does on the way from one state
// to the next. It is an event of the order like its steps, numbered among them,
// whose status is the milestone's name; the order's state stays what it is.
type Milestone string

// The milestones.
const (
	ArrivedAtStore Milestone = "arrived_at_store" // while the order is accepted or being prepared
	NearCustomer   Milestone = "near_customer"    // while it is picked up or out for delivery
)

// ahead returns the milestone that an order in s waits for, or none.
func (s Status) ahead() Milestone {
	switch s {
	case Accepted, BeingPrepared:
		return ArrivedAtStore
	case PickedUp, OutForDelivery:
		return NearCustomer
	}
	return ""
}

// IsMilestone tells whether an event's status is a milestone and no state.
func IsMilestone(status string) bool {
	return status == string(ArrivedAtStore) || status == string(NearCustomer)
}

// Reach notes that the order's driver has reached a milestone, and reports
// whether that was news. It is none, and nothing is written, if this driver has
// reached it before, if another driver brings the order by now, or if the
// order's state does not wait for it any more. So it may be called any number of
// times, by any number of servers: an order has each milestone once for each
// driver.
//
// Errors: ErrNotFound.
func (o *Orders) Reach(ctx context.Context, id, driverID string, m Milestone) (bool, error) {
	for range 2 * len(way) { // as in Advance
		order, events, err := o.Get(ctx, id)
		if err != nil {
			return false, err
		}
		if order.DriverID != driverID || awaited(order, events) != m || m == "" {
			return false, nil
		}
		next := order
		next.Version++
		next.UpdatedTS = max(o.nowMS(), order.UpdatedTS)
		won, err := o.writeOver(ctx, order, events, next, persist.OrderEvent{
			OrderID: id, Seq: next.Version, TS: next.UpdatedTS, Status: string(m), DriverID: driverID,
		})
		if won || err != nil {
			return won, err
		}
	}
	return false, fmt.Errorf("milestone of order %s: %w", id, errContended)
}

// awaited returns the milestone that an order waits for: none without a driver,
// or if the driver has reached it.
func awaited(order persist.Order, events []persist.OrderEvent) Milestone {
	m := Status(order.Status).ahead()
	reached := slices.ContainsFunc(events, func(e persist.OrderEvent) bool {
		return e.Status == string(m) && e.DriverID == order.DriverID
	})
	if order.DriverID == "" || reached {
		return ""
	}
	return m
}

// Carried is an order that has, or had, a driver.
type Carried struct {
	persist.Order
	Awaits Milestone // none if there is nothing to wait for any more
}

const (
	// carriedPage is how many orders CarriedSince answers about at most, if not
	// more changed in one millisecond.
	carriedPage = 1000
	// readAtOnce bounds the orders that are read from the engine at one time.
	readAtOnce = 16
)

// CarriedSince returns the orders with a driver that a step was begun of at
// sinceMS (ms since 1970) or later, about a thousand at most; next is what to
// ask from to get the others, and is sinceMS if there are none. A step is marked
// up to three seconds before it can be read, so who follows the changes asks
// from some seconds before the last answer.
func (o *Orders) CarriedSince(ctx context.Context, sinceMS int64) (carried []Carried, next int64, err error) {
	marks, err := o.carriedMarks(ctx, sinceMS)
	if err != nil || len(marks) == 0 {
		return nil, sinceMS, err
	}
	found := make([]state, len(marks))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readAtOnce)
	for i, m := range marks {
		g.Go(func() (err error) {
			found[i], err = o.live(gctx, m.Name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, sinceMS, err
	}
	for _, s := range found {
		if s.there {
			carried = append(carried, Carried{Order: s.order, Awaits: awaited(s.order, s.events)})
		}
	}
	return carried, int64(marks[len(marks)-1].Score) + 1, nil
}

// carriedMarks returns the oldest marks from sinceMS on, all of each millisecond.
func (o *Orders) carriedMarks(ctx context.Context, sinceMS int64) ([]cache.Member, error) {
	latest := float64(o.now().Add(settle).UnixMilli()) // other servers' clocks may be ahead
	marks, err := o.engine.ZRangeByScore(ctx, keyCarried, cache.ScoreRange{Min: float64(sinceMS), Max: latest, Limit: carriedPage})
	if err != nil {
		return nil, fmt.Errorf("read orders under way: %w", err)
	}
	if len(marks) < carriedPage {
		return marks, nil
	}
	last := marks[len(marks)-1].Score
	same, err := o.engine.ZRangeByScore(ctx, keyCarried, cache.ScoreRange{Min: last, Max: last})
	if err != nil {
		return nil, fmt.Errorf("read orders under way: %w", err)
	}
	marks = slices.DeleteFunc(marks, func(m cache.Member) bool { return m.Score == last })
	return append(marks, same...), nil
}
