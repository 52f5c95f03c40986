package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"hyperlocal/persist"
)

const (
	orderColumns = `order_id, status, version, store_id, customer_id, driver_id, reservation_id,
	drop_lat, drop_lon, lines_json, created_ts_ms, updated_ts_ms`
	eventColumns = `order_id, seq, ts_ms, status, driver_id, note`
)

// PutOrder writes the order and its events in one transaction.
func (s *Store) PutOrder(ctx context.Context, o persist.Order, events []persist.OrderEvent) error {
	const (
		upsert = `INSERT INTO orders (` + orderColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
			ON CONFLICT (order_id) DO UPDATE SET
				status = excluded.status, version = excluded.version, store_id = excluded.store_id,
				customer_id = excluded.customer_id, driver_id = excluded.driver_id,
				reservation_id = excluded.reservation_id, drop_lat = excluded.drop_lat,
				drop_lon = excluded.drop_lon, lines_json = excluded.lines_json,
				created_ts_ms = excluded.created_ts_ms, updated_ts_ms = excluded.updated_ts_ms
			WHERE excluded.version >= orders.version`
		insert = `INSERT INTO order_events (` + eventColumns + `) VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING`
	)
	if err := persist.ValidateOrder(o, events); err != nil {
		return fmt.Errorf("sqlite: put order: %w", err)
	}
	lines, err := json.Marshal(append([]persist.Line{}, o.Lines...)) // never null
	if err != nil {
		return fmt.Errorf("sqlite: put order: %w", err)
	}
	return s.write(ctx, "put order", func(tx *txn) error {
		_, err := tx.ExecContext(ctx, upsert, o.ID, o.Status, o.Version, o.StoreID, o.CustomerID, o.DriverID,
			o.ReservationID, o.DropLat, o.DropLon, string(lines), o.CreatedTS, o.UpdatedTS)
		if err != nil {
			return err
		}
		return bulk(ctx, tx, insert, events, func(args []any, e persist.OrderEvent) []any {
			return append(args, e.OrderID, e.Seq, e.TS, e.Status, e.DriverID, e.Note)
		})
	})
}

const (
	selectOrder  = `SELECT ` + orderColumns + ` FROM orders WHERE order_id = ?`
	selectEvents = `SELECT ` + eventColumns + ` FROM order_events WHERE order_id = ? ORDER BY seq`
)

// Order reads the order and its events as of one moment.
func (s *Store) Order(ctx context.Context, id string) (o persist.Order, events []persist.OrderEvent, err error) {
	err = s.read(ctx, "order", func(tx *txn) error {
		if err := scanOrder(tx.QueryRowContext(ctx, selectOrder, id), &o); err != nil {
			return err
		}
		events, err = collect(ctx, tx, scanEvent, selectEvents, id)
		return err
	})
	if err != nil {
		return persist.Order{}, nil, err
	}
	return o, events, nil
}

func scanOrder(row interface{ Scan(...any) error }, o *persist.Order) error {
	var lines []byte
	err := row.Scan(&o.ID, &o.Status, &o.Version, &o.StoreID, &o.CustomerID, &o.DriverID, &o.ReservationID,
		&o.DropLat, &o.DropLon, &lines, &o.CreatedTS, &o.UpdatedTS)
	if errors.Is(err, sql.ErrNoRows) {
		return persist.ErrNotFound
	}
	if err != nil {
		return err
	}
	o.Lines, err = list[persist.Line](lines)
	return err
}

func scanEvent(rows *sql.Rows, e *persist.OrderEvent) error {
	return rows.Scan(&e.OrderID, &e.Seq, &e.TS, &e.Status, &e.DriverID, &e.Note)
}

// list reads a JSON array; an empty one is nil.
func list[T any](data []byte) ([]T, error) {
	var all []T
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}
