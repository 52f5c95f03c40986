package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/geo"
	"hyperlocal/persist"
)

// witness sends pings and deliveries to a server, notes what was acknowledged,
// and compares it with the durable record: every accepted fix in exactly one row,
// every acknowledged movement in the ledger exactly once, and nothing else.
//
// Now and then it sends an old round of pings again, as phones do that are not sure.
//
// What was sent to a server that died before it answered may be there or not. A
// crash may take back the pings of the last second, so those count as
// acknowledged once a delivery after them is, which is on disk by then with all
// that was before it.
type witness struct {
	stop chan struct{}
	work sync.WaitGroup

	mu       sync.Mutex
	to       *process
	start    time.Time
	round    int
	fixes    map[fixKey]fate
	delivery map[string]fate // by the movement's reference
	problems []error
}

type fixKey struct {
	driver string
	ts     int64
}

type fate int

const (
	refused fate = iota
	unknown      // no answer came
	acknowledged
)

const (
	witnessDrivers = 40
	witnessStore   = "S1"
	witnessBucket  = 5 * time.Second
	witnessAgain   = 50 // rounds from one that comes again to the next
	// witnessPace leaves the machine's time to the servers.
	witnessPace = 25 * time.Millisecond
)

// witnessSettings have every round flushed soon, into rows of a few fixes.
var witnessSettings = []string{
	"--zones", wards, "--bucket", witnessBucket.String(), "--bucket-grace", "1ms", "--flush-every", "1s",
}

func witnessDriver(i int) string { return fmt.Sprintf("driver:%d", i) }

// newWitness fills the server's catalogue, which has one movement to a product.
func newWitness(t *testing.T, p *process) *witness {
	t.Helper()
	w := &witness{
		to: p, start: time.Now().Add(-12 * time.Hour).Truncate(time.Second),
		fixes: map[fixKey]fate{}, delivery: map[string]fate{},
	}
	fill(t, p)
	w.delivery["first delivery"] = acknowledged
	return w
}

// begin sends rounds in the background until end.
func (w *witness) begin() {
	w.stop = make(chan struct{})
	w.work.Go(func() {
		pace := time.NewTicker(witnessPace)
		defer pace.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-pace.C:
				w.send()
			}
		}
	})
}

// end returns when nothing is under way.
func (w *witness) end() {
	close(w.stop)
	w.work.Wait()
}

// send sends one round: a fix of each driver, a second after the one before, and
// a delivery.
func (w *witness) send() {
	w.mu.Lock()
	defer w.mu.Unlock()
	pings, keys := w.pings(w.round)
	if w.round%witnessAgain == witnessAgain-1 {
		w.sendAgain(w.round - 1 - rand.IntN(2*witnessAgain))
	}
	reference := fmt.Sprintf("delivery %d", w.round)
	w.round++
	w.delivery[reference] = unknown
	for _, k := range keys {
		w.fixes[k] = unknown
	}
	var v verdictsJSON
	answered := w.post("/v1/locations", pings, http.StatusOK, &v)
	for _, r := range v.Rejected {
		w.fixes[keys[r.Index]] = refused
	}
	if !w.post("/v1/stores/"+witnessStore+"/movements", map[string]any{"kind": "receive", "reference": reference,
		"lines": []any{map[string]any{"product_id": "product:101", "units": 1}}}, http.StatusCreated, nil) {
		return
	}
	w.delivery[reference] = acknowledged
	for _, k := range keys {
		if answered && w.fixes[k] == unknown {
			w.fixes[k] = acknowledged
		}
	}
}

// pings are those of a round.
func (w *witness) pings(round int) (pings []any, keys []fixKey) {
	at := w.start.Add(time.Duration(round) * time.Second)
	for i := range witnessDrivers {
		driver := witnessDriver(i)
		keys = append(keys, fixKey{driver, at.UnixMilli()})
		// In twenty places of the city, some metres on with each round.
		pings = append(pings, ping(driver, 12.90+float64(i%20)*0.008, 77.55+float64(round%200)*0.0001, at))
	}
	return pings, keys
}

// sendAgain sends what was not refused of a round a second time.
func (w *witness) sendAgain(round int) {
	pings, keys := w.pings(max(round, 0))
	var again []any
	for i, k := range keys {
		if w.fixes[k] != refused {
			again = append(again, pings[i])
		}
	}
	if len(again) > 0 { // a round that is sent too soon after others may be refused as a whole
		w.post("/v1/locations", again, http.StatusOK, nil)
	}
}

// post is false if no answer came. Any answer but the wanted one is a problem.
func (w *witness) post(path string, body any, status int, into any) bool {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err) // our own literal
	}
	res, err := http.Post(w.to.url+path, "application/json", bytes.NewReader(data))
	if err != nil {
		return false
	}
	defer res.Body.Close()
	reply, err := io.ReadAll(res.Body)
	if err != nil {
		return false
	}
	if res.StatusCode != status {
		w.problems = append(w.problems, fmt.Errorf("POST %s: status %d: %s", path, res.StatusCode, reply))
	} else if into != nil {
		w.problems = append(w.problems, json.Unmarshal(reply, into))
	}
	return true
}

// goOnWith takes the server that came after the first.
func (w *witness) goOnWith(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = p
}

// requireWhole requires that the record is what was acknowledged.
func (w *witness) requireWhole(t *testing.T, db persist.Store) {
	t.Helper()
	require.NoError(t, errors.Join(w.problems...))
	require.NoError(t, w.check(t.Context(), db))
	t.Logf("%d fixes and %d movements, each once", len(w.fixes), len(w.delivery))
}

