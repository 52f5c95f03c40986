package inventory

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// MoveKind says why stock changes.
type MoveKind string

// The kinds of movement that a caller may ask for.
const (
	Receive MoveKind = "receive" // a delivery: adds units
	Return  MoveKind = "return"  // from a customer: adds units
	Waste   MoveKind = "waste"   // spoiled or broken: removes units
	Adjust  MoveKind = "adjust"  // adds, or removes if negative
	Count   MoveKind = "count"   // sets the units available to what was counted, without the reserved ones
)

// MoveRequest changes the stock of several products.
type MoveRequest struct {
	Kind MoveKind
	// Lines are 1 to MaxMovementLines. Units are 1 to MaxUnits; a count may be
	// 0, an adjustment negative. Lines of one product are summed, a count in
	// two places too.
	Lines     []persist.Line
	Reference string // the caller's own: a delivery note, say
	// IdempotencyKey makes a repetition within 24 hours answer like the first
	// time, without moving anything. Empty: none.
	IdempotencyKey string
}

const keepIdempotency = 24 * time.Hour

// Move carries out a request, all of its lines or none, and returns the units
// available of each of its products afterwards. What changes nothing, such as a
// count that was right, leaves no movement.
//
// Errors: ErrUnknownStore, ErrInvalid, ErrUnknownProduct, ErrInsufficient,
// ErrConflict, ErrBacklog.
func (inv *Inventory) Move(ctx context.Context, storeID string, req MoveRequest) (map[string]int64, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	if err := inv.requireLoaded(); err != nil {
		return nil, err
	}
	if err := inv.requireStoreAndLines(ctx, storeID, req.Lines); err != nil {
		return nil, err
	}
	lines := merge(req.Lines)
	keys, args, err := moveCall(storeID, req, lines, inv.nowMS(), inv.maxBacklog)
	if err != nil {
		return nil, err
	}
	reply, err := inv.durable.Run(ctx, moveScript, keys, args)
	if err != nil {
		return nil, fmt.Errorf("move stock of store %s: %w", storeID, err)
	}
	if err := refusal(reply, wanted(lines)); err != nil {
		return nil, err
	}
	stock := make(map[string]int64, len(lines))
	for i, l := range lines {
		stock[l.ProductID] = reply.List[i+1].Int
	}
	return stock, nil
}

func (req MoveRequest) check() error {
	least := int64(1)
	switch req.Kind {
	case Receive, Return, Waste:
	case Adjust:
		least = -MaxUnits
	case Count:
		least = 0
	default:
		return invalid("kind", "must be receive, return, waste, adjust or count")
	}
	if err := checkLines(req.Lines, MaxMovementLines, least); err != nil {
		return err
	}
	if req.Kind == Adjust {
		for i, l := range req.Lines {
			if l.Units == 0 {
				return invalid(fmt.Sprintf("lines[%d].units", i), "an adjustment by 0 is none")
			}
		}
	}
	if err := checkReference(req.Reference); err != nil {
		return err
	}
	return checkIdempotencyKey(req.IdempotencyKey)
}

// moveScript answers "done" and the units left of each line, "short" with
// product and units available of each that falls short, "conflict" or
// "backlog".
var moveScript = &cache.Script{Name: "inventory_move", Lua: recordLua + moveLua, Go: moveTwin}

//go:embed move.lua
var moveLua string

func moveCall(store string, req MoveRequest, lines []persist.Line, now, maxBacklog int64) (keys, args []string, err error) {
	print, err := fingerprint("move", req.Kind, req.Reference, lines)
	if err != nil {
		return nil, nil, err
	}
	keys = stockKeys(store)
	if req.IdempotencyKey != "" {
		keys = append(keys, keyIdempotency(store, req.IdempotencyKey))
	}
	args = []string{
		store, decimal(now), decimal(maxBacklog), string(req.Kind), req.Reference,
		print, decimal(keepIdempotency.Milliseconds()),
	}
	for _, l := range lines {
		units := l.Units
		if req.Kind == Waste {
			units = -units
		}
		args = append(args, l.ProductID, decimal(units))
	}
	return keys, args, nil
}

func moveTwin(t cache.Tx, keys, args []string) cache.Value {
	tx := openStock(t, keys, args)
	kind, reference, print, lines := args[3], args[4], args[5], args[7:]
	if len(keys) > 4 {
		if before := tx.Get(keys[4]); before.OK {
			words := strings.Fields(before.Str)
			if words[0] != print {
				return cache.List(cache.String(replyConflict))
			}
			after := []cache.Value{cache.String(replyDone)}
			for _, units := range words[1:] {
				after = append(after, cache.Int(whole(units)))
			}
			return cache.List(after...)
		}
	}
	if tx.waiting() >= whole(args[2]) {
		return cache.List(cache.String(replyBacklog))
	}

	var changes []change
	short := []cache.Value{cache.String(replyShort)}
	after := []cache.Value{cache.String(replyDone)}
	memo := print
	for i := 0; i < len(lines); i += 2 {
		product, units := lines[i], whole(lines[i+1])
		have := tx.unitsAvailable(product)
		if kind == string(Count) {
			units -= have
		}
		left := have + units
		if left < 0 {
			short = append(short, cache.String(product), cache.Int(have))
		}
		if units != 0 {
			changes = append(changes, change{product: product, available: units})
		}
		after = append(after, cache.Int(left))
		memo += " " + decimal(left)
	}
	if len(short) > 1 {
		return cache.List(short...)
	}

	if len(changes) > 0 {
		tx.record(kind, reference, changes)
	}
	if len(keys) > 4 {
		tx.Set(keys[4], memo, time.Duration(whole(args[6]))*time.Millisecond)
	}
	return cache.List(after...)
}

// The first word of a script's reply.
const (
	replyDone     = "done"
	replySame     = "same" // done before, under the same idempotency key
	replyShort    = "short"
	replyConflict = "conflict"
	replyBacklog  = "backlog"
	replyMissing  = "missing"

	replyChanged   = "changed"
	replyUndrained = "undrained"
)

// refusal makes a script's reply an error if it is one. wanted holds the units
// asked for of each product.
func refusal(reply cache.Value, wanted map[string]int64) error {
	switch reply.List[0].Str {
	case replyConflict:
		return ErrConflict
	case replyBacklog:
		return ErrBacklog
	case replyMissing:
		return ErrNotFound
	case replyShort:
		var e ShortageError
		for i := 1; i+1 < len(reply.List); i += 2 {
			id := reply.List[i].Str
			e.Shortages = append(e.Shortages, Shortage{
				ProductID: id, Wanted: wanted[id], Available: reply.List[i+1].Int,
			})
		}
		return &e
	}
	return nil
}

// wanted is how many units lines take of each product, a removal counted
// positive.
func wanted(lines []persist.Line) map[string]int64 {
	w := make(map[string]int64, len(lines))
	for _, l := range lines {
		w[l.ProductID] = max(l.Units, -l.Units)
	}
	return w
}
