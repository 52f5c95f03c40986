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
		return noteHours(ctx, tx, sorted)
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
	hourMS = 3_600_000

	// denseRows is from how many rows of a bucket and zone on a write has most of
	// the rows that stand there between its first and last driver.
	denseRows = 100

	insertHour  = `INSERT OR IGNORE INTO driver_hours VALUES (?, ?, ?)`
	insertHours = `INSERT OR IGNORE INTO driver_hours
		SELECT ?, zone, driver_id FROM tracks
		WHERE bucket_start_ms = ? AND zone = ? AND driver_id >= ? AND driver_id <= ?`
)

// noteHours notes in which zones the drivers of rows have rows in an hour. Nearly always that
// is known already. The rows of a flush are then compared within the database, at a
// fifth of the cost of naming each driver.
func noteHours(ctx context.Context, tx *sql.Tx, rows []*persist.TrackRow) error {
	var others []driverHour
	known := map[driverHour]bool{} // the rows of a drain are many buckets of few drivers
	for len(rows) > 0 {
		first, n := rows[0], 1
		for n < len(rows) && rows[n].BucketStart == first.BucketStart && rows[n].Zone == first.Zone {
			n++
		}
		hour := floorHour(first.BucketStart)
		if n >= denseRows {
			if _, err := tx.ExecContext(ctx, insertHours, hour, first.BucketStart, first.Zone, first.DriverID, rows[n-1].DriverID); err != nil {
				return err
			}
			rows = rows[n:]
			continue
		}
		for _, r := range rows[:n] {
			if d := (driverHour{hour, r.Zone, r.DriverID}); !known[d] {
				known[d] = true
				others = append(others, d)
			}
		}
		rows = rows[n:]
	}
	return bulk(ctx, tx, insertHour, others, func(args []any, d driverHour) []any {
		return append(args, d.hour, d.zone, d.driver)
	})
}

// driverHour is a row of driver_hours.
type driverHour struct {
	hour         int64
	zone, driver string
}

// floorHour returns the first millisecond of a time's hour.
func floorHour(ms int64) int64 { return ms - ((ms%hourMS)+hourMS)%hourMS }

// selectTracks steps from one hour to the next, and in each from zone to zone, to find
// where the driver was; and from one bucket that anybody has rows in to the next.
const selectTracks = `WITH RECURSIVE hour (start_ms) AS (
		SELECT (SELECT min(hour_start_ms) FROM driver_hours WHERE hour_start_ms >= :first_hour)
		UNION ALL
		SELECT (SELECT min(hour_start_ms) FROM driver_hours WHERE hour_start_ms > start_ms)
		FROM hour WHERE start_ms <= :to
	), place (hour_ms, in_zone) AS (
		SELECT start_ms, (SELECT min(zone) FROM driver_hours WHERE hour_start_ms = start_ms)
		FROM hour WHERE start_ms <= :to
		UNION ALL
		SELECT hour_ms, (SELECT min(zone) FROM driver_hours WHERE hour_start_ms = hour_ms AND zone > in_zone)
		FROM place WHERE in_zone IS NOT NULL
	), stay AS MATERIALIZED (
		SELECT hour_ms, in_zone FROM place CROSS JOIN driver_hours
		ON hour_start_ms = hour_ms AND zone = in_zone AND driver_id = :driver
	), bucket (start_ms) AS (
		SELECT (SELECT min(bucket_start_ms) FROM tracks WHERE bucket_start_ms >= :earliest)
		UNION ALL
		SELECT (SELECT min(bucket_start_ms) FROM tracks WHERE bucket_start_ms > start_ms)
		FROM bucket WHERE start_ms <= :to
	)
	SELECT ` + trackColumns + ` FROM bucket
	CROSS JOIN stay ON hour_ms = start_ms - (start_ms % 3600000 + 3600000) % 3600000
	CROSS JOIN tracks ON bucket_start_ms = start_ms AND zone = in_zone AND driver_id = :driver
	WHERE :from <= :to AND start_ms <= :to AND last_ts_ms >= :from AND first_ts_ms <= :to
	ORDER BY bucket_start_ms, part, zone`

// TrackRows costs some 20 µs for each bucket of the interval, and 5 µs for each zone
// that anybody was in, for each of its hours.
func (s *Store) TrackRows(ctx context.Context, driverID string, from, to int64) (rows []persist.TrackRow, err error) {
	// A row's fixes are less than MaxBucketMS after its start.
	earliest := max(from, math.MinInt64+persist.MaxBucketMS+hourMS) - persist.MaxBucketMS
	err = s.read(ctx, "track rows", func(tx *sql.Tx) error {
		rows, err = collect(ctx, tx, scanTrack, selectTracks, sql.Named("driver", driverID),
			sql.Named("first_hour", floorHour(earliest)), sql.Named("earliest", earliest), sql.Named("from", from), sql.Named("to", to))
		return err
	})
	return rows, err
}

func scanTrack(rows *sql.Rows, r *persist.TrackRow) error {
	return rows.Scan(&r.BucketStart, &r.Zone, &r.DriverID, &r.Part,
		&r.FirstTS, &r.LastTS, &r.FirstLat, &r.FirstLon, &r.LastLat, &r.LastLon,
		&r.Fixes, &r.DistanceM, &r.TopSpeedMPS, &r.MeanAccuracyM, &r.Path, &r.Times, &r.Speeds)
}
