package geo

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
	"hyperlocal/internal/spill"
	"hyperlocal/persist"
)

func openSpill(t testing.TB, dir string, max int64) *spill.Queue {
	t.Helper()
	q, err := spill.Open(dir, max, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return q
}

// outage is a flusher that runs for some minutes on a store that answers only after
// the fifth.
type outage struct {
	fl     *Flusher
	store  *store
	back   time.Time
	writes []timedWrite
	sent   map[string][]int64 // times by driver
	most   int64              // bytes that waited in the engine
}

type timedWrite struct {
	at   time.Time
	rows []persist.TrackRow
}

func runOutage(t *testing.T, opt FlushOptions, minutes int) *outage {
	e, err := memory.Open(memory.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	fleet := NewFleet(e, NoZones(), FleetOptions{})
	o := &outage{back: time.Now().Add(5 * time.Minute), sent: map[string][]int64{}}
	o.store = &store{
		fail: func(int) error {
			if time.Now().Before(o.back) {
				return persist.ErrUnavailable
			}
			return nil
		},
		wrote: func(rows []persist.TrackRow) {
			o.writes = append(o.writes, timedWrite{time.Now(), slices.Clone(rows)})
		},
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	o.fl = NewFlusher(fleet, o.store, opt)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); o.fl.Run(ctx) }()
	for range minutes * 6 {
		for i := range 20 {
			id, ts := fmt.Sprint("d", i), time.Now().UnixMilli()
			record(t, fleet, "a", at(id, 10+float64(i%4), ts))
			o.sent[id] = append(o.sent[id], ts)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		o.most = max(o.most, o.fl.Stats().WaitingBytes)
	}
	time.Sleep(2 * time.Minute)
	stop()
	<-done
	return o
}

// requireAll requires that the store has what was sent, each fix in one row.
func (o *outage) requireAll(t *testing.T) {
	t.Helper()
	fixes := 0
	for id, times := range o.sent {
		require.Equal(t, times, o.store.times(t, id))
		fixes += len(times)
	}
	require.Equal(t, fixes, heldFixes(o.store))
}

// While the store is gone, what exceeds the bound goes to files; when it is
// back, all of it arrives, at no more than the rate of drains, and nothing new waits
// for it.
func TestOutageSpillsAndDrains(t *testing.T) {
	for name, bound := range map[string]int64{"from files": 2000, "from the engine": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := openSpill(t, t.TempDir(), 1<<20)
				defer q.Close()
				const perSecond = 2
				o := runOutage(t, FlushOptions{DrainRows: perSecond, Spill: SpillOptions{Queue: q, WaitBytes: bound}}, 9)
				require.Positive(t, o.most)
				require.LessOrEqual(t, o.most, bound)
				stats := o.fl.Stats()
				require.Equal(t, name == "from files", stats.Spilled > 0)
				require.Zero(t, stats.SpillBytes)
				require.Zero(t, stats.WaitingBytes)
				require.Zero(t, stats.Lag)
				o.requireAll(t)

				var drained, late int
				var from time.Time
				for i, w := range o.writes {
					for _, r := range w.rows {
						if start := time.UnixMilli(r.BucketStart); start.Before(o.back.Add(-80 * time.Second)) {
							drained++
							if from.IsZero() {
								from = w.at
							}
						} else if start.After(o.back.Add(time.Minute)) && w.at.Sub(start) > 66*time.Second {
							late++
						}
					}
					if drained > 0 {
						require.LessOrEqual(t, drained, int(w.at.Sub(from).Seconds()+2)*perSecond, "write %d", i)
					}
				}
				require.Greater(t, drained, 50)
				require.Zero(t, late, "a new bucket is written within a period of its end")
			})
		})
	}
}

