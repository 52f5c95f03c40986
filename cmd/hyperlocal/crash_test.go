package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/geo"
	"hyperlocal/persist"
)

// TestKillNine kills the server in the middle of sales and order steps. What
// it acknowledged must be there at the next start; what was on its way when it
// died may be there or not, and nothing else.
func TestKillNine(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, "--data-dir", dir)
	fill(t, p)
	const clerks = 8
	reserved, acked := make([]int, clerks), make([]int, clerks) // units of product 101+i by clerk i
	status := make([]int, clerks)                               // index in happyPath by clerk, -1: placed
	for i := range clerks {
		p.do("POST", "/v1/stores/S1/movements", map[string]any{"kind": "receive", "lines": []any{
			map[string]any{"product_id": fmt.Sprintf("product:%d", 101+i), "units": 100_000}}}).ok(201, nil)
	}

	for round := range 3 {
		// The moment of death: after a random number of answers, with the
		// next ones under way.
		var answers atomic.Int64
		death, die := rand.Int64N(400)+100, make(chan struct{})
		answered := func(ok bool) bool {
			if ok && answers.Add(1) == death {
				close(die)
			}
			return ok
		}
		var wg sync.WaitGroup
		for i := range clerks {
			wg.Go(func() {
				order := fmt.Sprintf("r%d-clerk%d", round, i)
				if !answered(p.try("POST", "/v1/orders", map[string]any{"order_id": order, "store_id": "S1", "drop": map[string]any{"lat": 1, "lon": 2},
					"lines": []any{map[string]any{"product_id": "product:101", "units": 1}}}, 201)) {
					status[i] = -2
					return
				}
				status[i] = -1
				for n := 0; ; n++ {
					reserved[i]++
					if !answered(p.try("POST", "/v1/stores/S1/reservations", map[string]any{"order_id": fmt.Sprintf("%s-%d", order, n), "ttl_s": 86400,
						"lines": []any{map[string]any{"product_id": fmt.Sprintf("product:%d", 101+i), "units": 1}}}, 201)) {
						return
					}
					acked[i]++
					if n%5 == 4 && status[i] < len(happyPath)-1 {
						if !answered(p.try("POST", "/v1/orders/"+order+"/status", map[string]any{"status": happyPath[status[i]+1], "driver_id": "d"}, 200)) {
							return
						}
						status[i]++
					}
				}
			})
		}
		<-die
		p.kill()
		wg.Wait()

		p = startServer(t, "--data-dir", dir)
		for i := range clerks {
			product := fmt.Sprintf("product:%d", 101+i)
			var s struct{ Stock map[string]int }
			p.do("GET", "/v1/stores/S1/stock?product="+product, nil).ok(200, &s)
			gone := 100_005 - s.Stock[product]
			require.GreaterOrEqual(t, gone, acked[i], "an acknowledged reservation of clerk %d is lost", i)
			require.LessOrEqual(t, gone, reserved[i], "clerk %d never asked for that many", i)
			reserved[i], acked[i] = gone, gone

			if status[i] == -2 {
				continue
			}
			var o struct {
				Status string
				Events []struct{ Status string }
			}
			p.do("GET", fmt.Sprintf("/v1/orders/r%d-clerk%d", round, i), nil).ok(200, &o)
			at := -1
			for j, s := range happyPath {
				if s == o.Status {
					at = j
				}
			}
			require.GreaterOrEqual(t, at, status[i], "an acknowledged status is lost")
			require.LessOrEqual(t, at, status[i]+1, "a status nobody sent")
			require.Len(t, o.Events, at+2)
		}
	}
	require.Greater(t, acked[0], 0, "the clerks did work")
}

// try sends a request that may meet a dying server: true if it was answered
// with this status, false if the connection broke. Any other answer fails the
// test.
func (p *process) try(method, path string, body any, status int) bool {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err) // our own literal
	}
	req, err := http.NewRequest(method, p.url+path, bytes.NewReader(data))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	if res.StatusCode != status {
		reply, _ := io.ReadAll(res.Body)
		p.t.Errorf("%s %s: status %d: %s", method, path, res.StatusCode, reply)
		return false
	}
	return true
}

// TestCleanStop: what was accepted before Ctrl-C is in the database after it,
// open buckets included, and the next start goes on from there.
func TestCleanStop(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--data-dir", dir, "--zones", wards}
	p := startServer(t, args...)
	start := time.Now().Add(-9 * time.Second)
	for i := range 10 {
		p.do("POST", "/v1/locations", ping("d", 12.97, 77.59+float64(i)*0.0001, start.Add(time.Duration(i)*time.Second))).ok(200, nil)
	}
	require.Equal(t, 0, p.interrupt(), "%s", p.out)

	p = startServer(t, args...)
	require.Len(t, track(t, p, "d", start, start.Add(time.Minute)), 10)
	var d driverJSON
	p.do("GET", "/v1/drivers/d", nil).ok(200, &d)
	require.Equal(t, start.Add(9*time.Second).UnixMilli(), d.TS)
	var v verdictsJSON
	p.do("POST", "/v1/locations", ping("d", 12.97, 77.591, start.Add(10*time.Second))).ok(200, &v)
	require.Equal(t, map[string]int{"accepted": 1}, v.Verdicts)
	require.Equal(t, 0, p.interrupt(), "%s", p.out)

	p = startServer(t, args...)
	require.Len(t, track(t, p, "d", start, start.Add(time.Minute)), 11, "one bucket flushed twice keeps both parts")
}

