package sqlite_test

import (
	"bytes"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
	"hyperlocal/persist"
	"hyperlocal/persist/sqlite"
)

func TestOpenMakesDirectoriesAndTakesAnyName(t *testing.T) {
	for _, name := range []string{"a/b/c.db", "what? 100% #1&_query_only=1.db", "ಬೆಂಗಳೂರು.db", "file:x.db"} {
		path := filepath.Join(t.TempDir(), name)
		s := open(t, path)
		require.NoError(t, s.PutDarkStores(t.Context(), []persist.DarkStore{{ID: "S1"}}), name)
		require.FileExists(t, path)
	}
}

func TestOpenAgainFindsWhatWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	require.NoError(t, os.WriteFile(path, nil, 0o644), "an empty file is an empty database")
	for i := range 3 {
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		require.NoError(t, err)
		require.NoError(t, s.AppendMovements(t.Context(), []persist.Movement{{StoreID: "S1", ProductID: "p", Seq: int64(i + 1)}}))
		ms, err := s.Movements(t.Context(), "S1", 0, 10)
		require.NoError(t, err)
		require.Len(t, ms, i+1)
		require.NoError(t, s.Close())
		require.NoFileExists(t, path+"-wal", "closing folds the log into the file")
	}
}

func TestOpenByManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, open(t, path).Ping(t.Context()))
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	garbage := make([]byte, 5000)
	copy(garbage, "driver_id,lat,lon\n")
	require.NoError(t, os.WriteFile(at("garbage.db"), garbage, 0o644))
	execute(t, at("foreign.db"), "CREATE TABLE bookmarks (url TEXT)")
	execute(t, at("marked.db"), "PRAGMA application_id = 77")
	open(t, at("newer.db"))
	execute(t, at("newer.db"), "PRAGMA user_version = 1000")
	require.NoError(t, os.WriteFile(at("file"), nil, 0o644))

	for _, c := range []struct {
		path string
		is   error
		says string
	}{
		{at("garbage.db"), nil, "file is not a database"},
		{at("foreign.db"), sqlite.ErrForeign, "application_id"},
		{at("marked.db"), sqlite.ErrForeign, "0x4d"},
		{at("newer.db"), sqlite.ErrNewer, "version 1000"},
		{at("file/below.db"), nil, "make its directory"},
		{dir, nil, "this is a directory"},
		{"", nil, "path of a file is needed"},
		{":memory:", nil, "path of a file is needed"},
	} {
		before, _ := os.ReadFile(c.path)
		_, err := sqlite.Open(t.Context(), c.path, sqlite.Options{})
		require.ErrorContains(t, err, c.says, c.path)
		require.ErrorContains(t, err, "open sqlite database "+c.path)
		require.NotErrorIs(t, err, persist.ErrUnavailable, "trying again does not help")
		if c.is != nil {
			require.ErrorIs(t, err, c.is, c.path)
		}
		after, _ := os.ReadFile(c.path)
		require.True(t, bytes.Equal(before, after), "%s was changed", c.path)
	}
}

// TestReadableBySQLite3 is for the people who open the file by hand, while the
// server has it open.
func TestReadableBySQLite3(t *testing.T) {
	shell := testenv.SQLite3(t)
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, path)
	fillForViews(t, s)
	for query, want := range viewQueries {
		out, err := exec.Command(shell, "-readonly", path, query).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, want, string(out), query)
	}
}

func TestViews(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	fillForViews(t, open(t, path))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	for query := range viewQueries {
		rows, err := db.Query(query)
		require.NoError(t, err, query)
		require.True(t, rows.Next(), query)
		require.NoError(t, rows.Close())
	}
}

