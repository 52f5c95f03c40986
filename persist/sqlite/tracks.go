package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"

	"hyperlocal/internal/giveway"
	"hyperlocal/persist"
)

const trackColumns = `bucket_start_ms, zone, driver_id, part,
	first_ts_ms, last_ts_ms, first_lat, first_lon, last_lat, last_lon,
	fixes, distance_m, top_speed_mps, mean_accuracy_m, mock_fixes, path, times, speeds`

// rowsPerCommit is how many rows of tracks are in one transaction. Its end writes all
// the pages at once, some 2 ms in which a processor does nothing else.
const rowsPerCommit = 1000

// WriteTracks writes so many rows at a time; after an error it may have written some.
// Nothing is written if one of them is refused before.
func (s *Store) WriteTracks(ctx context.Context, rows []persist.TrackRow) (err error) {
	s.lane.Do(func(turn *giveway.Turn) { err = s.writeTracks(ctx, turn, rows) })
	return err
}

func (s *Store) writeTracks(ctx context.Context, turn *giveway.Turn, rows []persist.TrackRow) error {
	if err := persist.ValidateAll(rows); err != nil {
		return fmt.Errorf("sqlite: write tracks: %w", err)
	}
	for part := range slices.Chunk(inOrder(turn, rows), rowsPerCommit) {
		if err := s.commitTracks(ctx, turn, part); err != nil {
			return err
		}
	}
	return nil
}

// commitTracks writes all rows, which are in the table's order, or none.
func (s *Store) commitTracks(ctx context.Context, turn *giveway.Turn, rows []*persist.TrackRow) error {
	const replace = `REPLACE INTO tracks (` + trackColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
	hour, others := s.noted.without(turn, rows)
	err := s.writeIn(ctx, turn, "write tracks", func(tx *txn) error {
		err := bulk(ctx, tx, replace, rows, func(args []any, r *persist.TrackRow) []any {
			return append(args, r.BucketStart, r.Zone, r.DriverID, r.Part,
				r.FirstTS, r.LastTS, r.FirstLat, r.FirstLon, r.LastLat, r.LastLon,
				r.Fixes, r.DistanceM, r.TopSpeedMPS, r.MeanAccuracyM, r.MockFixes, r.Path, r.Times, r.Speeds)
		})
		if err != nil {
			return err
		}
		return noteHours(ctx, tx, others)
	})
	if err == nil {
		s.noted.add(turn, hour, others)
	}
	return err
}

// comparisonsPerStep are some 0.1 ms of sorting.
const comparisonsPerStep = 2048

// inOrder returns the rows in the table's order, in which a page is changed
// once and not once for each of its rows. Rows with one key stay in theirs.
func inOrder(turn *giveway.Turn, rows []persist.TrackRow) []*persist.TrackRow {
	sorted := make([]*persist.TrackRow, len(rows))
	for i := range rows {
		sorted[i] = &rows[i]
	}
	slices.SortStableFunc(sorted, func(a, b *persist.TrackRow) int {
		turn.Step(comparisonsPerStep)
		return cmp.Or(cmp.Compare(a.BucketStart, b.BucketStart), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.DriverID, b.DriverID))
	})
	return sorted
}

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
	err = s.read(ctx, "track rows", func(tx *txn) error {
		rows, err = collect(ctx, tx, scanTrack, selectTracks, sql.Named("driver", driverID),
			sql.Named("first_hour", floorHour(earliest)), sql.Named("earliest", earliest), sql.Named("from", from), sql.Named("to", to))
		return err
	})
	return rows, err
}

// BucketRows steps to the driver's rows by their key.
func (s *Store) BucketRows(ctx context.Context, zone string, bucketStart int64, driverID string) (rows []persist.TrackRow, err error) {
	err = s.read(ctx, "bucket rows", func(tx *txn) error {
		rows, err = collect(ctx, tx, scanTrack, `SELECT `+trackColumns+` FROM tracks
			WHERE bucket_start_ms = ? AND zone = ? AND driver_id = ? ORDER BY part`, bucketStart, zone, driverID)
		return err
	})
	return rows, err
}

func scanTrack(rows *sql.Rows, r *persist.TrackRow) error {
	return rows.Scan(&r.BucketStart, &r.Zone, &r.DriverID, &r.Part,
		&r.FirstTS, &r.LastTS, &r.FirstLat, &r.FirstLon, &r.LastLat, &r.LastLon,
		&r.Fixes, &r.DistanceM, &r.TopSpeedMPS, &r.MeanAccuracyM, &r.MockFixes, &r.Path, &r.Times, &r.Speeds)
}
