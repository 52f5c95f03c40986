package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"hyperlocal/persist"
)

// ledgerPage is how many movements are read from the database at once.
const ledgerPage = 1000

// checkAttempts is how often Check looks again because stock changed meanwhile.
const checkAttempts = 100

// ErrBusy is what Check returns when stock changed at every attempt to look.
var ErrBusy = errors.New("stock keeps changing")

// Levels are the units of one product in one store.
type Levels struct{ Available, Reserved int64 }

// Discrepancy is a product whose stock is not the sum of its movements.
type Discrepancy struct {
	ProductID string
	Live      Levels // by the engine's hashes
	Recorded  Levels // by the movements
}

// Check compares a store's stock with the sum of its movements, over ledger and
// stream, and returns the products that differ, in order of id. It may run
// while stock changes: it looks again until nothing has changed under its eyes.
//
// Errors: ErrUnknownStore, ErrBusy.
func (inv *Inventory) Check(ctx context.Context, storeID string) ([]Discrepancy, error) {
	if err := inv.requireStore(ctx, storeID); err != nil {
		return nil, err
	}
	live, waiting, err := inv.snapshot(ctx, storeID)
	if err != nil {
		return nil, fmt.Errorf("check store %s: %w", storeID, err)
	}
	// The stream was read first: a movement that left it since is in the
	// ledger, and one that is in both counts once.
	recorded := map[string]Levels{}
	tally := func(m persist.Movement) {
		l := recorded[m.ProductID]
		recorded[m.ProductID] = Levels{l.Available + m.Available, l.Reserved + m.Reserved}
	}
	last := waiting.upTo
	for _, m := range waiting.movements {
		tally(m)
		last = min(last, m.Seq-1)
	}
	err = inv.eachMovement(ctx, storeID, func(m persist.Movement) {
		if m.Seq <= last {
			tally(m)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("check store %s: %w", storeID, err)
	}

	all := maps.Clone(live)
	maps.Copy(all, recorded)
	var differ []Discrepancy
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if live[id] != recorded[id] {
			differ = append(differ, Discrepancy{ProductID: id, Live: live[id], Recorded: recorded[id]})
		}
	}
	return differ, nil
}

// stream is what waits for the ledger at the moment of movement upTo.
type stream struct {
	movements []persist.Movement
	upTo      int64
}

// snapshot reads a store's stock and stream as of one moment. Every change
// raises the number of the last movement, so what was read between two equal
// ones belongs together.
func (inv *Inventory) snapshot(ctx context.Context, storeID string) (map[string]Levels, stream, error) {
	before, err := inv.lastSeq(ctx, storeID)
	if err != nil {
		return nil, stream{}, err
	}
	for range checkAttempts {
		available, err := inv.engine.HGetAll(ctx, keyStock(storeID))
		if err != nil {
			return nil, stream{}, err
		}
		reserved, err := inv.engine.HGetAll(ctx, keyReserved(storeID))
		if err != nil {
			return nil, stream{}, err
		}
		waiting, err := inv.undrained(ctx, storeID, 0)
		if err != nil {
			return nil, stream{}, err
		}
		after, err := inv.lastSeq(ctx, storeID)
		if err != nil {
			return nil, stream{}, err
		}
		if after == before {
			live := make(map[string]Levels, len(available))
			for id, units := range available {
				live[id] = Levels{Available: whole(units), Reserved: whole(reserved[id])}
			}
			for id, units := range reserved {
				live[id] = Levels{Available: whole(available[id]), Reserved: whole(units)}
			}
			return live, stream{movements: waiting, upTo: after}, nil
		}
		before = after
	}
	return nil, stream{}, ErrBusy
}

// lastSeq is the number of a store's last movement; 0 if there is none.
func (inv *Inventory) lastSeq(ctx context.Context, storeID string) (int64, error) {
	seq, err := inv.engine.HGet(ctx, keyMeta(storeID), metaSeq)
	return whole(seq.Str), err
}

// eachMovement calls fn for every movement of a store that the ledger has, in
// order.
func (inv *Inventory) eachMovement(ctx context.Context, storeID string, fn func(persist.Movement)) error {
	for after := int64(0); ; {
		page, err := inv.db.Movements(ctx, storeID, after, ledgerPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, m := range page {
			fn(m)
		}
		after = page[len(page)-1].Seq
	}
}
