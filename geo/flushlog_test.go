package geo

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
	"hyperlocal/persist"
)

// logLines keeps the lines of a log.
type logLines struct {
	mu   sync.Mutex
	list []logLine
}

type logLine map[string]any

func (l *logLines) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := logLine{}
	err := json.Unmarshal(b, &line)
	l.list = append(l.list, line)
	return len(b), err
}

func (l logLine) time(t testing.TB) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, l["time"].(string))
	require.NoError(t, err)
	return at
}

// The log says once a minute how writing goes, on the minute even while the store is
// slow, and zones are written all over the period.
func TestFlushReportsAndSpreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := memory.Open(memory.Options{})
		require.NoError(t, err)
		defer e.Close()
		fleet := NewFleet(e, NoZones(), FleetOptions{})
		s := &slowStore{store: &store{}}
		first := map[string]time.Duration{} // by zone, within the period
		begin := time.Now()
		s.wrote = func(rows []persist.TrackRow) {
			for _, r := range rows {
				if _, known := first[r.Zone]; !known {
					first[r.Zone] = time.Since(begin) % (30 * time.Second)
				}
			}
		}
		var log logLines
		fl := NewFlusher(fleet, s, FlushOptions{Logger: log.logger()})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); fl.Run(ctx) }()
		const minutes, zones = 10, 20
		for minute := range minutes {
			if minute == 5 {
				s.takes.Store(int64(2 * time.Minute))
			}
			for i := range zones {
				record(t, fleet, "a", at(fmt.Sprint("d", i), 10+float64(i), time.Now().UnixMilli()))
			}
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		s.takes.Store(0)
		stop()
		<-done

		var rows float64
		var lines []logLine
		for _, l := range log.list {
			require.Equal(t, "INFO", l["level"], "%v", l)
			require.Equal(t, "tracks written in the last minute", l["msg"])
			require.Equal(t, time.Duration(0), l.time(t).Sub(begin)%time.Minute)
			for _, key := range strings.Fields("rows fixes fixes_per_row failures last_success lag waiting_bytes spill_bytes set_aside") {
				require.Contains(t, l, key)
			}
			rows += l["rows"].(float64)
			lines = append(lines, l)
		}
		require.Greater(t, len(lines), 6)
		require.LessOrEqual(t, len(lines), minutes)
		require.Greater(t, rows, float64(4*zones))
		require.Positive(t, lines[len(lines)-1]["lag"], "the store was slow")

		offsets := make([]time.Duration, 0, zones)
		for _, at := range first {
			offsets = append(offsets, at)
		}
		slices.Sort(offsets)
		require.Len(t, offsets, zones)
		require.Less(t, offsets[0], 8*time.Second)
		require.Greater(t, offsets[zones-1], 22*time.Second)
		require.Greater(t, len(slices.Compact(offsets)), zones/2, "not many at one time")
	})
}