// viewQueries are questions with the answers that sqlite3 prints.
var viewQueries = map[string]string{
	// Two rows, the 111.2 m between them and a late one within; then, after midnight, another.
	"SELECT day_utc, driver_id, round(distance_m, 1), top_speed_mps, fixes, first_ts_ms, last_ts_ms, mock_fixes FROM driver_distance_by_day WHERE driver_id = 'd1' ORDER BY 1": "2027-01-15|d1|411.7|9.0|7|1800000000000|1800000031000|4\n" +
		"2027-01-16|d1|7.0|3.0|1|1800057600000|1800057600000|0\n",
	// Half an hour after the first row nobody knows where he was.
	"SELECT day_utc = date('now', '-1 day'), driver_id, distance_m, fixes FROM driver_distance_yesterday": "1|d2|30.0|6\n",
	"SELECT * FROM stock_by_store":    "S1|milk|7|2|30\n",
	"SELECT * FROM order_lines":       "o1|milk|2\no1|bread|1\n",
	"SELECT * FROM open_reservations": "S1|S1.r|o1|milk|2|2027-01-15 08:10:00\n",
	"PRAGMA journal_mode":             "wal\n",
}

func fillForViews(t *testing.T, s persist.Store) {
	ctx := t.Context()
	const start = 1_800_000_000_000
	row := persist.TrackRow{
		DriverID: "d1", BucketStart: start, FirstTS: start, LastTS: start + 1000, Fixes: 3, MockFixes: 2, DistanceM: 100.5, TopSpeedMPS: 9}
	second := row
	second.BucketStart, second.FirstTS, second.LastTS = start+30_000, start+30_000, start+31_000
	second.DistanceM, second.Fixes, second.MockFixes, second.TopSpeedMPS = 200, 2, 0, 8
	second.FirstLat, second.LastLat = 0.001, 0.001
	late := row
	late.Part, late.FirstTS, late.LastTS, late.FirstLat, late.LastLat, late.DistanceM, late.Fixes = 1, start+500, start+500, 0.5, 0.5, 0, 2
	third := persist.TrackRow{DriverID: "d1", BucketStart: 1_800_057_600_000, FirstTS: 1_800_057_600_000, LastTS: 1_800_057_600_000, Fixes: 1, DistanceM: 7, TopSpeedMPS: 3}
	require.NoError(t, s.WriteTracks(ctx, []persist.TrackRow{row, second, third, late}))
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for i, at := range []time.Time{today.Add(-24*time.Hour - 30*time.Second), today.Add(-24 * time.Hour), today.Add(-23*time.Hour - 30*time.Minute), today} {
		ms := at.UnixMilli()
		require.NoError(t, s.WriteTracks(ctx, []persist.TrackRow{{
			DriverID: "d2", BucketStart: ms, FirstTS: ms, LastTS: ms + 29_000, Fixes: 3, DistanceM: 15, FirstLat: float64(i), LastLat: float64(i),
		}}))
	}
	require.NoError(t, s.AppendMovements(ctx, []persist.Movement{
		{StoreID: "S1", Seq: 1, TS: 10, Kind: "receive", ProductID: "milk", Available: 10},
		{StoreID: "S1", Seq: 2, TS: 20, Kind: "reserve", ProductID: "milk", Available: -3, Reserved: 3},
		{StoreID: "S1", Seq: 3, TS: 30, Kind: "commit", ProductID: "milk", Reserved: -1},
	}))
	reserved := persist.Reservation{StoreID: "S1", ID: "S1.r", Seq: 2, OrderID: "o1", State: "open",
		Lines: []persist.Line{{ProductID: "milk", Units: 2}}, ExpiresTS: start + 600_000}
	sold := reserved
	sold.ID, sold.State, sold.ClosedTS = "S1.s", "committed", start
	require.NoError(t, s.PutReservations(ctx, []persist.Reservation{reserved, sold}))
	require.NoError(t, s.PutOrder(ctx, persist.Order{
		ID: "o1", Version: 1, Lines: []persist.Line{{ProductID: "milk", Units: 2}, {ProductID: "bread", Units: 1}}}, nil))
}

// execute runs statements on a database of its own connection.
func execute(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec(statements)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}
