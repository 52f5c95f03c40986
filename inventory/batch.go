package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// batch is a piece of what waits in one store's stream.
type batch struct {
	store        string
	movements    []persist.Movement
	reservations []persist.Reservation // as some of the movements left them
	bad          []badEntry            // what is no movement
	oldest       int64                 // time of the first entry that has one, ms
	last         int64                 // number of the last entry
}

type badEntry struct {
	entry  cache.Entry
	reason error
}

func (b *batch) size() int { return len(b.movements) + len(b.bad) }

// undrained returns what waits in a store's stream, oldest first, at most limit
// entries; 0 means all.
func (inv *Inventory) undrained(ctx context.Context, storeID string, limit int) (*batch, error) {
	entries, err := inv.engine.XRange(ctx, keyMovements(storeID), "-", "+", limit)
	if err != nil {
		return nil, fmt.Errorf("read movements of store %s: %w", storeID, err)
	}
	b := &batch{store: storeID, movements: make([]persist.Movement, 0, len(entries))}
	for _, e := range entries {
		b.last = sequence(e.ID)
		m, r, err := decodeMovement(storeID, e)
		b.oldest = cmp.Or(b.oldest, m.TS)
		if err != nil {
			b.bad = append(b.bad, badEntry{e, fmt.Errorf("movement %s of store %s: %w", e.ID, storeID, err)})
			continue
		}
		b.movements = append(b.movements, m)
		if r != nil {
			b.reservations = append(b.reservations, *r)
		}
	}
	return b, nil
}

// errBadMovement: a stream holds what no script of this package writes.
var errBadMovement = errors.New("not a stock movement")

// decodeMovement is the inverse of what record appends: a movement and, of the last
// one of a state of a reservation, the reservation.
func decodeMovement(storeID string, e cache.Entry) (persist.Movement, *persist.Reservation, error) {
	m := persist.Movement{StoreID: storeID, Seq: sequence(e.ID)}
	r := persist.Reservation{StoreID: storeID, Seq: m.Seq}
	for _, f := range e.Fields {
		var err error
		switch f.Name {
		case fieldTS:
			m.TS, err = strconv.ParseInt(f.Value, 10, 64)
		case fieldKind:
			m.Kind = f.Value
		case fieldProduct:
			m.ProductID = f.Value
		case fieldAvailable:
			m.Available, err = strconv.ParseInt(f.Value, 10, 64)
		case fieldReserved:
			m.Reserved, err = strconv.ParseInt(f.Value, 10, 64)
		case fieldRef:
			m.Reference = f.Value
		case fieldOrder:
			r.OrderID = f.Value
		case fieldCreated:
			r.CreatedTS, err = strconv.ParseInt(f.Value, 10, 64)
		case fieldExpires:
			r.ExpiresTS, err = strconv.ParseInt(f.Value, 10, 64)
		case fieldLines:
			r.Lines = splitLines(f.Value)
		}
		if err != nil {
			return m, nil, fmt.Errorf("%w: field %s is %q", errBadMovement, f.Name, f.Value)
		}
	}
	if err := m.Validate(); err != nil {
		return m, nil, fmt.Errorf("%w: %w", errBadMovement, err)
	}
	if len(r.Lines) == 0 {
		return m, nil, nil
	}
	r.ID, _ = reservationOf(m)
	state := stateAfter[m.Kind]
	r.State = string(state)
	if state != Open {
		r.ClosedTS = m.TS
	}
	if err := r.Validate(); err != nil {
		return m, nil, fmt.Errorf("%w: its reservation: %w", errBadMovement, err)
	}
	return m, &r, nil
}

// reservationOf returns the reservation that a movement of reserved units is of
// and, if it makes one, the order.
func reservationOf(m persist.Movement) (id, order string) {
	id, order, _ = strings.Cut(m.Reference, " ")
	return id, order
}
