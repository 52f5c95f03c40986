package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"hyperlocal/persist"
)

const (
	// pieceKeys is how many orders a piece of a scan has, and pieceRows how many rows
	// of tracks at most.
	pieceKeys = 500
	pieceRows = 2000
)

const (
	selectBucket = `SELECT ` + trackColumns + ` FROM tracks
		WHERE bucket_start_ms = ? AND (zone, driver_id) > (?, ?) AND last_ts_ms >= ? AND first_ts_ms <= ?
		ORDER BY zone, driver_id, part LIMIT ?`
	selectNextBucket = `SELECT min(bucket_start_ms) FROM tracks WHERE bucket_start_ms > ?`
	selectLastBucket = `SELECT max(bucket_start_ms) FROM tracks WHERE bucket_start_ms <= ?`
)

// ScanTracks steps from bucket to bucket. Each piece is read by itself: one long read
// would keep the log from being put away all the while.
func (s *Store) ScanTracks(ctx context.Context, from, to int64, fn func([]persist.TrackRow, float64) error) error {
	if from > to {
		return nil
	}
	// A row's fixes are less than MaxBucketMS after its start.
	before := max(from, math.MinInt64+persist.MaxBucketMS+1) - persist.MaxBucketMS - 1
	first, last, err := s.bucketsBetween(ctx, before, to)
	for start := first; err == nil && start.Valid && start.Int64 <= to; start, err = s.bucketAfter(ctx, start.Int64) {
		done := float64(start.Int64-first.Int64) / float64(max(last.Int64-first.Int64, 1))
		var reached persist.TrackRow
		for more := true; more; {
			var rows []persist.TrackRow
			if rows, more, err = s.pieceOfBucket(ctx, start.Int64, reached, from, to); err != nil {
				return err
			}
			if len(rows) == 0 {
				break
			}
			reached = rows[len(rows)-1]
			slices.SortStableFunc(rows, func(a, b persist.TrackRow) int { return cmp.Compare(a.DriverID, b.DriverID) })
			if err := fn(rows, done); err != nil {
				return err
			}
		}
	}
	return err
}

// bucketsBetween returns the first bucket after a time, and the last that is not
// after another.
func (s *Store) bucketsBetween(ctx context.Context, after, to int64) (first, last sql.NullInt64, err error) {
	err = s.read(ctx, "scan tracks", func(tx *txn) error {
		return errors.Join(tx.QueryRowContext(ctx, selectNextBucket, after).Scan(&first),
			tx.QueryRowContext(ctx, selectLastBucket, to).Scan(&last))
	})
	return first, last, err
}

func (s *Store) bucketAfter(ctx context.Context, start int64) (next sql.NullInt64, err error) {
	err = s.read(ctx, "scan tracks", func(tx *txn) error {
		return tx.QueryRowContext(ctx, selectNextBucket, start).Scan(&next)
	})
	return next, err
}

// pieceOfBucket returns the rows behind those of a zone's driver, and whether there may
// be others. Rows of one zone and driver are not divided.
func (s *Store) pieceOfBucket(ctx context.Context, start int64, reached persist.TrackRow, from, to int64) (rows []persist.TrackRow, more bool, err error) {
	for limit := pieceRows; ; limit *= 2 {
		err = s.read(ctx, "scan tracks", func(tx *txn) error {
			rows, err = collect(ctx, tx, scanTrack, selectBucket, start, reached.Zone, reached.DriverID, from, to, limit)
			return err
		})
		if err != nil || len(rows) < limit {
			return rows, false, err
		}
		n := len(rows) - 1
		for last := rows[n]; n > 0 && rows[n-1].Zone == last.Zone && rows[n-1].DriverID == last.DriverID; {
			n--
		}
		if n > 0 {
			return rows[:n], true, nil
		}
	}
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
		err := s.read(ctx, "scan orders", func(tx *txn) (err error) {
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
