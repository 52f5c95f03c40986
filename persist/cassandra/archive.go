package cassandra

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"hyperlocal/persist"
)

// pieceHours is how many hours of drivers are read for a piece, each of at most
// some hundred rows, and the rest of the last driver's day.
const pieceHours = 64

// ScanTracks goes through the index: day by day, slice by slice, driver by
// driver.
func (s *Store) ScanTracks(ctx context.Context, from, to int64, fn func([]persist.TrackRow, float64) error) error {
	if from > to {
		return nil
	}
	return s.scan(ctx, "scan tracks", func(stop func(error) error) error {
		earliest, latest := bucketStarts(from, to)
		days, err := s.trackDays(ctx, floor(earliest, dayMS), floor(latest, dayMS))
		if err != nil {
			return err
		}
		for i := range len(days) * indexSlices {
			read := func(hours []driverHour) error {
				rows, err := s.rowsOfAll(ctx, hours, from, to)
				if err != nil || len(rows) == 0 {
					return err
				}
				return stop(fn(rows, float64(i)/float64(len(days)*indexSlices)))
			}
			if err := s.scanHours(ctx, days[i/indexSlices], int64(i%indexSlices), read); err != nil {
				return err
			}
		}
		return nil
	})
}

// scan does what is the same in every scan: an error that went through stop is
// the caller's own, and returned as it is.
func (s *Store) scan(ctx context.Context, op string, fn func(stop func(error) error) error) error {
	var theirs error
	err := s.call(ctx, op, func() error {
		return fn(func(err error) error {
			theirs = err
			return err
		})
	})
	if theirs != nil {
		return theirs
	}
	return err
}

// scanHours calls fn with the hours of a part of the index, those of a driver
// together.
func (s *Store) scanHours(ctx context.Context, day, slice int64, fn func([]driverHour) error) error {
	rows := s.session.Query(`SELECT driver_id, hour_start_ms, zone FROM driver_hours WHERE day_start_ms = ? AND slice = ?`, day, slice).
		WithContext(ctx).PageSize(1000).Iter().Scanner()
	var hours []driverHour
	for rows.Next() {
		var h driverHour
		err := rows.Scan(&h.driver, &h.hour, &h.zone)
		if n := len(hours); err == nil && n >= pieceHours && hours[n-1].driver != h.driver {
			err = fn(hours)
			hours = hours[:0]
		}
		if err != nil {
			_ = rows.Err() // frees the rows; the first error is the one that tells
			return err
		}
		hours = append(hours, h)
	}
	if err := rows.Err(); err != nil || len(hours) == 0 {
		return err
	}
	return fn(hours)
}

// rowsOfAll returns the rows of hours that hold fixes with from <= time <= to,
// in order of driver, bucket, part and zone.
func (s *Store) rowsOfAll(ctx context.Context, hours []driverHour, from, to int64) ([]persist.TrackRow, error) {
	earliest, latest := bucketStarts(from, to)
	hours = slices.DeleteFunc(hours, func(h driverHour) bool {
		return h.hour < floor(earliest, hourMS) || h.hour > latest
	})
	parts, err := each(ctx, hours, func(ctx context.Context, h driverHour) ([]persist.TrackRow, error) {
		return s.rowsOf(ctx, h, earliest, latest)
	})
	if err != nil {
		return nil, err
	}
	rows := slices.DeleteFunc(slices.Concat(parts...), func(r persist.TrackRow) bool {
		return r.LastTS < from || r.FirstTS > to
	})
	slices.SortFunc(rows, func(a, b persist.TrackRow) int {
		return cmp.Or(cmp.Compare(a.DriverID, b.DriverID),
			cmp.Compare(a.BucketStart, b.BucketStart), cmp.Compare(a.Part, b.Part), cmp.Compare(a.Zone, b.Zone))
	})
	return rows, nil
}

// ScanOrders reads the whole table, in no order that means anything.
func (s *Store) ScanOrders(ctx context.Context, fn func(persist.Order, []persist.OrderEvent) error) error {
	return s.scan(ctx, "scan orders", func(stop func(error) error) error {
		rows := s.session.Query(`SELECT order_id, ` + orderColumns + `, ` + eventColumns + ` FROM orders`).
			WithContext(ctx).PageSize(1000).Iter().Scanner()
		var one []orderRow // of one order
		pass := func() error {
			if len(one) == 0 {
				return nil
			}
			o, events, err := assemble(one)
			one = one[:0]
			if errors.Is(err, persist.ErrNotFound) { // its first event has been written just now
				return nil
			}
			if err != nil {
				return err
			}
			return stop(fn(o, events))
		}
		for rows.Next() {
			var row orderRow
			err := scanOrder(rows, &row)
			if err == nil && len(one) > 0 && one[0].order.ID != row.order.ID {
				err = pass()
			}
			if err != nil {
				_ = rows.Err() // frees the rows; the first error is the one that tells
				return err
			}
			one = append(one, row)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return pass()
	})
}
