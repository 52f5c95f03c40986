package inventory

import (
	"context"
	"fmt"
	"slices"

	"hyperlocal/persist"
)

// importBatch is how many products go to the database at once.
const importBatch = 500

// ImportProducts adds products to the catalogue, replacing those with the same
// id. Importing the same file again is harmless.
//
// Errors: ErrInvalid for an id that cannot be one.
func (inv *Inventory) ImportProducts(ctx context.Context, products []persist.Product) error {
	for i, p := range products {
		if !isProductID(p.ID) {
			return invalid(fmt.Sprintf("products[%d].product_id", i), "%s", productIDRule)
		}
	}
	for batch := range slices.Chunk(products, importBatch) {
		if err := inv.db.PutProducts(ctx, batch); err != nil {
			return fmt.Errorf("import products: %w", err)
		}
		inv.products.add(productIDs(batch)...)
	}
	return nil
}

// loadProducts learns which products there are.
func (inv *Inventory) loadProducts(ctx context.Context) error {
	for after := ""; ; {
		page, err := inv.db.Products(ctx, after, importBatch)
		if err != nil || len(page) == 0 {
			return err
		}
		inv.products.add(productIDs(page)...)
		after = page[len(page)-1].ID
	}
}

// RequireProducts returns nil if every id is in the catalogue. What this server
// has not seen yet it looks up in the database, so that a product another
// server has imported counts at once.
//
// Errors: ErrInvalid or ErrUnknownProduct, naming "products[3]", say.
func (inv *Inventory) RequireProducts(ctx context.Context, ids []string) error {
	return inv.requireProducts(ctx, ids, func(i int) string { return fmt.Sprintf("products[%d]", i) })
}

// requireProducts is RequireProducts with the field's name given by field.
func (inv *Inventory) requireProducts(ctx context.Context, ids []string, field func(int) string) error {
	missing := inv.products.missing(ids)
	if len(missing) == 0 {
		return nil
	}
	for i, id := range ids {
		if !isProductID(id) {
			return invalid(field(i), "%s", productIDRule)
		}
	}
	found, err := inv.db.ProductsByID(ctx, missing)
	if err != nil {
		return fmt.Errorf("look products up: %w", err)
	}
	inv.products.add(productIDs(found)...)
	if missing = inv.products.missing(missing); len(missing) == 0 {
		return nil
	}
	i := slices.Index(ids, missing[0])
	return &FieldError{
		Field: field(i), Detail: fmt.Sprintf("no product has the id %q", ids[i]), Kind: ErrUnknownProduct,
	}
}

// requireStoreAndLines returns nil if the store and the lines' products exist.
func (inv *Inventory) requireStoreAndLines(ctx context.Context, storeID string, lines []persist.Line) error {
	if err := inv.requireStore(ctx, storeID); err != nil {
		return err
	}
	ids := make([]string, len(lines))
	for i, l := range lines {
		ids[i] = l.ProductID
	}
	return inv.requireProducts(ctx, ids, func(i int) string { return fmt.Sprintf("lines[%d].product_id", i) })
}

func productIDs(products []persist.Product) []string {
	ids := make([]string, len(products))
	for i, p := range products {
		ids[i] = p.ID
	}
	return ids
}