// check tells in what the record differs from what was acknowledged. The first
// differences say enough.
func (w *witness) check(ctx context.Context, db persist.Store) error {
	differ, err := w.checkFixes(ctx, db)
	if err != nil {
		return err
	}
	more, err := w.checkMovements(ctx, db)
	if err != nil {
		return err
	}
	differ = append(differ, more...)
	return errors.Join(differ[:min(len(differ), 10)]...)
}

func (w *witness) checkFixes(ctx context.Context, db persist.Store) (differ []error, err error) {
	rows := map[fixKey]int{} // that a fix is in
	for i := range witnessDrivers {
		driver := witnessDriver(i)
		all, err := db.TrackRows(ctx, driver, 0, math.MaxInt64)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			list, err := geo.RowFixes(r)
			if err != nil {
				return nil, err
			}
			if len(list) != r.Fixes || list[0].TS != r.FirstTS || list[len(list)-1].TS != r.LastTS {
				differ = append(differ, fmt.Errorf("a row of %s contradicts its path: %+v", driver, r))
			}
			for _, f := range list {
				rows[fixKey{driver, f.TS}]++
			}
		}
	}
	return append(differ, compare("fix", w.fixes, rows)...), nil
}

func (w *witness) checkMovements(ctx context.Context, db persist.Store) (differ []error, err error) {
	ms, err := db.Movements(ctx, witnessStore, 0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	times := map[string]int{}
	for i, m := range ms {
		if m.Seq != int64(i+1) {
			differ = append(differ, fmt.Errorf("movement %d of the ledger has number %d", i+1, m.Seq))
		}
		if m.Reference != "first delivery" || m.ProductID == "product:101" {
			times[m.Reference]++
		}
	}
	return append(differ, compare("movement", w.delivery, times)...), nil
}

// compare tells what is there not as often as it should be.
func compare[K comparable](what string, want map[K]fate, times map[K]int) (differ []error) {
	for k, fate := range want {
		switch n := times[k]; {
		case n > 1, n == 0 && fate == acknowledged, n == 1 && fate == refused:
			differ = append(differ, fmt.Errorf("%s %v is in the record %d times", what, k, n))
		}
	}
	for k := range times {
		if _, sent := want[k]; !sent {
			differ = append(differ, fmt.Errorf("nobody sent %s %v", what, k))
		}
	}
	return differ
}

// rows is how many rows of tracks the server has written.
func (w *witness) rows() float64 { return w.to.metric("hyperlocal_flush_rows_total") }

// awaitRows returns when n more rows are written.
func (w *witness) awaitRows(t *testing.T, n float64) {
	t.Helper()
	goal := w.rows() + n
	eventually(t, func() bool { return w.rows() >= goal }, 2*time.Minute, 250*time.Millisecond, "%.0f more rows", n)
}

// TestWitnessSeesDamage damages a whole record in the ways that the proofs are
// there to exclude, and wants each to be told.
func TestWitnessSeesDamage(t *testing.T) {
	dir := t.TempDir()
	w := newWitness(t, startServer(t, append([]string{"--data-dir", dir}, witnessSettings...)...))
	w.begin()
	w.awaitRows(t, 100)
	w.end()
	require.Equal(t, 0, w.to.interrupt(), "%s", w.to.out)
	whole := filepath.Join(dir, "hyperlocal.db")
	w.requireWhole(t, openRecord(t, "sqlite:"+whole))
	data, err := os.ReadFile(whole)
	require.NoError(t, err)

	const oneRow = ` WHERE (bucket_start_ms, driver_id, part, zone) =
		(SELECT bucket_start_ms, driver_id, part, zone FROM tracks WHERE driver_id = 'driver:7' LIMIT 1)`
	const columns = `first_ts_ms, last_ts_ms, first_lat, first_lon, last_lat, last_lon,
		fixes, distance_m, top_speed_mps, mean_accuracy_m, path, times, speeds`
	for name, c := range map[string]struct{ sql, want string }{
		"a row is lost": {`DELETE FROM tracks` + oneRow, "is in the record 0 times"},
		"a row is twice there": {`INSERT INTO tracks (bucket_start_ms, driver_id, part, zone, ` + columns + `)
			SELECT bucket_start_ms, driver_id, part + 1, zone, ` + columns + ` FROM tracks` + oneRow, "is in the record 2 times"},
		"a row is another driver's": {`UPDATE tracks SET driver_id = 'driver:8'` + oneRow, "is in the record 0 times"},
		"a row miscounts its fixes": {`UPDATE tracks SET fixes = fixes + 1` + oneRow, "contradicts its path"},
		"the last movement is lost": {`DELETE FROM movements WHERE seq = (SELECT max(seq) FROM movements WHERE store_id = 'S1')`, "is in the record 0 times"},
		"a movement is lost":        {`DELETE FROM movements WHERE store_id = 'S1' AND seq = 15`, "movement 15 of the ledger has number 16"},
		"a movement is twice there": {`INSERT INTO movements SELECT store_id, seq + 1, ts_ms, kind, product_id, available_change, reserved_change, reference
			FROM movements WHERE store_id = 'S1' ORDER BY seq DESC LIMIT 1`, "is in the record 2 times"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "damaged.db")
			require.NoError(t, os.WriteFile(path, data, 0o600))
			file, err := sql.Open("sqlite", path)
			require.NoError(t, err)
			defer file.Close()
			done, err := file.ExecContext(t.Context(), c.sql)
			require.NoError(t, err)
			n, err := done.RowsAffected()
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
			require.ErrorContains(t, w.check(t.Context(), openRecord(t, "sqlite:"+path)), c.want)
		})
	}
}
