package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// Get returns an order with all its events, from the engine or, when it is no
// longer there, from the database.
//
// Errors: ErrNotFound.
func (o *Orders) Get(ctx context.Context, id string) (persist.Order, []persist.OrderEvent, error) {
	if !isNameID(id) {
		return persist.Order{}, nil, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	s, err := o.live(ctx, id)
	if err != nil || s.there {
		return s.order, s.events, err
	}
	return o.Recorded(ctx, id)
}

// Recorded returns an order as the database has it, which is some seconds behind
// while it is under way.
//
// Errors: ErrNotFound.
func (o *Orders) Recorded(ctx context.Context, id string) (persist.Order, []persist.OrderEvent, error) {
	order, events, err := o.db.Order(ctx, id)
	if errors.Is(err, persist.ErrNotFound) {
		err = fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return order, events, err
}

// Events returns the events of an order with a sequence greater than after, in
// order. There may be none.
//
// Errors: ErrNotFound.
func (o *Orders) Events(ctx context.Context, id string, after int64) ([]persist.OrderEvent, error) {
	_, events, err := o.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	for len(events) > 0 && events[0].Seq <= after {
		events = events[1:]
	}
	return events, nil
}

// state is an order with its history as the engine has it.
type state struct {
	there  bool
	order  persist.Order
	events []persist.OrderEvent
}

// errMalformed: the engine holds as an order what this package does not write.
var errMalformed = errors.New("not an order")

// live returns an order as the engine has it. One that has just expired there
// is not there.
func (o *Orders) live(ctx context.Context, id string) (s state, err error) {
	h, err := o.engine.HGetAll(ctx, keyOrder(id))
	if err != nil {
		return s, fmt.Errorf("read order %s: %w", id, err)
	}
	if len(h) == 0 {
		return s, nil
	}
	if s.order, err = decodeOrder(id, h); err != nil {
		return s, err
	}
	// Steps taken since the order was read are left for the next time.
	entries, err := o.engine.XRange(ctx, keyEvents(id), "-", decimal(s.order.Version)+"-0", 0)
	if err != nil {
		return s, fmt.Errorf("read events of order %s: %w", id, err)
	}
	for _, e := range entries {
		event, err := decodeEvent(id, e)
		if err != nil {
			return s, err
		}
		s.events = append(s.events, event)
	}
	s.there = int64(len(s.events)) == s.order.Version
	return s, nil
}

func decodeOrder(id string, h map[string]string) (persist.Order, error) {
	var d details
	err := json.Unmarshal([]byte(h[fieldDetails]), &d)
	version, errVersion := strconv.ParseInt(h[fieldVersion], 10, 64)
	updated, errUpdated := strconv.ParseInt(h[fieldUpdated], 10, 64)
	if err := errors.Join(err, errVersion, errUpdated); err != nil {
		return persist.Order{}, fmt.Errorf("order %s as the engine has it: %w: %w", id, errMalformed, err)
	}
	return persist.Order{
		ID: id, Status: h[fieldStatus], Version: version, DriverID: h[fieldDriver], UpdatedTS: updated,
		StoreID: d.StoreID, CustomerID: d.CustomerID, ReservationID: d.ReservationID,
		DropLat: d.DropLat, DropLon: d.DropLon, Lines: d.Lines, CreatedTS: d.CreatedTS,
	}, nil
}

func decodeEvent(orderID string, e cache.Entry) (persist.OrderEvent, error) {
	number, _, _ := strings.Cut(e.ID, "-")
	seq, err := strconv.ParseInt(number, 10, 64)
	event := persist.OrderEvent{OrderID: orderID, Seq: seq}
	for _, f := range e.Fields {
		switch f.Name {
		case fieldTS:
			var errTS error
			event.TS, errTS = strconv.ParseInt(f.Value, 10, 64)
			err = errors.Join(err, errTS)
		case fieldStatus:
			event.Status = f.Value
		case fieldDriver:
			event.DriverID = f.Value
		case fieldNote:
			event.Note = f.Value
		}
	}
	if err != nil {
		return event, fmt.Errorf("event %s of order %s as the engine has it: %w: %w", e.ID, orderID, errMalformed, err)
	}
	return event, nil
}
