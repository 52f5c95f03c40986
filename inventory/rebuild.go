package inventory

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

var (
	// ErrUndrained is what Rebuild and Restore return while movements wait for the
	// ledger.
	ErrUndrained = errors.New("movements wait for the ledger")
	// ErrNoLedger is what Restore returns where there is nothing to restore from.
	ErrNoLedger = errors.New("the database has no movement of the store")
)

// Rebuild puts a store's stock back from the ledger if the engine has none of
// it, and reports whether it did. What had not reached the ledger when the
// engine was lost stays lost. Reservations are as they were, those that were closed
// within the last day, too; one of which the ledger alone knows is open for
// DefaultTTL from now.
//
// Errors: ErrUndrained.
func (inv *Inventory) Rebuild(ctx context.Context, storeID string) (bool, error) {
	seq, err := inv.lastSeq(ctx, storeID)
	if err != nil || seq > 0 {
		return false, err
	}
	err = inv.replace(ctx, storeID, "", nil)
	if errors.Is(err, ErrNoLedger) || errors.Is(err, ErrBusy) { // nothing was lost, or another server was first
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("rebuild the stock of store %s: %w", storeID, err)
	}
	return true, nil
}

// Restore replaces what the engine has of a store's stock and open
// reservations by what the ledger says, as of one moment: if stock changes, or a
// movement waits that the ledger does not have, nothing is done.
//
// Errors: ErrUndrained, ErrBusy, ErrNoLedger.
func (inv *Inventory) Restore(ctx context.Context, storeID string) error {
	seen, err := inv.engine.HGet(ctx, keyMeta(storeID), metaSeq)
	if err != nil {
		return fmt.Errorf("restore the stock of store %s: %w", storeID, err)
	}
	open, err := inv.expiring(ctx, storeID)
	if err != nil {
		return fmt.Errorf("restore the stock of store %s: %w", storeID, err)
	}
	if err := inv.replace(ctx, storeID, seen.Str, slices.Sorted(maps.Keys(open))); err != nil {
		return fmt.Errorf("restore the stock of store %s: %w", storeID, err)
	}
	return nil
}

// expiring returns a store's open reservations with the end of each, in ms.
func (inv *Inventory) expiring(ctx context.Context, storeID string) (map[string]int64, error) {
	members, err := inv.engine.ZRangeByScore(ctx, keyExpiring(storeID), cache.ScoreRange{Min: math.Inf(-1), Max: math.Inf(1)})
	if err != nil {
		return nil, err
	}
	open := make(map[string]int64, len(members))
	for _, m := range members {
		open[m.Name] = int64(m.Score)
	}
	return open, nil
}

// replace makes of a store what the database says, provided that the number of
// its last movement is seen in the engine, and removes the reservations gone.
func (inv *Inventory) replace(ctx context.Context, storeID, seen string, gone []string) error {
	b, reservations, err := inv.recorded(ctx, storeID)
	if err != nil {
		return err
	}
	if b.last == 0 {
		return ErrNoLedger
	}
	call := rebuildCall(storeID, b, reservations, gone, seen, inv.nowMS())
	reply, err := inv.durable.Run(ctx, call.Script, call.Keys, call.Args)
	switch {
	case err != nil:
		return err
	case reply.List[0].Str == replyChanged:
		return ErrBusy
	case reply.List[0].Str == replyUndrained:
		return ErrUndrained
	}
	return nil
}

