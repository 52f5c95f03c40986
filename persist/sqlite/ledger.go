package sqlite

import (
	"context"
	"database/sql"

	"hyperlocal/persist"
)

const movementColumns = `store_id, seq, ts_ms, kind, product_id, available_change, reserved_change, reference`

// AppendMovements writes all of ms or none.
func (s *Store) AppendMovements(ctx context.Context, ms []persist.Movement) error {
	const insert = `INSERT INTO movements (` + movementColumns + `) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`
	return put(ctx, s, "append movements", insert, ms, func(args []any, m persist.Movement) []any {
		return append(args, m.StoreID, m.Seq, m.TS, m.Kind, m.ProductID, m.Available, m.Reserved, m.Reference)
	})
}

const selectMovements = `SELECT ` + movementColumns + ` FROM movements
	WHERE store_id = ? AND seq > ? ORDER BY seq LIMIT ?`

// Movements returns a page of a store's ledger.
func (s *Store) Movements(ctx context.Context, storeID string, after int64, limit int) (ms []persist.Movement, err error) {
	err = s.read(ctx, "movements", func(tx *txn) error {
		ms, err = collect(ctx, tx, scanMovement, selectMovements, storeID, after, max(limit, 0))
		return err
	})
	return ms, err
}

func scanMovement(rows *sql.Rows, m *persist.Movement) error {
	return rows.Scan(&m.StoreID, &m.Seq, &m.TS, &m.Kind, &m.ProductID, &m.Available, &m.Reserved, &m.Reference)
}
