package sqlite

import (
	"context"
	"database/sql"
	"math"

	"hyperlocal/persist"
)

const trackColumns = `driver_id, bucket_start_ms, part, zone,
	first_ts_ms, last_ts_ms, first_lat, first_lon, last_lat, last_lon,
	fixes, distance_m, top_speed_mps, mean_accuracy_m, path, times, speeds`

// WriteTracks writes all rows or none.
func (s *Store) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	const replace = `REPLACE INTO tracks (` + trackColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
	return put(ctx, s, "write tracks", replace, rows, func(args []any, r persist.TrackRow) []any {
		return append(args, r.DriverID, r.BucketStart, r.Part, r.Zone,
			r.FirstTS, r.LastTS, r.FirstLat, r.FirstLon, r.LastLat, r.LastLon,
			r.Fixes, r.DistanceM, r.TopSpeedMPS, r.MeanAccuracyM, r.Path, r.Times, r.Speeds)
	})
}

// TrackRows reads one stretch of the table, which is in this order on disk.
func (s *Store) TrackRows(ctx context.Context, driverID string, from, to int64) (rows []persist.TrackRow, err error) {
	const query = `SELECT ` + trackColumns + ` FROM tracks
		WHERE driver_id = ? AND bucket_start_ms BETWEEN ? AND ? AND last_ts_ms >= ? AND first_ts_ms <= ?
		ORDER BY bucket_start_ms, part, zone`
	// A row's fixes are less than MaxBucketMS after its start.
	earliest := max(from, math.MinInt64+persist.MaxBucketMS) - persist.MaxBucketMS
	err = s.read(ctx, "track rows", func(tx *sql.Tx) error {
		rows, err = collect(ctx, tx, scanTrack, query, driverID, earliest, to, from, to)
		return err
	})
	return rows, err
}

func scanTrack(rows *sql.Rows, r *persist.TrackRow) error {
	return rows.Scan(&r.DriverID, &r.BucketStart, &r.Part, &r.Zone,
		&r.FirstTS, &r.LastTS, &r.FirstLat, &r.FirstLon, &r.LastLat, &r.LastLon,
		&r.Fixes, &r.DistanceM, &r.TopSpeedMPS, &r.MeanAccuracyM, &r.Path, &r.Times, &r.Speeds)
}
