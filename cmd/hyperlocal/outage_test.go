package main

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	_ "modernc.org/sqlite" // to lock the server's file
)

// The database stops taking writes, the server takes pings, its buckets go to
// files, and it is killed. The next one writes all of them, each fix once.
func TestKillNineWhileTheDatabaseIsGone(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--data-dir", dir, "--zones", wards, "--bucket", "1s", "--bucket-grace", "1ms", "--flush-every", "200ms", "--flush-waiting", "1B"}
	p := startServer(t, args...)
	db, err := sql.Open("sqlite", filepath.Join(dir, "hyperlocal.db"))
	require.NoError(t, err)
	defer db.Close()
	lock, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = lock.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)

	start := time.Now().Add(-time.Minute).Truncate(time.Second)
	const fixes = 40
	send := func(i int) {
		p.do("POST", "/v1/locations", ping("d", 12.97, 77.59+float64(i)*0.0001, start.Add(time.Duration(i)*time.Second))).ok(200, nil)
	}
	for i := range fixes {
		send(i)
	}
	eventually(t, func() bool { return p.metric("hyperlocal_flush_spilled_rows_total") >= fixes },
		time.Minute, 20*time.Millisecond, "buckets go to files")
	require.Positive(t, p.metric("hyperlocal_flush_spill_bytes"))
	p.kill()
	_, err = lock.ExecContext(context.Background(), "ROLLBACK")
	require.NoError(t, err)

	p = startServer(t, args...)
	send(fixes)
	eventually(t, func() bool { return p.metric("hyperlocal_flush_spill_bytes") == 0 },
		time.Minute, 20*time.Millisecond, "files are drained")
	require.Equal(t, 0, p.interrupt(), "%s", p.out)

	rows, err := db.QueryContext(t.Context(), "SELECT bucket_start_ms, fixes FROM tracks WHERE driver_id = 'd' ORDER BY 1")
	require.NoError(t, err)
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var bucket, count int64
		require.NoError(t, rows.Scan(&bucket, &count))
		require.Equal(t, start.Add(time.Duration(n)*time.Second).UnixMilli(), bucket)
		require.EqualValues(t, 1, count)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, fixes+1, n, "each accepted fix is in exactly one row")
}
