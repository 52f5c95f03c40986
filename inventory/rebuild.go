package inventory

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// Rebuild puts a store's stock back from the ledger if the engine has none of
// it, and reports whether it did. What had not reached the ledger when the
// engine was lost stays lost. Reservations that were open are open again, for
// their orders, for DefaultTTL from now.
func (inv *Inventory) Rebuild(ctx context.Context, storeID string) (bool, error) {
	if seq, err := inv.lastSeq(ctx, storeID); err != nil || seq > 0 {
		return false, err
	}
	b := newBalance()
	if err := inv.eachMovement(ctx, storeID, b.add); err != nil {
		return false, fmt.Errorf("rebuild the stock of store %s: %w", storeID, err)
	}
	if b.last == 0 {
		return false, nil
	}
	now := inv.nowMS()
	call := rebuildCall(storeID, b, now, now+DefaultTTL.Milliseconds())
	reply, err := inv.durable.Run(ctx, call.Script, call.Keys, call.Args)
	if err != nil {
		return false, fmt.Errorf("rebuild the stock of store %s: %w", storeID, err)
	}
	return reply.List[0].Str == replyDone, nil
}

// ErrUndrained is what Restore returns while movements wait for the ledger.
var ErrUndrained = errors.New("movements wait for the ledger")

// Restore replaces what the engine has of a store's stock and open
// reservations by what the ledger says. Nobody may change the store's stock
// meanwhile, and Drain comes first: a movement that only the engine knows would
// be lost. If it fails half-way, Rebuild completes it.
//
// Errors: ErrUndrained.
func (inv *Inventory) Restore(ctx context.Context, storeID string) error {
	waiting, err := inv.undrained(ctx, storeID, 1)
	if err == nil && len(waiting) > 0 {
		err = ErrUndrained
	}
	if err != nil {
		return fmt.Errorf("restore the stock of store %s: %w", storeID, err)
	}
	everything := cache.ScoreRange{Min: math.Inf(-1), Max: math.Inf(1)}
	open, err := inv.engine.ZRangeByScore(ctx, keyExpiring(storeID), everything)
	if err != nil {
		return fmt.Errorf("restore the stock of store %s: %w", storeID, err)
	}
	keys := stockKeys(storeID, keyExpiring(storeID))
	for _, m := range open {
		keys = append(keys, keyReservation(storeID, m.Name))
	}
	if _, err := inv.durable.Del(ctx, keys...); err != nil {
		return fmt.Errorf("restore the stock of store %s: %w", storeID, err)
	}
	_, err = inv.Rebuild(ctx, storeID)
	return err
}

// balance is what a store's movements add up to.
type balance struct {
	last   int64 // number of the last movement
	levels map[string]Levels
	open   map[string]map[string]int64 // reservation → product → units still reserved
	orders map[string]string           // reservation → order, while open
}

func newBalance() *balance {
	return &balance{levels: map[string]Levels{}, open: map[string]map[string]int64{}, orders: map[string]string{}}
}

func (b *balance) add(m persist.Movement) {
	b.last = m.Seq
	l := b.levels[m.ProductID]
	b.levels[m.ProductID] = Levels{l.Available + m.Available, l.Reserved + m.Reserved}
	if m.Reserved == 0 {
		return
	}
	// Of a movement that settles, the reference is the reservation; of one that
	// reserves, the order follows.
	reservation, order, reserves := strings.Cut(m.Reference, " ")
	if reserves {
		b.orders[reservation] = order
	}
	units := b.open[reservation]
	if units == nil {
		units = map[string]int64{}
		b.open[reservation] = units
	}
	units[m.ProductID] += m.Reserved
	if units[m.ProductID] == 0 {
		delete(units, m.ProductID)
	}
	if len(units) == 0 {
		delete(b.open, reservation)
		delete(b.orders, reservation)
	}
}

// rebuildScript answers "done", or "same" if the engine has the stock.
var rebuildScript = &cache.Script{Name: "inventory_rebuild", Lua: recordLua + rebuildLua, Go: rebuildTwin}

//go:embed rebuild.lua
var rebuildLua string

func rebuildCall(store string, b *balance, now, expires int64) cache.Call {
	keys := stockKeys(store, keyExpiring(store))
	args := []string{store, decimal(now), decimal(b.last), decimal(expires), decimal(int64(len(b.levels)))}
	for _, id := range slices.Sorted(maps.Keys(b.levels)) {
		args = append(args, id, decimal(b.levels[id].Available), decimal(b.levels[id].Reserved))
	}
	for _, id := range slices.Sorted(maps.Keys(b.open)) {
		var lines []persist.Line
		for _, product := range slices.Sorted(maps.Keys(b.open[id])) {
			lines = append(lines, persist.Line{ProductID: product, Units: b.open[id][product]})
		}
		keys = append(keys, keyReservation(store, id))
		args = append(args, id, b.orders[id], joinLines(lines))
	}
	return cache.Call{Script: rebuildScript, Keys: keys, Args: args}
}

func rebuildTwin(t cache.Tx, keys, args []string) cache.Value {
	tx := openStock(t, keys, args)
	if tx.HGet(tx.meta, metaSeq).OK {
		return cache.List(cache.String(replySame))
	}
	tx.HSet(tx.meta, metaSeq, args[2])
	expires, rest := args[3], args[5:]
	for range whole(args[4]) {
		tx.HSet(tx.available, rest[0], rest[1])
		if rest[2] != "0" {
			tx.HSet(tx.reserved, rest[0], rest[2])
		}
		rest = rest[3:]
	}
	expiring := keys[4]
	for _, reservation := range keys[5:] {
		tx.HSet(reservation, fieldState, string(Open))
		tx.HSet(reservation, fieldOrder, rest[1])
		tx.HSet(reservation, fieldExpires, expires)
		tx.HSet(reservation, fieldLines, rest[2])
		tx.ZAdd(expiring, rest[0], float64(whole(expires)))
		rest = rest[3:]
	}
	return cache.List(cache.String(replyDone))
}
