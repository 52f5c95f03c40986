package orders

import (
	"context"
	"fmt"
	"slices"

	"hyperlocal/persist"
)

// AdvanceRequest is a step of an order.
type AdvanceRequest struct {
	Status   Status
	DriverID string // who brings it; empty: as it is
	Note     string // at most 500 characters
}

// Advance takes an order one step further and returns it with its history. The
// status it has already, with the same note and driver, is answered like the
// first time.
//
// Errors: ErrInvalid, also for a step that needs a driver and has none;
// ErrNotFound; ErrTransition; ErrConflict if the order has the status already
// with another note or driver, or if the driver who has the goods would change.
func (o *Orders) Advance(ctx context.Context, id string, req AdvanceRequest) (persist.Order, []persist.OrderEvent, error) {
	if err := req.check(); err != nil {
		return persist.Order{}, nil, err
	}
	// Each attempt that is lost to another server's step is one step of the
	// order, and there are fewer of those than attempts.
	for range 2 * len(way) {
		order, events, err := o.Get(ctx, id)
		if err != nil {
			return persist.Order{}, nil, err
		}
		next, event, err := o.step(order, events, req)
		if err != nil {
			return persist.Order{}, nil, err
		}
		if next.Version == order.Version {
			return order, events, nil
		}
		won, err := o.writeOver(ctx, order, events, next, event)
		if err != nil {
			return persist.Order{}, nil, err
		}
		if won {
			return next, append(events, event), nil
		}
	}
	return persist.Order{}, nil, fmt.Errorf("advance order %s: %w", id, errContended)
}

func (req AdvanceRequest) check() error {
	switch {
	case !req.Status.known():
		return invalid("status", "no such status")
	case !isText(req.DriverID, maxID):
		return invalid("driver_id", "must be UTF-8 of at most %d characters", maxID)
	case !isText(req.Note, maxNote):
		return invalid("note", "must be UTF-8 of at most %d characters", maxNote)
	}
	return nil
}

// step decides what a request makes of an order: the order after it with the
// new event, or the order as it is if the request was carried out before.
func (o *Orders) step(order persist.Order, events []persist.OrderEvent, req AdvanceRequest) (persist.Order, persist.OrderEvent, error) {
	var none persist.OrderEvent
	from := Status(order.Status)
	driverChanges := req.DriverID != "" && req.DriverID != order.DriverID
	if req.Status == from {
		switch {
		case driverChanges:
			return order, none, conflict("driver_id", "the order is %s already, with %s", from, driverOrNone(order.DriverID))
		case !slices.ContainsFunc(events, func(e persist.OrderEvent) bool { return e.Status == order.Status && e.Note == req.Note }):
			return order, none, conflict("note", "the order is %s already, with another note", from)
		}
		return order, none, nil
	}
	if next := from.Next(); !slices.Contains(next, req.Status) {
		return order, none, &TransitionError{From: from, To: req.Status, Allowed: next}
	}
	if driverChanges && from.driverFixed() {
		return order, none, conflict("driver_id", "the goods are with driver %s", order.DriverID)
	}
	if driverChanges {
		order.DriverID = req.DriverID
	}
	if req.Status.driverFixed() && order.DriverID == "" {
		return order, none, invalid("driver_id", "an order that is %s needs a driver", req.Status)
	}
	order.Status = string(req.Status)
	order.Version++
	order.UpdatedTS = max(o.nowMS(), order.UpdatedTS) // servers' clocks differ; history runs forward
	return order, persist.OrderEvent{
		OrderID: order.ID, Seq: order.Version, TS: order.UpdatedTS,
		Status: order.Status, DriverID: order.DriverID, Note: req.Note,
	}, nil
}

func driverOrNone(id string) string {
	if id == "" {
		return "no driver"
	}
	return "driver " + id
}
