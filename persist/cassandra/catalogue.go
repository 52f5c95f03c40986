package cassandra

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/gocql/gocql"

	"hyperlocal/persist"
)

const (
	productColumns   = `product_id, name, categories, mrp_paise, price_paise, discount_percent, weight_g, pack_size`
	darkStoreColumns = `store_id, name, lat, lon, is_open`
	// everything is the partition of tables that have one. It is bound, not written into
	// statements: the driver sends a statement to a node that has the partition by what is
	// bound.
	everything = 0
	// idsInQuery is how many products one query asks for.
	idsInQuery = 100
)

var (
	productsTable = table[persist.Product]{
		insert:        `INSERT INTO products (everything, ` + productColumns + `) VALUES (?,?,?,?,?,?,?,?,?)`,
		samePartition: func(_, _ *persist.Product) bool { return true },
		compare:       func(a, b *persist.Product) int { return cmp.Compare(a.ID, b.ID) },
		bind: func(p *persist.Product) []any {
			return []any{everything, p.ID, p.Name, p.Categories, p.MRPPaise, p.PricePaise, p.DiscountPercent, p.WeightG, p.PackSize}
		},
		bytes: func(p *persist.Product) int {
			bytes := 100 + len(p.ID) + len(p.Name)
			for _, c := range p.Categories {
				bytes += len(c)
			}
			return bytes
		},
	}
	darkStoresTable = table[persist.DarkStore]{
		insert:        `INSERT INTO dark_stores (everything, ` + darkStoreColumns + `) VALUES (?,?,?,?,?,?)`,
		samePartition: func(_, _ *persist.DarkStore) bool { return true },
		compare:       func(a, b *persist.DarkStore) int { return cmp.Compare(a.ID, b.ID) },
		bind:          func(d *persist.DarkStore) []any { return []any{everything, d.ID, d.Name, d.Lat, d.Lon, d.Open} },
		bytes:         func(d *persist.DarkStore) int { return 40 + len(d.ID) + len(d.Name) },
	}
)

// put checks rows and writes them with one timestamp of the clock.
func put[T interface{ Validate() error }](ctx context.Context, s *Store, op string, t table[T], rows []T) error {
	if err := persist.ValidateAll(rows); err != nil {
		return fmt.Errorf("cassandra: %s: %w", op, err)
	}
	return s.call(ctx, op, func() error { return write(ctx, s, t, rows, s.clock.now()) })
}

// PutProducts writes ps, replacing those with the same ID.
func (s *Store) PutProducts(ctx context.Context, ps []persist.Product) error {
	return put(ctx, s, "put products", productsTable, ps)
}

// ProductsByID asks for the products by the hundred.
func (s *Store) ProductsByID(ctx context.Context, ids []string) (ps []persist.Product, err error) {
	err = s.call(ctx, "products by id", func() error {
		pieces, err := each(ctx, slices.Collect(slices.Chunk(ids, idsInQuery)),
			func(ctx context.Context, some []string) ([]persist.Product, error) {
				return collect(ctx, s, scanProduct,
					`SELECT `+productColumns+` FROM products WHERE everything = ? AND product_id IN ?`, everything, some)
			})
		if err != nil {
			return err
		}
		found := make(map[string]persist.Product, len(ids))
		for _, p := range slices.Concat(pieces...) {
			found[p.ID] = p
		}
		for _, id := range ids {
			if p, ok := found[id]; ok {
				ps = append(ps, p)
			}
		}
		return nil
	})
	return ps, err
}

// Products returns a page of the catalogue.
func (s *Store) Products(ctx context.Context, after string, limit int) (ps []persist.Product, err error) {
	err = s.call(ctx, "products", func() error {
		if limit <= 0 {
			return nil
		}
		ps, err = collect(ctx, s, scanProduct,
			`SELECT `+productColumns+` FROM products WHERE everything = ? AND product_id > ? LIMIT ?`, everything, after, limit)
		return err
	})
	return ps, err
}

func scanProduct(row gocql.Scanner, p *persist.Product) error {
	return row.Scan(&p.ID, &p.Name, &p.Categories, &p.MRPPaise, &p.PricePaise, &p.DiscountPercent, &p.WeightG, &p.PackSize)
}

// PutDarkStores writes ss, replacing those with the same ID.
func (s *Store) PutDarkStores(ctx context.Context, ss []persist.DarkStore) error {
	return put(ctx, s, "put stores", darkStoresTable, ss)
}

// DarkStores returns every store.
func (s *Store) DarkStores(ctx context.Context) (ss []persist.DarkStore, err error) {
	err = s.call(ctx, "stores", func() error {
		ss, err = collect(ctx, s, func(row gocql.Scanner, d *persist.DarkStore) error {
			return row.Scan(&d.ID, &d.Name, &d.Lat, &d.Lon, &d.Open)
		}, `SELECT `+darkStoreColumns+` FROM dark_stores WHERE everything = ?`, everything)
		return err
	})
	return ss, err
}
