package sqlite_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
	"hyperlocal/persist/sqlite"
)

const (
	pruneDay    = int64(24 * 3_600_000)
	pruneMonday = 20_000 * pruneDay
)

func pruneRow(driver, zone string, bucket int64) persist.TrackRow {
	return persist.TrackRow{DriverID: driver, Zone: zone, BucketStart: bucket, FirstTS: bucket, LastTS: bucket + 1000, Fixes: 1}
}

func TestPruneTracks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, path)
	ctx := t.Context()
	var rows []persist.TrackRow
	for day := range int64(4) {
		for _, zone := range []string{"east", "west"} {
			for driver := range 3 {
				rows = append(rows, pruneRow(fmt.Sprint("d", driver), zone, pruneMonday+day*pruneDay+3_600_000))
			}
		}
	}
	require.NoError(t, s.WriteTracks(ctx, rows))
	before := pruneMonday + 2*pruneDay + 3_600_000 // in the middle of the third day
	var pieces []int64
	for {
		n, more, err := s.PruneTracks(ctx, before)
		require.NoError(t, err)
		if !more {
			break
		}
		pieces = append(pieces, n)
	}
	require.Equal(t, []int64{3, 3, 3, 3}, pieces, "a piece is a bucket of a zone")
	kept, err := s.TrackRows(ctx, "d1", pruneMonday, pruneMonday+10*pruneDay)
	require.NoError(t, err)
	require.Equal(t, []persist.TrackRow{rows[13], rows[16], rows[19], rows[22]}, kept)

	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	var hours int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM driver_hours").Scan(&hours))
	require.Equal(t, 12, hours, "of the hours that have rows")
}

// The room of what was pruned is used again: five days take no more than two and some.
func TestPruneMakesRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	size := func() int64 {
		require.NoError(t, s.Close())
		info, err := os.Stat(path)
		require.NoError(t, err)
		s, err = sqlite.Open(t.Context(), path, sqlite.Options{})
		require.NoError(t, err)
		return info.Size()
	}
	defer func() { require.NoError(t, s.Close()) }()
	var first int64
	for day := range int64(5) {
		bucket := pruneMonday + day*pruneDay
		rows := make([]persist.TrackRow, 3000)
		for i := range rows {
			rows[i] = pruneRow(fmt.Sprintf("driver-%05d", i), "z", bucket)
		}
		require.NoError(t, s.WriteTracks(t.Context(), rows))
		if day == 1 {
			first = size()
		}
		_, _, err := s.PruneTracks(t.Context(), bucket-pruneDay+1)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, size(), first+first/2)
}

// A file of the version before holds its rows by driver.
func TestTracksByDriverAreMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	for _, file := range []string{"0001_record.sql", "0002_views.sql"} {
		script, err := os.ReadFile("migrations/" + file)
		require.NoError(t, err)
		execute(t, path, string(script))
	}
	execute(t, path, "PRAGMA application_id = 0x4859504c; PRAGMA user_version = 2")
	want := []persist.TrackRow{pruneRow("d", "west", -1000), pruneRow("d", "east", pruneMonday), pruneRow("d", "west", pruneMonday+pruneDay)}
	for _, r := range want {
		execute(t, path, fmt.Sprintf(`INSERT INTO tracks VALUES (%d, 'd', 0, '%s', %d, %d, 0, 0, 0, 0, 1, 0, 0, 0, '', '', '')`,
			r.BucketStart, r.Zone, r.FirstTS, r.LastTS))
	}
	s := open(t, path)
	got, err := s.TrackRows(t.Context(), "d", -10_000, pruneMonday+2*pruneDay)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, s.WriteTracks(t.Context(), want[:1]))
}