type trackFix struct {
	TS       int64
	Lat, Lon float64
}

func track(t *testing.T, p *process, driver string, from, to time.Time) []trackFix {
	t.Helper()
	var tr struct{ Fixes []trackFix }
	p.do("GET", fmt.Sprintf("/v1/drivers/%s/track?from=%d&to=%d", driver, from.UnixMilli(), to.UnixMilli()), nil).ok(200, &tr)
	return tr.Fixes
}

// TestReplayDay sends a real day of a city's buses in the order in which it was
// recorded, which is not the order of time.
func TestReplayDay(t *testing.T) {
	rows := capmetrics(t)
	var newest time.Time
	for _, r := range rows {
		if r.ts.After(newest) {
			newest = r.ts
		}
	}
	shift := time.Since(newest).Truncate(time.Second)
	dir := t.TempDir()
	p := startServer(t, "--data-dir", dir, "--flush-every", "500ms", "--bucket-grace", "1ms")

	accepted := make(map[string]map[int64]bool) // vehicle → times
	last := make(map[string]int64)
	const batch = 100
	for from := 0; from < len(rows); from += batch {
		part := rows[from:min(from+batch, len(rows))]
		pings := make([]any, len(part))
		for i, r := range part {
			pings[i] = ping(r.vehicle, r.lat, r.lon, r.ts.Add(shift))
		}
		var v verdictsJSON
		p.do("POST", "/v1/locations", pings).ok(200, &v)
		refused := make(map[int]bool)
		for _, r := range v.Rejected {
			refused[r.Index] = true
		}
		require.Equal(t, len(part), v.Verdicts["accepted"]+v.Verdicts["stationary"]+v.Verdicts["late"]+len(refused))
		for i, r := range part {
			if refused[i] {
				continue
			}
			if accepted[r.vehicle] == nil {
				accepted[r.vehicle] = make(map[int64]bool)
			}
			ts := r.ts.Add(shift).UnixMilli()
			accepted[r.vehicle][ts] = true
			last[r.vehicle] = max(last[r.vehicle], ts)
		}
	}
	require.Len(t, accepted, 181)

	for vehicle, ts := range last {
		var d driverJSON
		p.do("GET", "/v1/drivers/"+vehicle, nil).ok(200, &d)
		require.Equal(t, ts, d.TS, "the newest fix of %s", vehicle)
	}
	require.Equal(t, 0, p.interrupt(), "%s", p.out) // writes what is still open
	from, to := newest.Add(shift-25*time.Hour), newest.Add(shift+time.Hour)
	p = startServer(t, "--data-dir", dir)
	asked := 0
	for vehicle, times := range accepted {
		if asked++; asked > 10 { // the others are read at once below
			break
		}
		got := track(t, p, vehicle, from, to)
		require.Len(t, got, len(times), "fixes of %s", vehicle)
		for _, fix := range got {
			require.True(t, times[fix.TS], "a fix of %s that nobody sent", vehicle)
		}
	}
	require.Equal(t, 0, p.interrupt(), "%s", p.out)

	total := 0
	db := openRecord(t, "sqlite:"+filepath.Join(dir, "hyperlocal.db"))
	require.NoError(t, db.ScanTracks(t.Context(), from.UnixMilli(), to.UnixMilli(), func(rows []persist.TrackRow, _ float64) error {
		for _, r := range rows {
			fixes, err := geo.RowFixes(r)
			require.NoError(t, err)
			for _, fix := range fixes {
				require.True(t, accepted[r.DriverID][fix.TS], "a fix of %s that nobody sent, or twice", r.DriverID)
				delete(accepted[r.DriverID], fix.TS)
				total++
			}
		}
		return nil
	}))
	for vehicle, times := range accepted {
		require.Empty(t, times, "fixes of %s that are in no row", vehicle)
	}
	t.Logf("%d fixes of 181 vehicles, each once", total)
	require.Greater(t, total, 31_000)
}

type busRow struct {
	vehicle  string
	ts       time.Time
	lat, lon float64
}

func capmetrics(t *testing.T) []busRow {
	t.Helper()
	f, err := os.Open("../../testdata/traces/capmetrics_2016-11-25.csv.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	records, err := csv.NewReader(z).ReadAll()
	require.NoError(t, err)
	rows := make([]busRow, 0, len(records))
	for _, r := range records[1:] {
		ts, err := time.Parse(time.RFC3339, r[1])
		require.NoError(t, err)
		lat, err := strconv.ParseFloat(r[5], 64)
		require.NoError(t, err)
		lon, err := strconv.ParseFloat(r[6], 64)
		require.NoError(t, err)
		rows = append(rows, busRow{r[0], ts, lat, lon})
	}
	return rows
}
