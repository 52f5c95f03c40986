package sqlite

import (
	"context"
	"hash/maphash"
	"math/bits"
	"sync"

	"hyperlocal/internal/giveway"
	"hyperlocal/persist"
)

const (
	hourMS = 3_600_000

	// denseRows is from how many rows of a bucket and zone on a write has most of
	// the rows that stand there between its first and last driver.
	denseRows = 100

	insertHour  = `INSERT OR IGNORE INTO driver_hours VALUES (?, ?, ?)`
	insertHours = `INSERT OR IGNORE INTO driver_hours
		SELECT ?, zone, driver_id FROM tracks
		WHERE bucket_start_ms = ? AND zone = ? AND driver_id >= ? AND driver_id <= ?`
)

// noteHours notes in which zones the drivers of rows have rows in an hour. Those of a flush
// are compared within the database, at a fifth of the cost of naming each driver.
func noteHours(ctx context.Context, tx *txn, rows []*persist.TrackRow) error {
	var others []driverHour
	known := map[driverHour]bool{} // the rows of a drain are many buckets of few drivers
	for len(rows) > 0 {
		first, n := rows[0], 1
		for n < len(rows) && rows[n].BucketStart == first.BucketStart && rows[n].Zone == first.Zone {
			n++
		}
		hour := floorHour(first.BucketStart)
		if n >= denseRows {
			if _, err := tx.ExecContext(ctx, insertHours, hour, first.BucketStart, first.Zone, first.DriverID, rows[n-1].DriverID); err != nil {
				return err
			}
			rows = rows[n:]
			continue
		}
		for _, r := range rows[:n] {
			if d := (driverHour{hour, r.Zone, r.DriverID}); !known[d] {
				known[d] = true
				others = append(others, d)
			}
		}
		rows = rows[n:]
	}
	return bulk(ctx, tx, insertHour, others, func(args []any, d driverHour) []any {
		return append(args, d.hour, d.zone, d.driver)
	})
}

// driverHour is a row of driver_hours.
type driverHour struct {
	hour         int64
	zone, driver string
}

// floorHour returns the first millisecond of a time's hour.
func floorHour(ms int64) int64 { return ms - ((ms%hourMS)+hourMS)%hourMS }

// maxNoted bounds the drivers of an hour that are known to be noted; 16 bytes each.
const maxNoted = 1 << 20

// notedHour knows drivers and zones that are in driver_hours for the newest hour, by
// hashes of 64 bits: a bucket's drivers are nearly always those of the bucket before.
// Among a million, two have the same hash once in thirty million hours.
// It is safe for concurrent use.
type notedHour struct {
	seed maphash.Seed

	mu    sync.Mutex
	start int64 // of the hour, ms
	known hashSet
}

func newNotedHour() *notedHour { return &notedHour{seed: maphash.MakeSeed()} }

func (n *notedHour) hash(r *persist.TrackRow) uint64 {
	return maphash.String(n.seed, r.DriverID) ^ bits.RotateLeft64(maphash.String(n.seed, r.Zone), 1)
}

// without returns the rows that may have to be noted, and the newest hour. Rows are in
// the table's order.
func (n *notedHour) without(turn *giveway.Turn, rows []*persist.TrackRow) (hour int64, others []*persist.TrackRow) {
	n.mu.Lock()
	defer n.mu.Unlock()
	hour = n.start
	if len(rows) > 0 {
		hour = max(hour, floorHour(rows[len(rows)-1].BucketStart))
	}
	if hour > n.start {
		n.start = hour
		n.known.clear(turn)
	}
	for _, r := range rows {
		if floorHour(r.BucketStart) == hour {
			if n.known.has(n.hash(r)) {
				continue
			}
		}
		others = append(others, r)
	}
	return hour, others
}

// add takes in rows that are noted, on disk.
func (n *notedHour) add(turn *giveway.Turn, hour int64, rows []*persist.TrackRow) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if hour != n.start {
		return
	}
	for _, r := range rows {
		if n.known.n < maxNoted && floorHour(r.BucketStart) == hour {
			n.known.add(turn, n.hash(r))
		}
	}
}
