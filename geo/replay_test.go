package geo

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/persist"
	"hyperlocal/persist/sqlite"
)

// buses returns a city's buses of one day in the order of the file, which is
// not always that of time, shifted so that the newest fix is at end, ms.
func buses(t testing.TB, end int64) []Fix {
	t.Helper()
	rows, err := csv.NewReader(open(t, "../testdata/traces/capmetrics_2016-11-25.csv.gz")).ReadAll()
	require.NoError(t, err)
	var fixes []Fix
	newest := int64(0)
	for _, r := range rows[1:] {
		ts, err := time.Parse(time.RFC3339, r[1])
		require.NoError(t, err)
		f := Fix{DriverID: r[0], TS: ts.UnixMilli(), AccuracyM: Unknown, BearingDeg: Unknown, Battery: Unknown}
		for column, to := range map[int]*float64{5: &f.Lat, 6: &f.Lon} {
			*to, err = strconv.ParseFloat(r[column], 64)
			require.NoError(t, err)
		}
		speed, err := strconv.ParseFloat(r[2], 32)
		require.NoError(t, err)
		f.SpeedMPS = float32(speed)
		fixes = append(fixes, f)
		newest = max(newest, f.TS)
	}
	for i := range fixes {
		fixes[i].TS += end - newest
	}
	return fixes
}

// A day of real buses in its own order: afterwards each bus is at its fix with
// the greatest time, and its track holds every fix that joined history once.
func TestReplayBuses(t *testing.T) {
	t.Run("memory and SQLite", func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "tracks.db"), sqlite.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		replayBuses(t, hosts["memory"](t), db, 20) // a whole day is many seeks there
	})
	t.Run("redis", func(t *testing.T) { replayBuses(t, hosts["redis"](t), &store{}, 1) })
}

// replayBuses plays the tracks of every nth bus back.
func replayBuses(t *testing.T, e cache.Engine, db persist.Tracks, every int) {
	ctx := t.Context()
	now := time.UnixMilli(base + 86_400_000)
	fleet := NewFleet(e, NoZones(), FleetOptions{Now: func() time.Time { return now }})
	flusher := NewFlusher(fleet, db, FlushOptions{})

	fixes := buses(t, now.UnixMilli())
	history := map[string]map[int64]Fix{}
	counts := map[Verdict]int{}
	const perRequest = 500
	for i := 0; i < len(fixes); i += perRequest {
		batch := fixes[i:min(i+perRequest, len(fixes))]
		outcomes, err := fleet.Record(ctx, batch)
		require.NoError(t, err)
		for j, f := range batch {
			v := outcomes[j].Verdict
			counts[v]++
			if v.Joined() {
				if history[f.DriverID] == nil {
					history[f.DriverID] = map[int64]Fix{}
				}
				history[f.DriverID][f.TS] = f
			}
		}
		if i%(20*perRequest) == 0 { // as if time had passed
			require.NoError(t, flusher.FlushAll(ctx, true))
		}
	}
	require.NoError(t, flusher.FlushAll(ctx, true))
	require.Zero(t, counts[Invalid]+counts[Future])
	require.Positive(t, counts[Late])

	greatest := map[string]int64{}
	for _, f := range fixes {
		greatest[f.DriverID] = max(greatest[f.DriverID], f.TS)
	}
	require.Len(t, greatest, 181)
	played := 0
	for id, ts := range greatest {
		p, err := fleet.Driver(ctx, id)
		require.NoError(t, err)
		require.Equal(t, ts, p.TS, "bus %s", id)

		if played++; played%every != 0 {
			continue
		}
		track, err := LoadTrack(ctx, db, id, 0, now.UnixMilli())
		require.NoError(t, err)
		require.Len(t, track.Fixes, len(history[id]), "bus %s", id)
		for _, f := range track.Fixes {
			want, ok := history[id][f.TS]
			require.True(t, ok)
			require.InDelta(t, want.Lat, f.Lat, 0.6e-5)
			require.InDelta(t, want.Lon, f.Lon, 0.6e-5)
			require.InDelta(t, want.SpeedMPS, f.SpeedMPS, 0.006)
		}
	}
	stats := flusher.Stats()
	require.GreaterOrEqual(t, stats.Fixes, int64(counts[Accepted]+counts[Stationary]))
	require.Zero(t, stats.Failures)
}

// A real car at 1 Hz that is suddenly 470 m further on, and drives on from
// there: its fixes are refused until there are three in a row. Its rows stay within
// their bound.
func TestReplayCar(t *testing.T) {
	var points []struct{ Point, Time string }
	require.NoError(t, json.NewDecoder(open(t, "../testdata/traces/barefoot_x0001-001.json.gz")).Decode(&points))
	b := newBed(t)
	fixes := make([]Fix, len(points))
	for i, p := range points {
		ts, err := time.Parse("2006-01-02 15:04:05-0700", p.Time)
		require.NoError(t, err)
		fixes[i] = at("car", 0, ts.UnixMilli())
		_, err = fmt.Sscanf(p.Point, "POINT(%g %g)", &fixes[i].Lon, &fixes[i].Lat)
		require.NoError(t, err)
	}
	b.clock.ms = fixes[len(fixes)-1].TS
	outcomes, err := b.Record(t.Context(), fixes)
	require.NoError(t, err)
	const jump, refused = 619, 2
	counts := map[Verdict]int{}
	for i, o := range outcomes {
		counts[o.Verdict]++
		require.Equal(t, i >= jump && i < jump+refused, o.Verdict == Implausible, "fix %d", i)
	}
	// Those between the third one and the first that was plausible came late.
	joined := counts[Accepted] + counts[Stationary] + counts[Late]
	require.Equal(t, len(fixes), joined+counts[Implausible]+counts[Duplicate])

	s := &store{}
	require.NoError(t, NewFlusher(b.Fleet, s, FlushOptions{}).FlushAll(t.Context(), true))
	require.Len(t, s.times(t, "car"), joined)
	bytes := 0
	for _, r := range s.rows {
		bytes += len(r.Path) + len(r.Times) + len(r.Speeds)
	}
	require.LessOrEqual(t, float64(bytes)/float64(joined), 12.0)
}
