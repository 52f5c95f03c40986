package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
	"hyperlocal/persist/sqlite"
)

func TestOldTracksAreRemoved(t *testing.T) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "record.db"), sqlite.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	now := time.Now().Truncate(time.Hour)
	var rows []persist.TrackRow
	for i := range 10 {
		start := now.Add(-time.Duration(i) * time.Hour).UnixMilli()
		rows = append(rows, persist.TrackRow{DriverID: "d", Zone: fmt.Sprint(i % 2), BucketStart: start, FirstTS: start, LastTS: start, Fixes: 1})
	}
	require.NoError(t, s.WriteTracks(t.Context(), rows))
	left := func() int {
		rows, err := s.TrackRows(t.Context(), "d", 0, now.UnixMilli())
		require.NoError(t, err)
		return len(rows)
	}
	p := &pruner{store: s, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler)}
	require.NoError(t, p.prune(t.Context()))
	require.Equal(t, 10, left(), "without a retention they stay")
	p.retention = 5 * time.Hour
	for range 2 {
		require.NoError(t, p.prune(t.Context()))
		require.Equal(t, 6, left())
		require.EqualValues(t, 4, p.rows.Load())
	}
}
