package cassandra

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gocql/gocql"

	"hyperlocal/persist"
)

const orderColumns = `status, version, store_id, customer_id, driver_id, reservation_id,
	drop_lat, drop_lon, lines_json, created_ts_ms, updated_ts_ms`

const eventColumns = `event_seq, event_ts_ms, event_status, event_driver_id, event_note`

// PutOrder adds the events, and then takes the order a step on, by a conditional update:
// of two servers that write different Versions at once the greater one stays, and an
// order is never ahead of its events. What was done in part is done in full by the same
// call again.
func (s *Store) PutOrder(ctx context.Context, o persist.Order, events []persist.OrderEvent) error {
	if err := persist.ValidateOrder(o, events); err != nil {
		return fmt.Errorf("cassandra: put order: %w", err)
	}
	lines, err := json.Marshal(append([]persist.Line{}, o.Lines...)) // never null
	if err != nil {
		return fmt.Errorf("cassandra: put order: %w", err)
	}
	return s.call(ctx, "put order", func() error {
		if err := s.addEvents(ctx, events); err != nil {
			return err
		}
		return s.advance(ctx, o, string(lines))
	})
}

// addEvents writes events, which share a partition.
func (s *Store) addEvents(ctx context.Context, events []persist.OrderEvent) error {
	if len(events) == 0 {
		return nil
	}
	const addEvent = `INSERT INTO orders (order_id, event_seq, event_ts_ms, event_status, event_driver_id, event_note)
		VALUES (?,?,?,?,?,?) USING TIMESTAMP ?`
	batch := s.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx)
	for _, e := range events {
		// An own timestamp for each: of two with one Seq the first stays.
		batch.Entries = append(batch.Entries, gocql.BatchEntry{
			Stmt: addEvent, Args: []any{e.OrderID, e.Seq, e.TS, e.Status, e.DriverID, e.Note, firstWins(s.clock.now())}, Idempotent: true,
		})
	}
	return s.session.ExecuteBatch(batch)
}

// advance writes the order if the stored one has a lower Version, or there is none.
func (s *Store) advance(ctx context.Context, o persist.Order, lines string) error {
	const (
		update = `UPDATE orders SET status = ?, version = ?, store_id = ?, customer_id = ?, driver_id = ?, reservation_id = ?,
			drop_lat = ?, drop_lon = ?, lines_json = ?, created_ts_ms = ?, updated_ts_ms = ? WHERE order_id = ? IF version `
		first, next = update + `= ?`, update + `< ?`
	)
	values := []any{o.Status, o.Version, o.StoreID, o.CustomerID, o.DriverID, o.ReservationID,
		o.DropLat, o.DropLon, lines, o.CreatedTS, o.UpdatedTS, o.ID}
	// Most are there already: only the first event makes one. An order is not removed
	// again, so that the second try is the last.
	statement, bound := next, any(o.Version)
	if o.Version == 1 {
		statement, bound = first, nil
	}
	for {
		var stored *int64
		done, err := s.session.Query(statement, append(values[:len(values):len(values)], bound)...).
			WithContext(ctx).ScanCAS(&stored)
		if err != nil || done || stored != nil && *stored >= o.Version {
			return err
		}
		if statement, bound = next, any(o.Version); stored == nil {
			statement, bound = first, nil
		}
	}
}

// Order reads one partition.
func (s *Store) Order(ctx context.Context, id string) (o persist.Order, events []persist.OrderEvent, err error) {
	err = s.call(ctx, "order", func() error {
		if id == "" {
			return persist.ErrNotFound
		}
		rows, err := collect(ctx, s, scanOrder, `SELECT order_id, `+orderColumns+`, `+eventColumns+` FROM orders WHERE order_id = ?`, id)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return persist.ErrNotFound
		}
		o, events, err = assemble(rows)
		return err
	})
	if err != nil {
		return persist.Order{}, nil, err
	}
	return o, events, nil
}

// orderRow is an event with the order beside it.
type orderRow struct {
	order   persist.Order
	version *int64 // the order's
	lines   []byte
	seq     *int64
	event   persist.OrderEvent
}

// assemble makes an order of its rows.
func assemble(rows []orderRow) (o persist.Order, events []persist.OrderEvent, err error) {
	if rows[0].version == nil { // its first event is there, and it will be
		return persist.Order{}, nil, persist.ErrNotFound
	}
	o = rows[0].order
	o.Version = *rows[0].version
	if err := json.Unmarshal(rows[0].lines, &o.Lines); err != nil {
		return o, nil, fmt.Errorf("lines of order %s: %w", o.ID, err)
	}
	if len(o.Lines) == 0 {
		o.Lines = nil
	}
	for _, row := range rows {
		if row.seq != nil { // an order without events has one row, of nulls
			row.event.OrderID, row.event.Seq = o.ID, *row.seq
			events = append(events, row.event)
		}
	}
	return o, events, nil
}

func scanOrder(row gocql.Scanner, r *orderRow) error {
	o, e := &r.order, &r.event
	return row.Scan(&o.ID, &o.Status, &r.version, &o.StoreID, &o.CustomerID, &o.DriverID, &o.ReservationID,
		&o.DropLat, &o.DropLon, &r.lines, &o.CreatedTS, &o.UpdatedTS,
		&r.seq, &e.TS, &e.Status, &e.DriverID, &e.Note)
}
