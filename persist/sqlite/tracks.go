package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"

	"hyperlocal/persist"
)

const trackColumns = `bucket_start_ms, zone, driver_id, part,
	first_ts_ms, last_ts_ms, first_lat, first_lon, last_lat, last_lon,
	fixes, distance_m, top_speed_mps, mean_accuracy_m, path, times, speeds`

// WriteTracks writes all rows or none.
func (s *Store) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	const replace = `REPLACE INTO tracks (` + trackColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
	if err := persist.ValidateAll(rows); err != nil {
		return fmt.Errorf("sqlite: write tracks: %w", err)
	}
	sorted := inOrder(rows)
	return s.write(ctx, "write tracks", func(tx *sql.Tx) error {
		err := bulk(ctx, tx, replace, sorted, func(args []any, r *persist.TrackRow) []any {
			return append(args, r.BucketStart, r.Zone, r.DriverID, r.Part,
				r.FirstTS, r.LastTS, r.FirstLat, r.FirstLon, r.LastLat, r.LastLon,
				r.Fixes, r.DistanceM, r.TopSpeedMPS, r.MeanAccuracyM, r.Path, r.Times, r.Speeds)
		})
		if err != nil {
			return err
		}
		return noteDays(ctx, tx, sorted)
	})
}

// inOrder returns the rows in the table's order, in which a page is changed
// once and not once for each of its rows. Rows with one key stay in theirs.
func inOrder(rows []persist.TrackRow) []*persist.TrackRow {
	sorted := make([]*persist.TrackRow, len(rows))
	for i := range rows {
		sorted[i] = &rows[i]
	}
	slices.SortStableFunc(sorted, func(a, b *persist.TrackRow) int {
		return cmp.Or(cmp.Compare(a.BucketStart, b.BucketStart), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.DriverID, b.DriverID))
	})
	return sorted
}

const (
	dayMS = 24 * 3_600_000

	// denseRows is from how many rows of a bucket and zone on a write has most of
	// the rows that stand there between its first and last driver.
	denseRows = 100

	insertDay  = `INSERT OR IGNORE INTO driver_days VALUES (?, ?, ?)`
	insertDays = `INSERT OR IGNORE INTO driver_days
		SELECT ?, zone, driver_id FROM tracks
		WHERE bucket_start_ms = ? AND zone = ? AND driver_id >= ? AND driver_id <= ?`
)

// noteDays notes where on which day the drivers of rows have rows. Nearly always that
// is known already. The rows of a flush are then compared within the database, at a
// fifth of the cost of naming each driver.
func noteDays(ctx context.Context, tx *sql.Tx, rows []*persist.TrackRow) error {
	for len(rows) > 0 {
		first, n := rows[0], 1
		for n < len(rows) && rows[n].BucketStart == first.BucketStart && rows[n].Zone == first.Zone {
			n++
		}
		group, day := rows[:n], floorDay(first.BucketStart)
		rows = rows[n:]
		var err error
		if n >= denseRows {
			_, err = tx.ExecContext(ctx, insertDays, day, first.BucketStart, first.Zone, first.DriverID, group[n-1].DriverID)
		} else {
			err = bulk(ctx, tx, insertDay, group, func(args []any, r *persist.TrackRow) []any {
				return append(args, day, r.Zone, r.DriverID)
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// floorDay returns the first millisecond of the day, UTC, of a time.
func floorDay(ms int64) int64 { return ms - ((ms%dayMS)+dayMS)%dayMS }

// selectTracks steps from one day to the next, and in each from zone to zone, to find
// where the driver was; and from one bucket that anybody has rows in to the next.
const selectTracks = `WITH RECURSIVE day (start_ms) AS (
		SELECT (SELECT min(day_start_ms) FROM driver_days WHERE day_start_ms >= :first_day)
		UNION ALL
		SELECT (SELECT min(day_start_ms) FROM driver_days WHERE day_start_ms > start_ms)
		FROM day WHERE start_ms <= :to
	), place (day_ms, in_zone) AS (
		SELECT start_ms, (SELECT min(zone) FROM driver_days WHERE day_start_ms = start_ms)
		FROM day WHERE start_ms <= :to
		UNION ALL
		SELECT day_ms, (SELECT min(zone) FROM driver_days WHERE day_start_ms = day_ms AND zone > in_zone)
		FROM place WHERE in_zone IS NOT NULL
	), stay AS MATERIALIZED (
		SELECT day_ms, in_zone FROM place CROSS JOIN driver_days
		ON day_start_ms = day_ms AND zone = in_zone AND driver_id = :driver
	), bucket (start_ms) AS (
		SELECT (SELECT min(bucket_start_ms) FROM tracks WHERE bucket_start_ms >= :earliest)
		UNION ALL
		SELECT (SELECT min(bucket_start_ms) FROM tracks WHERE bucket_start_ms > start_ms)
		FROM bucket WHERE start_ms <= :to
	)
	SELECT ` + trackColumns + ` FROM bucket
	CROSS JOIN stay ON day_ms = start_ms - (start_ms % 86400000 + 86400000) % 86400000
	CROSS JOIN tracks ON bucket_start_ms = start_ms AND zone = in_zone AND driver_id = :driver
	WHERE :from <= :to AND start_ms <= :to AND last_ts_ms >= :from AND first_ts_ms <= :to
	ORDER BY bucket_start_ms, part, zone`

// TrackRows costs some 20 µs for each bucket of the interval, and for each zone of
// each of its days.
func (s *Store) TrackRows(ctx context.Context, driverID string, from, to int64) (rows []persist.TrackRow, err error) {
	// A row's fixes are less than MaxBucketMS after its start.
	earliest := max(from, math.MinInt64+persist.MaxBucketMS+dayMS) - persist.MaxBucketMS
	err = s.read(ctx, "track rows", func(tx *sql.Tx) error {
		rows, err = collect(ctx, tx, scanTrack, selectTracks, sql.Named("driver", driverID),
			sql.Named("first_day", floorDay(earliest)), sql.Named("earliest", earliest), sql.Named("from", from), sql.Named("to", to))
		return err
	})
	return rows, err
}

func scanTrack(rows *sql.Rows, r *persist.TrackRow) error {
	return rows.Scan(&r.BucketStart, &r.Zone, &r.DriverID, &r.Part,
		&r.FirstTS, &r.LastTS, &r.FirstLat, &r.FirstLon, &r.LastLat, &r.LastLon,
		&r.Fixes, &r.DistanceM, &r.TopSpeedMPS, &r.MeanAccuracyM, &r.Path, &r.Times, &r.Speeds)
}