// recorded returns what a store's movements add up to, and its reservations in order
// of id: the open ones and those that can still be asked for. The movements decide
// which are open and with how many units. What the database's rows of them say
// otherwise is put right there.
func (inv *Inventory) recorded(ctx context.Context, storeID string) (*balance, []persist.Reservation, error) {
	now := inv.nowMS()
	rows, err := inv.db.Reservations(ctx, storeID, now-keepClosed.Milliseconds())
	if err != nil {
		return nil, nil, err
	}
	known := make(map[string]*persist.Reservation, len(rows))
	for i := range rows {
		known[rows[i].ID] = &rows[i]
	}
	b, mended := newBalance(), map[string]bool{}
	err = inv.eachMovement(ctx, storeID, func(m persist.Movement) {
		b.add(m)
		id, _ := reservationOf(m)
		if r := known[id]; r != nil && m.Reserved < 0 && m.Seq > r.Seq { // its state did not get there
			r.Seq, r.State, r.ClosedTS, mended[id] = m.Seq, string(stateAfter[m.Kind]), m.TS, true
		}
	})
	if err != nil {
		return nil, nil, err
	}
	for id, held := range b.open {
		if !held.sound() { // movements are missing; Check tells
			delete(b.open, id)
			continue
		}
		r := known[id]
		if r == nil || r.ClosedTS > 0 {
			r = &persist.Reservation{
				StoreID: storeID, ID: id, Seq: held.last, OrderID: held.order, State: string(Open),
				CreatedTS: held.since, ExpiresTS: now + DefaultTTL.Milliseconds(),
			}
			known[id], mended[id] = r, true
		}
		if !held.has(r.Lines) {
			r.Lines = held.lines()
		}
	}
	var changed, all []persist.Reservation
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if mended[id] {
			changed = append(changed, *known[id])
		}
		if b.open[id] != nil || known[id].ClosedTS > 0 {
			all = append(all, *known[id])
		}
	}
	return b, all, inv.db.PutReservations(ctx, changed)
}

// rebuildScript answers "done", "changed" if the engine has another last movement
// than it must have, or "undrained".
var rebuildScript = &cache.Script{Name: "inventory_rebuild", Lua: recordLua + rebuildLua, Go: rebuildTwin}

//go:embed rebuild.lua
var rebuildLua string

func rebuildCall(store string, b *balance, reservations []persist.Reservation, gone []string, seen string, now int64) cache.Call {
	keys := stockKeys(store, keyExpiring(store))
	args := []string{store, decimal(now), decimal(b.last), seen, decimal(int64(len(b.levels)))}
	for _, id := range slices.Sorted(maps.Keys(b.levels)) {
		args = append(args, id, decimal(b.levels[id].Available), decimal(b.levels[id].Reserved))
	}
	args = append(args, decimal(int64(len(reservations))))
	for _, r := range reservations {
		var keep int64
		if r.ClosedTS > 0 {
			keep = max(1, r.ClosedTS+keepClosed.Milliseconds()-now)
		}
		keys = append(keys, keyReservation(store, r.ID))
		args = append(args, r.ID, r.State, r.OrderID, decimal(r.CreatedTS), decimal(r.ExpiresTS), joinLines(r.Lines), decimal(keep))
	}
	for _, id := range gone {
		keys = append(keys, keyReservation(store, id))
	}
	return cache.Call{Script: rebuildScript, Keys: keys, Args: args}
}

func rebuildTwin(t cache.Tx, keys, args []string) cache.Value {
	tx := openStock(t, keys, args)
	if tx.HGet(tx.meta, metaSeq).Str != args[3] {
		return cache.List(cache.String(replyChanged))
	}
	if len(tx.XRange(tx.movements, "-", "+", 1)) > 0 {
		return cache.List(cache.String(replyUndrained))
	}
	for _, key := range keys {
		tx.Del(key)
	}

	tx.HSet(tx.meta, metaSeq, args[2])
	products, rest := whole(args[4]), args[5:]
	for range products {
		tx.HSet(tx.available, rest[0], rest[1])
		if rest[2] != "0" {
			tx.HSet(tx.reserved, rest[0], rest[2])
		}
		rest = rest[3:]
	}
	reservations, rest := whole(rest[0]), rest[1:]
	expiring := keys[4]
	for _, reservation := range keys[5 : 5+reservations] {
		tx.HSet(reservation, fieldState, rest[1])
		for _, f := range reservationFields(rest[2], rest[3], rest[4], rest[5]) {
			tx.HSet(reservation, f.Name, f.Value)
		}
		if keep := whole(rest[6]); keep == 0 {
			tx.ZAdd(expiring, rest[0], float64(whole(rest[4])))
		} else {
			tx.Expire(reservation, time.Duration(keep)*time.Millisecond)
		}
		rest = rest[7:]
	}
	return cache.List(cache.String(replyDone))
}
