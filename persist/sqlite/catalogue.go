package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"hyperlocal/persist"
)

const (
	productColumns   = `product_id, name, categories_json, mrp_paise, price_paise, discount_percent, weight_g, pack_size`
	darkStoreColumns = `store_id, name, lat, lon, is_open`
)

// PutProducts writes all of ps or none.
func (s *Store) PutProducts(ctx context.Context, ps []persist.Product) error {
	const replace = `REPLACE INTO products (` + productColumns + `) VALUES (?,?,?,?,?,?,?,?)`
	return put(ctx, s, "put products", replace, ps, func(args []any, p persist.Product) []any {
		categories, _ := json.Marshal(append([]string{}, p.Categories...)) // strings always encode
		return append(args, p.ID, p.Name, string(categories), p.MRPPaise, p.PricePaise,
			p.DiscountPercent, p.WeightG, p.PackSize)
	})
}

// ProductsByID asks for each id in turn; there is no round trip to save.
func (s *Store) ProductsByID(ctx context.Context, ids []string) (ps []persist.Product, err error) {
	const query = `SELECT ` + productColumns + ` FROM products WHERE product_id = ?`
	if len(ids) == 0 {
		return nil, nil
	}
	err = s.read(ctx, "products by id", func(tx *txn) error {
		stmt, err := tx.PrepareContext(ctx, query)
		if err != nil {
			return err
		}
		defer stmt.Close()
		for _, id := range ids {
			var p persist.Product
			err := scanProduct(stmt.QueryRowContext(ctx, id), &p)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			ps = append(ps, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ps, nil
}

const selectProducts = `SELECT ` + productColumns + ` FROM products WHERE product_id > ? ORDER BY product_id LIMIT ?`

// Products returns a page of the catalogue.
func (s *Store) Products(ctx context.Context, after string, limit int) (ps []persist.Product, err error) {
	err = s.read(ctx, "products", func(tx *txn) error {
		ps, err = collect(ctx, tx, func(rows *sql.Rows, p *persist.Product) error { return scanProduct(rows, p) },
			selectProducts, after, max(limit, 0))
		return err
	})
	return ps, err
}

func scanProduct(row interface{ Scan(...any) error }, p *persist.Product) error {
	var categories []byte
	err := row.Scan(&p.ID, &p.Name, &categories, &p.MRPPaise, &p.PricePaise, &p.DiscountPercent, &p.WeightG, &p.PackSize)
	if err != nil {
		return err
	}
	p.Categories, err = list[string](categories)
	return err
}

// PutDarkStores writes all of ss or none.
func (s *Store) PutDarkStores(ctx context.Context, ss []persist.DarkStore) error {
	const replace = `REPLACE INTO dark_stores (` + darkStoreColumns + `) VALUES (?,?,?,?,?)`
	return put(ctx, s, "put stores", replace, ss, func(args []any, d persist.DarkStore) []any {
		return append(args, d.ID, d.Name, d.Lat, d.Lon, d.Open)
	})
}

// DarkStores returns every store.
func (s *Store) DarkStores(ctx context.Context) (ss []persist.DarkStore, err error) {
	const query = `SELECT ` + darkStoreColumns + ` FROM dark_stores ORDER BY store_id`
	err = s.read(ctx, "stores", func(tx *txn) error {
		ss, err = collect(ctx, tx, scanDarkStore, query)
		return err
	})
	return ss, err
}

func scanDarkStore(rows *sql.Rows, d *persist.DarkStore) error {
	return rows.Scan(&d.ID, &d.Name, &d.Lat, &d.Lon, &d.Open)
}
