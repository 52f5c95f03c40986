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

// PutOrder writes the order and its events in one batch, which is atomic: they
// share a partition. The order's write timestamp is its Version, so whichever
// write arrives last, the greatest Version stays.
func (s *Store) PutOrder(ctx context.Context, o persist.Order, events []persist.OrderEvent) error {
	const (
		putOrder = `INSERT INTO orders (order_id, ` + orderColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) USING TIMESTAMP ?`
		addEvent = `INSERT INTO orders (order_id, event_seq, event_ts_ms, event_status, event_driver_id, event_note)
			VALUES (?,?,?,?,?,?) USING TIMESTAMP ?`
	)
	if err := persist.ValidateOrder(o, events); err != nil {
		return fmt.Errorf("cassandra: put order: %w", err)
	}
	lines, err := json.Marshal(append([]persist.Line{}, o.Lines...)) // never null
	if err != nil {
		return fmt.Errorf("cassandra: put order: %w", err)
	}
	return s.call(ctx, "put order", func() error {
		batch := s.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx)
		add := func(statement string, args ...any) {
			batch.Entries = append(batch.Entries, gocql.BatchEntry{Stmt: statement, Args: args, Idempotent: true})
		}
		add(putOrder, o.ID, o.Status, o.Version, o.StoreID, o.CustomerID, o.DriverID, o.ReservationID,
			o.DropLat, o.DropLon, string(lines), o.CreatedTS, o.UpdatedTS, o.Version)
		for _, e := range events {
			// An own timestamp for each: of two with one Seq the first stays.
			add(addEvent, e.OrderID, e.Seq, e.TS, e.Status, e.DriverID, e.Note, firstWins(s.clock.now()))
		}
		return s.session.ExecuteBatch(batch)
	})
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
	order persist.Order
	lines []byte
	seq   *int64
	event persist.OrderEvent
}

// assemble makes an order of its rows.
func assemble(rows []orderRow) (o persist.Order, events []persist.OrderEvent, err error) {
	o = rows[0].order
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
	return row.Scan(&o.ID, &o.Status, &o.Version, &o.StoreID, &o.CustomerID, &o.DriverID, &o.ReservationID,
		&o.DropLat, &o.DropLon, &r.lines, &o.CreatedTS, &o.UpdatedTS,
		&r.seq, &e.TS, &e.Status, &e.DriverID, &e.Note)
}
