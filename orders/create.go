package orders

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"

	"hyperlocal/persist"
)

// Bounds of a request.
const (
	MaxLines          = 100
	MaxUnits          = 1_000_000 // of one line
	maxID             = 64        // characters
	maxReservationID  = 128       // characters
	maxIdempotencyKey = 128       // bytes
	maxNote           = 500       // characters
)

// NewOrder is an order to be placed.
type NewOrder struct {
	// ID is the caller's own, 1 to 64 of A-Z a-z 0-9 _ -. It makes a repetition
	// answer with the order that is there. Empty: one is made.
	ID string
	// IdempotencyKey does the same for an order without an ID, within its
	// customer's keys. With an ID it is not needed and not looked at.
	IdempotencyKey string

	StoreID          string
	CustomerID       string // may be empty
	ReservationID    string // may be empty
	DropLat, DropLon float64
	Lines            []persist.Line // 1 to MaxLines of 1 to MaxUnits each
}

// keySpace is where ids made from idempotency keys live among the UUIDs.
var keySpace = uuid.MustParse("6f0a3f0e-5d3f-5b0e-9a55-1d1f6c7b2a44")

// Create places an order and returns it with its first event. Placing the same
// order again, by ID or by idempotency key, returns it as it is by then.
//
// While the database is unavailable, an ID of an order that was finished more
// than a day ago is not recognised.
//
// Errors: ErrInvalid; ErrConflict if there is another order of that ID or key;
// ErrBacklog.
func (o *Orders) Create(ctx context.Context, n NewOrder) (persist.Order, []persist.OrderEvent, error) {
	if err := n.check(); err != nil {
		return persist.Order{}, nil, err
	}
	now := o.nowMS()
	order := persist.Order{
		ID: n.ID, Status: string(Placed), Version: 1,
		StoreID: n.StoreID, CustomerID: n.CustomerID, ReservationID: n.ReservationID,
		DropLat: n.DropLat, DropLon: n.DropLon, Lines: slices.Clone(n.Lines),
		CreatedTS: now, UpdatedTS: now,
	}
	field := "order_id"
	switch {
	case n.ID != "":
	case n.IdempotencyKey != "":
		field = "Idempotency-Key"
		order.ID = uuid.NewSHA1(keySpace, []byte(n.CustomerID+"\x00"+n.IdempotencyKey)).String()
	default:
		id, err := uuid.NewV7()
		if err != nil {
			return persist.Order{}, nil, fmt.Errorf("make an order's id: %w", err)
		}
		order.ID = id.String()
	}
	waiting, err := o.engine.ZCard(ctx, keyChanged)
	if err != nil {
		return persist.Order{}, nil, fmt.Errorf("place an order: %w", err)
	}
	if waiting >= o.maxBacklog {
		return persist.Order{}, nil, ErrBacklog
	}
	if n.ID != "" || n.IdempotencyKey != "" {
		there, events, err := o.Get(ctx, order.ID)
		switch {
		case err == nil:
			return same(there, events, order, field)
		case !errors.Is(err, ErrNotFound) && !errors.Is(err, persist.ErrUnavailable):
			return persist.Order{}, nil, err
		}
	}

	event := persist.OrderEvent{OrderID: order.ID, Seq: 1, TS: now, Status: order.Status}
	won, err := o.write(ctx, 0, order, event)
	if err != nil {
		return persist.Order{}, nil, err
	}
	if !won { // somebody placed it in this moment
		there, events, err := o.Get(ctx, order.ID)
		if err != nil {
			return persist.Order{}, nil, err
		}
		return same(there, events, order, field)
	}
	return order, []persist.OrderEvent{event}, nil
}

// same returns the order that is there if it is the one that was to be placed.
func same(there persist.Order, events []persist.OrderEvent, order persist.Order, field string) (persist.Order, []persist.OrderEvent, error) {
	equal := there.StoreID == order.StoreID && there.CustomerID == order.CustomerID &&
		there.ReservationID == order.ReservationID &&
		there.DropLat == order.DropLat && there.DropLon == order.DropLon &&
		slices.Equal(there.Lines, order.Lines)
	if !equal {
		return persist.Order{}, nil, conflict(field, "there is another order of it")
	}
	return there, events, nil
}

func (n NewOrder) check() error {
	switch {
	case n.ID != "" && !isNameID(n.ID):
		return invalid("order_id", "%s", nameIDRule)
	case !isNameID(n.StoreID):
		return invalid("store_id", "%s", nameIDRule)
	case !isText(n.CustomerID, maxID):
		return invalid("customer_id", "must be UTF-8 of at most %d characters", maxID)
	case !isText(n.ReservationID, maxReservationID):
		return invalid("reservation_id", "must be UTF-8 of at most %d characters", maxReservationID)
	case len(n.IdempotencyKey) > maxIdempotencyKey:
		return invalid("Idempotency-Key", "must have at most %d characters", maxIdempotencyKey)
	case !(math.Abs(n.DropLat) <= 90): // NaN too
		return invalid("drop.lat", "must be from -90 to 90 degrees")
	case !(math.Abs(n.DropLon) <= 180):
		return invalid("drop.lon", "must be from -180 to 180 degrees")
	case len(n.Lines) == 0 || len(n.Lines) > MaxLines:
		return invalid("lines", "there must be 1 to %d lines, there are %d", MaxLines, len(n.Lines))
	}
	for i, l := range n.Lines {
		if l.ProductID == "" || !isText(l.ProductID, maxID) {
			return invalid(fmt.Sprintf("lines[%d].product_id", i), "must be UTF-8 of 1 to %d characters", maxID)
		}
		if l.Units < 1 || l.Units > MaxUnits {
			return invalid(fmt.Sprintf("lines[%d].units", i), "must be from 1 to %d, is %d", MaxUnits, l.Units)
		}
	}
	return nil
}

const nameIDRule = "must be 1 to 64 of A-Z a-z 0-9 _ -"

// isNameID tells whether s can be the id of an order or a store. An order's id
// goes into keys, as a hash tag, as it is.
func isNameID(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func isText(s string, most int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most
}
