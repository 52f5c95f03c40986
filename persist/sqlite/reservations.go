package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"

	"hyperlocal/persist"
)

const reservationColumns = `store_id, reservation_id, seq, order_id, state, lines_json,
	created_ts_ms, expires_ts_ms, closed_ts_ms`

// PutReservations writes all of rs or none.
func (s *Store) PutReservations(ctx context.Context, rs []persist.Reservation) error {
	const upsert = `INSERT INTO reservations (` + reservationColumns + `) VALUES (?,?,?,?,?,?,?,?,?)
		ON CONFLICT (store_id, reservation_id) DO UPDATE SET
			seq = excluded.seq, order_id = excluded.order_id, state = excluded.state, lines_json = excluded.lines_json,
			created_ts_ms = excluded.created_ts_ms, expires_ts_ms = excluded.expires_ts_ms,
			closed_ts_ms = excluded.closed_ts_ms
		WHERE excluded.seq >= reservations.seq`
	return put(ctx, s, "put reservations", upsert, rs, func(args []any, r persist.Reservation) []any {
		lines, _ := json.Marshal(append([]persist.Line{}, r.Lines...)) // strings and numbers always encode
		return append(args, r.StoreID, r.ID, r.Seq, r.OrderID, r.State, string(lines), r.CreatedTS, r.ExpiresTS, r.ClosedTS)
	})
}

const selectReservations = `SELECT ` + reservationColumns + ` FROM reservations
	WHERE store_id = ? AND closed_ts_ms = 0
	UNION ALL
	SELECT ` + reservationColumns + ` FROM reservations
	WHERE store_id = ? AND closed_ts_ms >= ? AND closed_ts_ms > 0
	ORDER BY reservation_id`

// Reservations looks both kinds up by the time of their end.
func (s *Store) Reservations(ctx context.Context, storeID string, closedSince int64) (rs []persist.Reservation, err error) {
	err = s.read(ctx, "reservations", func(tx *txn) error {
		rs, err = collect(ctx, tx, scanReservation, selectReservations, storeID, storeID, closedSince)
		return err
	})
	return rs, err
}

func scanReservation(rows *sql.Rows, r *persist.Reservation) error {
	var lines []byte
	err := rows.Scan(&r.StoreID, &r.ID, &r.Seq, &r.OrderID, &r.State, &lines, &r.CreatedTS, &r.ExpiresTS, &r.ClosedTS)
	if err != nil {
		return err
	}
	r.Lines, err = list[persist.Line](lines)
	return err
}