// Files that are full leave the rest in the engine; nothing is lost, and the log has
// each trouble once a minute.
func TestOutageWithFullFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := openSpill(t, t.TempDir(), 1000)
		defer q.Close()
		var log logLines
		o := runOutage(t, FlushOptions{Logger: log.logger(), Spill: SpillOptions{Queue: q, WaitBytes: 1}}, 9)
		require.Greater(t, o.most, int64(1000))
		require.Positive(t, o.fl.Stats().Spilled)
		o.requireAll(t)
		times := map[string][]time.Time{}
		for _, l := range log.list {
			if l["level"] == "WARN" {
				times[l["msg"].(string)] = append(times[l["msg"].(string)], l.time(t))
			}
		}
		require.Contains(t, times, "tracks that should go to files stay in the engine")
		for what, at := range times {
			for i := range at[1:] {
				require.GreaterOrEqual(t, at[i+1].Sub(at[i]), reportEvery, what)
			}
		}
	})
}

// What was spilled before a crash is written by the next process, once or twice.
func TestSpilledBucketsOutliveTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		q := openSpill(t, dir, 1<<20)
		o := runOutage(t, FlushOptions{Spill: SpillOptions{Queue: q, WaitBytes: 1}}, 2)
		require.Positive(t, o.fl.Stats().SpillBytes)
		require.NoError(t, q.Close())

		o.store.fail = nil
		q = openSpill(t, dir, 1<<20)
		defer q.Close()
		next := NewFlusher(o.fl.fleet, o.store, FlushOptions{Spill: SpillOptions{Queue: q}})
		for more := true; more; {
			var err error
			more, err = next.drainFiles(t.Context())
			require.NoError(t, err)
		}
		require.NoError(t, next.FlushAll(t.Context(), true))
		o.requireAll(t)
	})
}

// A row that the store refuses does not keep the others waiting.
func TestRefusedRowsAreSetAside(t *testing.T) {
	b := newBed(t)
	path := filepath.Join(t.TempDir(), "refused", "tracks.jsonl")
	s := &refusing{store: &store{}, driver: "bad"}
	fl := NewFlusher(b.Fleet, s, FlushOptions{Aside: NewAside(path, 1<<20)})
	for i := range 20 {
		record(t, b.Fleet, "a", at(fmt.Sprint("d", i), westLon, base))
	}
	record(t, b.Fleet, "a", at("bad", westLon, base))
	require.NoError(t, fl.FlushAll(t.Context(), true))
	require.Len(t, s.rows, 20)
	require.EqualValues(t, 20, fl.Stats().Rows)
	require.EqualValues(t, 1, fl.Stats().SetAside)
	requireNoBuckets(t, b)

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	sum, line, _ := strings.Cut(strings.TrimSuffix(string(data), "\n"), " ")
	require.Equal(t, fmt.Sprintf("%08x", crc32.Checksum([]byte(line), crc32.MakeTable(crc32.Castagnoli))), sum)
	var row asideRow
	require.NoError(t, json.Unmarshal([]byte(line), &row))
	require.Equal(t, `"bad"`, row.DriverID)
	require.Contains(t, row.Reason, "invalid row")

	// A full file keeps the bucket where it is.
	fl = NewFlusher(b.Fleet, s, FlushOptions{Aside: NewAside(path, 1)})
	record(t, b.Fleet, "a", at("bad", westLon, base+1000))
	require.ErrorIs(t, fl.FlushAll(t.Context(), true), ErrAsideFull)
}

// refusing refuses rows of one driver.
type refusing struct {
	*store
	driver string
}

func (r *refusing) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	for i := range rows {
		if rows[i].DriverID == r.driver {
			return fmt.Errorf("row %d: %w", i, persist.ErrInvalid)
		}
	}
	return r.store.WriteTracks(ctx, rows)
}

func TestSpilledRecordsAreChecked(t *testing.T) {
	good := appendText(appendText(nil, "z"), "0:1")
	parcels, err := spilledParcels(good)
	require.NoError(t, err)
	require.Empty(t, parcels)
	for _, bad := range [][]byte{nil, good[:1], good[:len(good)-1], appendText(good, "d"), appendText(appendText(nil, "z"), "x"), {0xff}} {
		_, err := spilledParcels(bad)
		require.ErrorIs(t, err, errSpillFormat, "%q", bad)
	}
}
