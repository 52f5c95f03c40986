package cassandra

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gocql/gocql"

	"hyperlocal/persist"
)

// reservationSlices is among how many partitions a store's reservations are
// spread. It is part of the table's key and can never change.
const reservationSlices = 16

// closedTTL is for how long a closed reservation is kept, in seconds.
const closedTTL = persist.KeepClosedMS / 1000

const reservationColumns = `reservation_id, seq, order_id, state, lines_json, created_ts_ms, expires_ts_ms, closed_ts_ms`

// reservationsTable has a row for each Seq that is written: their timestamps tell
// the cluster which one stays.
var reservationsTable = table[persist.Reservation]{
	insert: `INSERT INTO reservations (store_id, slice, ` + reservationColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?)
		USING TIMESTAMP ? AND TTL ?`,
	samePartition: func(a, b *persist.Reservation) bool {
		return a.StoreID == b.StoreID && slice(a.ID, reservationSlices) == slice(b.ID, reservationSlices)
	},
	compare: func(a, b *persist.Reservation) int {
		return cmp.Or(cmp.Compare(a.StoreID, b.StoreID),
			cmp.Compare(slice(a.ID, reservationSlices), slice(b.ID, reservationSlices)),
			cmp.Compare(a.ID, b.ID), cmp.Compare(a.Seq, b.Seq))
	},
	bind: func(r *persist.Reservation) []any {
		lines, _ := json.Marshal(append([]persist.Line{}, r.Lines...)) // strings and numbers always encode
		ttl := 0
		if r.ClosedTS > 0 {
			ttl = closedTTL
		}
		return []any{r.StoreID, slice(r.ID, reservationSlices), r.ID, r.Seq, r.OrderID, r.State, string(lines),
			r.CreatedTS, r.ExpiresTS, r.ClosedTS, r.Seq, ttl}
	},
	bytes: func(r *persist.Reservation) int {
		bytes := 120 + len(r.StoreID) + len(r.ID) + len(r.OrderID)
		for _, l := range r.Lines {
			bytes += 40 + len(l.ProductID)
		}
		return bytes
	},
}

// PutReservations writes each row with its Seq for a timestamp.
func (s *Store) PutReservations(ctx context.Context, rs []persist.Reservation) error {
	return put(ctx, s, "put reservations", reservationsTable, rs)
}

// Reservations reads the store's partitions.
func (s *Store) Reservations(ctx context.Context, storeID string, closedSince int64) (rs []persist.Reservation, err error) {
	err = s.call(ctx, "reservations", func() error {
		if storeID == "" {
			return nil
		}
		all := make([]int, reservationSlices)
		for i := range all {
			all[i] = i
		}
		pieces, err := each(ctx, all, func(ctx context.Context, slice int) ([]persist.Reservation, error) {
			rows, err := collect(ctx, s, func(row gocql.Scanner, r *persist.Reservation) error {
				r.StoreID = storeID
				return scanReservation(row, r)
			}, `SELECT `+reservationColumns+` FROM reservations WHERE store_id = ? AND slice = ?`, storeID, slice)
			return slices.DeleteFunc(rows, func(r persist.Reservation) bool {
				return r.ClosedTS > 0 && r.ClosedTS < closedSince
			}), err
		})
		rs = slices.SortedFunc(slices.Values(slices.Concat(pieces...)),
			func(a, b persist.Reservation) int { return cmp.Compare(a.ID, b.ID) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return rs, nil
}

func scanReservation(row gocql.Scanner, r *persist.Reservation) error {
	var lines []byte
	if err := row.Scan(&r.ID, &r.Seq, &r.OrderID, &r.State, &lines, &r.CreatedTS, &r.ExpiresTS, &r.ClosedTS); err != nil {
		return err
	}
	if err := json.Unmarshal(lines, &r.Lines); err != nil {
		return fmt.Errorf("lines of reservation %s: %w", r.ID, err)
	}
	if len(r.Lines) == 0 {
		r.Lines = nil
	}
	return nil
}
