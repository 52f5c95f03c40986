package inventory

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// State is where a reservation stands. Open is the only one that changes.
type State string

// The states of a reservation.
const (
	Open      State = "open"
	Committed State = "committed" // sold
	Released  State = "released"  // given back
	Expired   State = "expired"   // given back because its time was up
)

// Reservation is a number of units set aside for an order.
type Reservation struct {
	ID        string // "<store>.<uuid>"
	StoreID   string
	OrderID   string
	State     State
	Lines     []persist.Line // one for each product
	ExpiresTS int64          // ms since 1970: from then on an open one counts as expired
}

// The bounds of ReserveRequest.TTL, and what 0 means.
const (
	DefaultTTL = 10 * time.Minute
	MinTTL     = time.Second
	MaxTTL     = 24 * time.Hour
)

// ReserveRequest asks for units of several products for an order.
type ReserveRequest struct {
	OrderID string
	// Lines are 1 to MaxReservationLines of 1 to MaxUnits each. Lines of one
	// product are summed.
	Lines []persist.Line
	TTL   time.Duration // 0: DefaultTTL
	// IdempotencyKey makes a repetition within 24 hours answer with the same
	// reservation, as it is by then. Empty: none.
	IdempotencyKey string
}

// Reserve sets all units aside, or none and lists what falls short.
//
// Errors: ErrUnknownStore, ErrInvalid, ErrUnknownProduct, ErrInsufficient,
// ErrConflict, ErrBacklog.
func (inv *Inventory) Reserve(ctx context.Context, storeID string, req ReserveRequest) (Reservation, error) {
	if req.TTL == 0 {
		req.TTL = DefaultTTL
	}
	if err := req.check(); err != nil {
		return Reservation{}, err
	}
	if err := inv.requireLoaded(); err != nil {
		return Reservation{}, err
	}
	if err := inv.requireStoreAndLines(ctx, storeID, req.Lines); err != nil {
		return Reservation{}, err
	}
	unique, err := uuid.NewV7()
	if err != nil {
		return Reservation{}, fmt.Errorf("make a reservation's id: %w", err)
	}
	now := inv.nowMS()
	r := Reservation{
		ID: storeID + "." + unique.String(), StoreID: storeID, OrderID: req.OrderID,
		State: Open, Lines: merge(req.Lines), ExpiresTS: now + req.TTL.Milliseconds(),
	}
	keys, args, err := reserveCall(r, req, now, inv.maxBacklog)
	if err != nil {
		return Reservation{}, err
	}
	reply, err := inv.durable.Run(ctx, reserveScript, keys, args)
	if err != nil {
		return Reservation{}, fmt.Errorf("reserve in store %s: %w", storeID, err)
	}
	if err := refusal(reply, wanted(r.Lines)); err != nil {
		return Reservation{}, err
	}
	if reply.List[0].Str == replySame {
		return inv.Reservation(ctx, reply.List[1].Str)
	}
	return r, nil
}

func (req ReserveRequest) check() error {
	if !isNameID(req.OrderID) {
		return invalid("order_id", "%s", nameIDRule)
	}
	if req.TTL < MinTTL || req.TTL > MaxTTL {
		return invalid("ttl_s", "must be from %d to %d", int(MinTTL.Seconds()), int(MaxTTL.Seconds()))
	}
	if err := checkLines(req.Lines, MaxReservationLines, 1); err != nil {
		return err
	}
	return checkIdempotencyKey(req.IdempotencyKey)
}

// The fields of a reservation's hash, and the kind of its first movements. All but
// its state, which is in their kind, are in the last of its movements, too.
const (
	fieldState   = "state"
	fieldOrder   = "order"
	fieldCreated = "created"
	fieldExpires = "expires"
	fieldLines   = "lines"

	kindReserve = "reserve"
)

func reservationFields(order, created, expires, lines string) []cache.Field {
	return []cache.Field{
		{Name: fieldOrder, Value: order}, {Name: fieldCreated, Value: created},
		{Name: fieldExpires, Value: expires}, {Name: fieldLines, Value: lines},
	}
}

