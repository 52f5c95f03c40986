package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"hyperlocal/persist"
)

// pieceKeys is how many drivers of a bucket and zone, or orders, a piece of a scan has.
const pieceKeys = 500

const (
	// The rows of a bucket and zone beyond a driver, up to the last of so many.
	selectBucket = `SELECT ` + trackColumns + ` FROM tracks
		WHERE bucket_start_ms = :start AND zone = :zone AND driver_id > :after AND driver_id <= :last
		AND last_ts_ms >= :from AND first_ts_ms <= :to
		ORDER BY driver_id, part`
	selectLastDriver = `SELECT max(driver_id) FROM (SELECT DISTINCT driver_id FROM tracks
		WHERE bucket_start_ms = ? AND zone = ? AND driver_id > ? ORDER BY driver_id LIMIT ?)`
	selectNextZone   = `SELECT min(zone) FROM tracks WHERE bucket_start_ms = ? AND zone > ?`
	selectFirstZone  = `SELECT min(zone) FROM tracks WHERE bucket_start_ms = ?`
	selectNextBucket = `SELECT min(bucket_start_ms) FROM tracks WHERE bucket_start_ms > ?`
	selectLastBucket = `SELECT max(bucket_start_ms) FROM tracks WHERE bucket_start_ms <= ?`
)

// ScanTracks steps from bucket to bucket, and in each from zone to zone. Each piece is
// read by itself: one long read would keep the log from being put away all the while.
func (s *Store) ScanTracks(ctx context.Context, from, to int64, fn func([]persist.TrackRow, float64) error) error {
	if from > to {
		return nil
	}
	// A row's fixes are less than MaxBucketMS after its start.
	before := max(from, math.MinInt64+persist.MaxBucketMS+1) - persist.MaxBucketMS - 1
	first, last, err := s.bucketsBetween(ctx, before, to)
	for start := first; err == nil && start.Valid && start.Int64 <= to; start, err = s.bucketAfter(ctx, start.Int64) {
		done := float64(start.Int64-first.Int64) / float64(max(last.Int64-first.Int64, 1))
		for p := (piece{start: start.Int64, from: from, to: to}); ; {
			rows, more, err := s.next(ctx, &p)
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				if err := fn(rows, done); err != nil {
					return err
				}
			}
			if !more {
				break
			}
		}
	}
	return err
}

// bucketsBetween returns the first bucket after a time, and the last that is not
// after another.
func (s *Store) bucketsBetween(ctx context.Context, after, to int64) (first, last sql.NullInt64, err error) {
	err = s.read(ctx, "scan tracks", func(tx *sql.Tx) error {
		return errors.Join(tx.QueryRowContext(ctx, selectNextBucket, after).Scan(&first),
			tx.QueryRowContext(ctx, selectLastBucket, to).Scan(&last))
	})
	return first, last, err
}

func (s *Store) bucketAfter(ctx context.Context, start int64) (next sql.NullInt64, err error) {
	err = s.read(ctx, "scan tracks", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, selectNextBucket, start).Scan(&next)
	})
	return next, err
}

// piece is how far a scan of a bucket is.
type piece struct {
	start    int64
	zone     sql.NullString // null before the first
	driver   string         // the last that was read, of the zone; empty if that is done
	from, to int64
}

// next returns the rows of the next drivers of a bucket. more says that there may be
// others behind them.
func (s *Store) next(ctx context.Context, p *piece) (rows []persist.TrackRow, more bool, err error) {
	err = s.read(ctx, "scan tracks", func(tx *sql.Tx) error {
		if p.driver == "" {
			query, args := selectFirstZone, []any{p.start}
			if p.zone.Valid {
				query, args = selectNextZone, append(args, p.zone.String)
			}
			if err := tx.QueryRowContext(ctx, query, args...).Scan(&p.zone); err != nil || !p.zone.Valid {
				return err
			}
		}
		more = true
		var last sql.NullString
		if err := tx.QueryRowContext(ctx, selectLastDriver, p.start, p.zone.String, p.driver, pieceKeys).Scan(&last); err != nil {
			return err
		}
		rows, err = collect(ctx, tx, scanTrack, selectBucket, sql.Named("start", p.start), sql.Named("zone", p.zone.String),
			sql.Named("after", p.driver), sql.Named("last", last.String), sql.Named("from", p.from), sql.Named("to", p.to))
		p.driver = last.String
		return err
	})
	return rows, more, err
}

const (
	selectOrders   = `SELECT ` + orderColumns + ` FROM orders WHERE order_id > ? ORDER BY order_id LIMIT ?`
	selectEventsOf = `SELECT ` + eventColumns + ` FROM order_events WHERE order_id > ? AND order_id <= ? ORDER BY order_id, seq`
)

// ScanOrders goes through the orders by id, a piece at a time.
func (s *Store) ScanOrders(ctx context.Context, fn func(persist.Order, []persist.OrderEvent) error) error {
	for after := ""; ; {
		var orders []persist.Order
		var events []persist.OrderEvent
		err := s.read(ctx, "scan orders", func(tx *sql.Tx) (err error) {
			orders, err = collect(ctx, tx, func(rows *sql.Rows, o *persist.Order) error { return scanOrder(rows, o) }, selectOrders, after, pieceKeys)
			if err != nil || len(orders) == 0 {
				return err
			}
			events, err = collect(ctx, tx, scanEvent, selectEventsOf, after, orders[len(orders)-1].ID)
			return err
		})
		if err != nil || len(orders) == 0 {
			return err
		}
		for _, o := range orders {
			n := 0
			for n < len(events) && events[n].OrderID == o.ID {
				n++
			}
			if err := fn(o, events[:n:n]); err != nil {
				return err
			}
			events = events[n:]
		}
		after = orders[len(orders)-1].ID
	}
}
