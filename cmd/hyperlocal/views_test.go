package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the view says of a drive is what its track says, although the rows hold a part of
// the way only: at a fix every 3 s and buckets of 10 s, two thirds.
func TestDistanceByDayIsThatOfTheTrack(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, "--data-dir", dir, "--zones", wards, "--bucket", "10s", "--bucket-grace", "1ms", "--flush-every", "200ms")
	const fixes = 100
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	drive := make([]any, fixes)
	for i := range drive {
		drive[i] = ping("d", 12.97+float64(i%7)*0.0001, 77.50+float64(i)*0.0005, start.Add(time.Duration(i)*3*time.Second))
	}
	p.do("POST", "/v1/locations", drive).ok(200, nil)
	var track struct {
		Fixes     []any   `json:"fixes"`
		DistanceM float64 `json:"distance_m"`
	}
	require.Eventually(t, func() bool {
		p.do("GET", fmt.Sprintf("/v1/drivers/d/track?from=%d&to=%d", start.UnixMilli(), time.Now().UnixMilli()), nil).ok(200, &track)
		return len(track.Fixes) == fixes
	}, time.Minute, 100*time.Millisecond)
	require.Equal(t, 0, p.interrupt(), "%s", p.out)

	db, err := sql.Open("sqlite", filepath.Join(dir, "hyperlocal.db"))
	require.NoError(t, err)
	defer db.Close()
	var sum, rows float64
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT sum(distance_m) FROM driver_distance_by_day WHERE driver_id = 'd'").Scan(&sum))
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT sum(distance_m) FROM tracks WHERE driver_id = 'd'").Scan(&rows))
	require.Less(t, rows, 0.8*track.DistanceM)
	require.InEpsilon(t, track.DistanceM, sum, 0.03) // midnight may lie in it
}