// reserveScript answers "done", "same" with the id of the reservation made
// before, "short" with product and units available of each that falls short,
// "conflict" or "backlog".
var reserveScript = &cache.Script{Name: "inventory_reserve", Lua: recordLua + reserveLua, Go: reserveTwin}

//go:embed reserve.lua
var reserveLua string

func reserveCall(r Reservation, req ReserveRequest, now, maxBacklog int64) (keys, args []string, err error) {
	print, err := fingerprint(kindReserve, r.OrderID, r.Lines, req.TTL)
	if err != nil {
		return nil, nil, err
	}
	keys = stockKeys(r.StoreID, keyExpiring(r.StoreID), keyReservation(r.StoreID, r.ID))
	if req.IdempotencyKey != "" {
		keys = append(keys, keyIdempotency(r.StoreID, req.IdempotencyKey))
	}
	return keys, []string{
		r.StoreID, decimal(now), decimal(maxBacklog), r.ID, r.OrderID, decimal(r.ExpiresTS),
		print, decimal(keepIdempotency.Milliseconds()), joinLines(r.Lines),
	}, nil
}

func reserveTwin(t cache.Tx, keys, args []string) cache.Value {
	tx := openStock(t, keys, args)
	expiring, reservation := keys[4], keys[5]
	id, order, expires, print, lines := args[3], args[4], args[5], args[6], args[8]
	if len(keys) > 6 {
		if before := tx.Get(keys[6]); before.OK {
			known, sameID, _ := strings.Cut(before.Str, " ")
			if known != print {
				return cache.List(cache.String(replyConflict))
			}
			return cache.List(cache.String(replySame), cache.String(sameID))
		}
	}
	if tx.waiting() >= whole(args[2]) {
		return cache.List(cache.String(replyBacklog))
	}

	var changes []change
	short := []cache.Value{cache.String(replyShort)}
	for _, l := range splitLines(lines) {
		if have := tx.unitsAvailable(l.ProductID); have < l.Units {
			short = append(short, cache.String(l.ProductID), cache.Int(have))
		}
		changes = append(changes, change{product: l.ProductID, available: -l.Units, reserved: l.Units})
	}
	if len(short) > 1 {
		return cache.List(short...)
	}

	about := reservationFields(order, tx.now, expires, lines)
	tx.record(kindReserve, id+" "+order, changes, about...) // drain.go and rebuild.go read it again
	tx.HSet(reservation, fieldState, string(Open))
	for _, f := range about {
		tx.HSet(reservation, f.Name, f.Value)
	}
	tx.ZAdd(expiring, id, float64(whole(expires)))
	if len(keys) > 6 {
		tx.Set(keys[6], print+" "+id, time.Duration(whole(args[7]))*time.Millisecond)
	}
	return cache.List(cache.String(replyDone))
}

// Reservation returns a reservation as it counts now: an open one whose time
// is up is expired, even if its units have not been given back yet. A closed
// one is kept for 24 hours.
//
// Errors: ErrNotFound.
func (inv *Inventory) Reservation(ctx context.Context, id string) (Reservation, error) {
	storeID, err := storeOf(id)
	if err != nil {
		return Reservation{}, err
	}
	h, err := inv.engine.HGetAll(ctx, keyReservation(storeID, id))
	if err != nil {
		return Reservation{}, fmt.Errorf("read reservation %s: %w", id, err)
	}
	if len(h) == 0 {
		return Reservation{}, inv.absent(fmt.Errorf("%w: %s", ErrNotFound, id))
	}
	r := Reservation{
		ID: id, StoreID: storeID, OrderID: h[fieldOrder], State: State(h[fieldState]),
		Lines: splitLines(h[fieldLines]), ExpiresTS: whole(h[fieldExpires]),
	}
	if r.State == Open && inv.nowMS() >= r.ExpiresTS {
		r.State = Expired
	}
	return r, nil
}

// storeOf takes the store from a reservation's id. An id that Reserve cannot
// have made is one that does not exist.
func storeOf(reservationID string) (string, error) {
	storeID, unique, _ := strings.Cut(reservationID, ".")
	if !isNameID(storeID) || len(unique) != 36 || uuid.Validate(unique) != nil {
		return "", fmt.Errorf("%w: %q", ErrNotFound, reservationID)
	}
	return storeID, nil
}
