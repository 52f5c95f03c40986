package inventory

import (
	"context"
	"fmt"
	"slices"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// OpeningReference is the reference of the movements made by StockStore.
const OpeningReference = "opening stock"

// StockStore receives the opening stock of a store: of each line's product, if
// the store has never had any of it. So it may be repeated, after half of it
// too, without adding anything twice or touching what has sold since. It
// returns the number of products received.
//
// Errors: ErrUnknownStore, ErrInvalid, ErrUnknownProduct.
func (inv *Inventory) StockStore(ctx context.Context, storeID string, opening []persist.Line) (int, error) {
	opening = slices.DeleteFunc(slices.Clone(opening), func(l persist.Line) bool { return l.Units == 0 })
	received := 0
	for batch := range slices.Chunk(opening, MaxMovementLines) {
		if err := checkLines(batch, MaxMovementLines, 1); err != nil {
			return received, err
		}
		fresh, err := inv.neverHad(ctx, storeID, merge(batch))
		if err != nil {
			return received, err
		}
		if len(fresh) == 0 {
			continue
		}
		key, err := fingerprint(OpeningReference, fresh) // for two who do this at the same time
		if err != nil {
			return received, err
		}
		_, err = inv.Move(ctx, storeID, MoveRequest{
			Kind: Receive, Lines: fresh, Reference: OpeningReference, IdempotencyKey: "opening-" + key,
		})
		if err != nil {
			return received, err
		}
		received += len(fresh)
	}
	return received, nil
}

// neverHad returns the lines whose product is not in the store's stock, not
// even with 0 units.
func (inv *Inventory) neverHad(ctx context.Context, storeID string, lines []persist.Line) ([]persist.Line, error) {
	ids := make([]string, len(lines))
	for i, l := range lines {
		ids[i] = l.ProductID
	}
	units, err := inv.engine.HMGet(ctx, keyStock(storeID), ids...)
	if err != nil {
		return nil, fmt.Errorf("read stock of store %s: %w", storeID, err)
	}
	var fresh []persist.Line
	for i, l := range lines {
		if units[i] == (cache.Optional{}) {
			fresh = append(fresh, l)
		}
	}
	return fresh, nil
}
