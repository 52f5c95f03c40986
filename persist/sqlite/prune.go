package sqlite

import (
	"context"
	"database/sql"
)

const (
	// The rows of the oldest bucket's first zone, if the bucket began before a time:
	// one piece of the table, such as a flush wrote it.
	deleteTracks = `DELETE FROM tracks
		WHERE bucket_start_ms = (SELECT min(bucket_start_ms) FROM tracks WHERE bucket_start_ms < :before)
		AND zone = (SELECT min(zone) FROM tracks WHERE bucket_start_ms =
			(SELECT min(bucket_start_ms) FROM tracks WHERE bucket_start_ms < :before))`
	deleteHours = `DELETE FROM driver_hours
		WHERE hour_start_ms = (SELECT min(hour_start_ms) FROM driver_hours WHERE hour_start_ms <= :before - 3600000)
		AND zone = (SELECT min(zone) FROM driver_hours WHERE hour_start_ms =
			(SELECT min(hour_start_ms) FROM driver_hours WHERE hour_start_ms <= :before - 3600000))`
)

// PruneTracks deletes a piece of the rows whose bucket began before a time, in ms
// since 1970: those of one bucket and zone. It returns how many that were, and whether
// there may be more. The room in the file is used for new rows.
func (s *Store) PruneTracks(ctx context.Context, before int64) (rows int64, more bool, err error) {
	err = s.write(ctx, "prune tracks", func(tx *txn) error {
		for _, statement := range []string{deleteTracks, deleteHours} {
			result, err := tx.ExecContext(ctx, statement, sql.Named("before", before))
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			more = more || n > 0
			if statement == deleteTracks {
				rows = n
			}
		}
		return nil
	})
	return rows, more, err
}
