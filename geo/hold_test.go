package geo

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
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

// outage runs a flusher for so many minutes on a store that answers only after
// the fifth, and returns it with the store, the sent times by driver and the
// greatest size that waited in the engine.
func outage(t *testing.T, opt FlushOptions, minutes int) (fl *Flusher, s *store, sent map[string][]int64, most int64) {
	e, err := memory.Open(memory.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	fleet := NewFleet(e, NoZones(), FleetOptions{})
	back := time.Now().Add(5 * time.Minute)
	s = &store{fail: func(int) error {
		if time.Now().Before(back) {
			return persist.ErrUnavailable
		}
		return nil
	}}
	opt.Logger = slog.New(slog.DiscardHandler)
	fl = NewFlusher(fleet, s, opt)
	ctx, stop := context.WithCancel(t.Context())
	go fl.Run(ctx)
	sent = map[string][]int64{}
	for range minutes * 6 {
		for i := range 20 {
			id, ts := fmt.Sprint("d", i), time.Now().UnixMilli()
			record(t, fleet, "a", at(id, 10+float64(i%4), ts))
			sent[id] = append(sent[id], ts)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		most = max(most, fl.Stats().WaitingBytes)
	}
	time.Sleep(2 * time.Minute)
	stop()
	synctest.Wait()
	return fl, s, sent, most
}

// While the store is gone, what exceeds the bound goes to files; when it is
// back, all of it arrives, at no more than the rate of drains.
func TestOutageSpillsAndDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := openSpill(t, t.TempDir(), 1<<20)
		defer q.Close()
		const bound = 2000
		fl, s, sent, most := outage(t, FlushOptions{DrainRows: 50, Spill: SpillOptions{Queue: q, WaitBytes: bound}}, 9)
		require.Positive(t, most)
		require.LessOrEqual(t, most, int64(bound))
		stats := fl.Stats()
		require.Positive(t, stats.Spilled)
		require.Zero(t, stats.SpillBytes)
		require.Zero(t, stats.WaitingBytes)
		require.Zero(t, stats.Lag)
		for id, times := range sent {
			require.Equal(t, times, s.times(t, id))
		}
	})
}

// Files that are full leave the rest in the engine; nothing is lost.
func TestOutageWithFullFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := openSpill(t, t.TempDir(), 1000)
		defer q.Close()
		fl, s, sent, most := outage(t, FlushOptions{Spill: SpillOptions{Queue: q, WaitBytes: 1}}, 9)
		require.Greater(t, most, int64(1000))
		require.Positive(t, fl.Stats().Spilled)
		for id, times := range sent {
			require.Equal(t, times, s.times(t, id))
		}
	})
}

// What was spilled before a crash is written by the next process, once or twice.
func TestSpilledBucketsOutliveTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		q := openSpill(t, dir, 1<<20)
		fl, s, sent, _ := outage(t, FlushOptions{Spill: SpillOptions{Queue: q, WaitBytes: 1}}, 2)
		require.Positive(t, fl.Stats().SpillBytes)
		require.NoError(t, q.Close())

		s.fail = nil
		q = openSpill(t, dir, 1<<20)
		defer q.Close()
		next := NewFlusher(fl.fleet, s, FlushOptions{Spill: SpillOptions{Queue: q}})
		for more := true; more; {
			var err error
			more, err = next.drainRecord(t.Context())
			require.NoError(t, err)
		}
		require.NoError(t, next.FlushAll(t.Context(), true))
		for id, times := range sent {
			require.Equal(t, times, s.times(t, id))
		}
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
	rows, err := spilledRows(good)
	require.NoError(t, err)
	require.Empty(t, rows)
	for _, bad := range [][]byte{nil, good[:1], good[:len(good)-1], appendText(good, "d"), appendText(appendText(nil, "z"), "x"), {0xff}} {
		_, err := spilledRows(bad)
		require.ErrorIs(t, err, errSpillFormat, "%q", bad)
	}
}
