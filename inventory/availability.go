package inventory

import (
	"cmp"
	"context"
	"fmt"
)

// Availability returns the nearest open store and the units it has available
// of 1 to MaxProducts products, read in one go. A product the store has never
// had counts 0.
//
// Errors: ErrInvalid, ErrUnknownProduct, ErrNoOpenStore.
func (inv *Inventory) Availability(ctx context.Context, lat, lon float64, products []string) (StoreDistance, map[string]int64, error) {
	if err := checkPlace(lat, lon); err != nil {
		return StoreDistance{}, nil, err
	}
	if err := inv.checkProducts(ctx, products); err != nil {
		return StoreDistance{}, nil, err
	}
	near, err := inv.NearestStores(ctx, lat, lon, 1)
	if err != nil {
		return StoreDistance{}, nil, err
	}
	if len(near) == 0 {
		return StoreDistance{}, nil, ErrNoOpenStore
	}
	stock, err := inv.readStock(ctx, near[0].ID, products)
	return near[0], stock, err
}

// Stock returns the units a store has available of 1 to MaxProducts products.
//
// Errors: ErrUnknownStore, ErrInvalid, ErrUnknownProduct.
func (inv *Inventory) Stock(ctx context.Context, storeID string, products []string) (map[string]int64, error) {
	if err := inv.requireStore(ctx, storeID); err != nil {
		return nil, err
	}
	if err := inv.checkProducts(ctx, products); err != nil {
		return nil, err
	}
	return inv.readStock(ctx, storeID, products)
}

func (inv *Inventory) checkProducts(ctx context.Context, products []string) error {
	if len(products) == 0 || len(products) > MaxProducts {
		return invalid("products", "there must be 1 to %d products, there are %d", MaxProducts, len(products))
	}
	return inv.RequireProducts(ctx, products)
}

func (inv *Inventory) readStock(ctx context.Context, storeID string, products []string) (map[string]int64, error) {
	if !inv.loaded.Load() {
		if seq, err := inv.lastSeq(ctx, storeID); err != nil || seq == 0 { // lost, or never had any
			return nil, cmp.Or(err, errNotLoaded)
		}
	}
	units, err := inv.engine.HMGet(ctx, keyStock(storeID), products...)
	if err != nil {
		return nil, fmt.Errorf("read stock of store %s: %w", storeID, err)
	}
	stock := make(map[string]int64, len(products))
	for i, id := range products {
		stock[id] = whole(units[i].Str)
	}
	return stock, nil
}
