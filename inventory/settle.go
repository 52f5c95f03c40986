package inventory

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"hyperlocal/cache"
)

// keepClosed is how long a closed reservation can still be asked for. It is no
// shorter than keepIdempotency, so that a repeated request finds it.
const keepClosed = 24 * time.Hour

// Commit sells the units of an open reservation. Committing twice is fine.
//
// Errors: ErrNotFound; ErrReservationClosed if it was released or its time is
// up, in which case its units are available again.
func (inv *Inventory) Commit(ctx context.Context, id string) (Reservation, error) {
	r, err := inv.settle(ctx, id, Committed)
	if err == nil && r.State != Committed {
		return r, &ClosedError{ReservationID: id, State: r.State}
	}
	return r, err
}

// Release gives the units of an open reservation back. Releasing twice is fine,
// and so is releasing one that has expired: its units are back already.
//
// Errors: ErrNotFound; ErrReservationClosed if it was committed.
func (inv *Inventory) Release(ctx context.Context, id string) (Reservation, error) {
	r, err := inv.settle(ctx, id, Released)
	if err == nil && r.State == Committed {
		return r, &ClosedError{ReservationID: id, State: r.State}
	}
	return r, err
}

// settle brings an open reservation to a final state, Expired if its time is
// up, and returns it as it is then.
func (inv *Inventory) settle(ctx context.Context, id string, to State) (Reservation, error) {
	storeID, err := storeOf(id)
	if err != nil {
		return Reservation{}, err
	}
	call := settleCall(storeID, id, to, inv.nowMS())
	reply, err := inv.durable.Run(ctx, call.Script, call.Keys, call.Args)
	if err != nil {
		return Reservation{}, fmt.Errorf("close reservation %s: %w", id, err)
	}
	if err := refusal(reply, nil); err != nil {
		return Reservation{}, inv.absent(fmt.Errorf("%w: %s", err, id))
	}
	return Reservation{
		ID: id, StoreID: storeID,
		State:     State(reply.List[1].Str),
		OrderID:   reply.List[2].Str,
		ExpiresTS: whole(reply.List[3].Str),
		Lines:     splitLines(reply.List[4].Str),
	}, nil
}

// settleScript answers "done" with state, order, expiry and lines, or
// "missing". It runs at the memory limit, too: a closed reservation is forgotten
// soon, and its movements once they are drained.
var settleScript = &cache.Script{Name: "inventory_settle", Lua: recordLua + settleLua, Go: settleTwin, AllowOOM: true}

//go:embed settle.lua
var settleLua string

func settleCall(store, id string, to State, now int64) cache.Call {
	return cache.Call{
		Script: settleScript,
		Keys:   stockKeys(store, keyExpiring(store), keyReservation(store, id)),
		Args:   []string{store, decimal(now), id, string(to), decimal(keepClosed.Milliseconds())},
	}
}

// settledBy is the kind of the movements that bring a reservation to a state.
var settledBy = map[State]string{Committed: "commit", Released: "release", Expired: "expire"}

// stateAfter is the state that a reservation's movements of a kind leave it in.
var stateAfter = map[string]State{kindReserve: Open, "commit": Committed, "release": Released, "expire": Expired}

func settleTwin(t cache.Tx, keys, args []string) cache.Value {
	tx := openStock(t, keys, args)
	expiring, reservation := keys[4], keys[5]
	id, to := args[2], State(args[3])
	known := tx.HGet(reservation, fieldState)
	if !known.OK {
		tx.ZRem(expiring, id)
		return cache.List(cache.String(replyMissing))
	}
	state := State(known.Str)
	order := tx.HGet(reservation, fieldOrder).Str
	expires := tx.HGet(reservation, fieldExpires).Str
	lines := tx.HGet(reservation, fieldLines).Str
	created := "0" // one made by a version that did not note it
	if noted := tx.HGet(reservation, fieldCreated); noted.OK {
		created = noted.Str
	}

	due := whole(tx.now) >= whole(expires)
	if due {
		to = Expired
	}
	if state == Open && (due || to != Expired) {
		var changes []change
		for _, l := range splitLines(lines) {
			c := change{product: l.ProductID, reserved: -l.Units}
			if to != Committed {
				c.available = l.Units
			}
			changes = append(changes, c)
		}
		tx.record(settledBy[to], id, changes, reservationFields(order, created, expires, lines)...)
		tx.HSet(reservation, fieldState, string(to))
		tx.Expire(reservation, time.Duration(whole(args[4]))*time.Millisecond)
		state = to
	}
	if state != Open {
		tx.ZRem(expiring, id)
	}
	return cache.List(cache.String(replyDone), cache.String(string(state)),
		cache.String(order), cache.String(expires), cache.String(lines))
}
