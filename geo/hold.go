package geo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"hyperlocal/cache"
	"hyperlocal/internal/spill"
	"hyperlocal/persist"
)

// While the database does not answer, closed buckets wait in the engine, sealed.
// What exceeds the flusher's bound goes to its spill files, oldest first, each
// zone's at its turn. When the database is back, a zone writes its newest
// buckets first, and what waited follows at a bounded rate, from the engine at
// the zones' turns and from the files beside them.
//
// A bucket leaves the engine only after it is in a file, and a file goes only
// after the database has what is in it. A crash between the two makes a bucket
// be written twice, which leaves the same rows.

// spillRecord bounds a record of the spill files: larger buckets make several.
const spillRecord = 1 << 20

// everything is every score.
var everything = cache.ScoreRange{Min: math.Inf(-1), Max: math.Inf(1)}

// hold keeps a zone's closed buckets within the bound, under a lease.
func (fl *Flusher) hold(ctx context.Context, k *zoneKeys) error {
	return fl.leased(ctx, k, func() error {
		e := fl.fleet.engine
		if err := seal(ctx, e, k, fl.closedBy(), fl.fleet.nowMS()); err != nil {
			return err
		}
		sealed, err := e.ZRangeByScore(ctx, k.sealeds, everything)
		if err != nil || len(sealed) == 0 {
			return err
		}
		fl.stuck(k.id, int64(sealed[0].Score))
		if err := fl.weigh(ctx, k, sealed); err != nil {
			return err
		}
		for _, m := range sealed {
			if fl.Stats().WaitingBytes <= fl.waitBytes {
				return nil
			}
			if err := fl.spillBucket(ctx, k, m.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

// weigh notes how many bytes a zone's sealed buckets have. Each is read for it
// once, since it never changes.
func (fl *Flusher) weigh(ctx context.Context, k *zoneKeys, sealed []cache.Member) error {
	fl.mu.Lock()
	known := fl.waiting[k.id]
	fl.mu.Unlock()
	weights := make(map[string]int64, len(sealed))
	for _, m := range sealed {
		bytes, ok := known[m.Name]
		if !ok {
			drivers, err := fl.fleet.engine.HGetAll(ctx, k.sealedKey(m.Name))
			if err != nil {
				return err
			}
			for driver, packed := range drivers {
				bytes += int64(len(driver) + len(packed))
			}
		}
		weights[m.Name] = bytes
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.waiting[k.id] = weights
	return nil
}

// spillBucket moves a sealed bucket from the engine to the files.
func (fl *Flusher) spillBucket(ctx context.Context, k *zoneKeys, member string) error {
	drivers, err := fl.fleet.engine.HGetAll(ctx, k.sealedKey(member))
	if err != nil {
		return err
	}
	var records [][]byte
	head := appendText(appendText(nil, k.id), member)
	record := head[:len(head):len(head)]
	for driver, packed := range drivers {
		record = appendText(appendText(record, driver), packed)
		if len(record) > spillRecord {
			records = append(records, record)
			record = head[:len(head):len(head)]
		}
	}
	if len(record) > len(head) {
		records = append(records, record)
	}
	if err := fl.spill.Append(records...); err != nil {
		return err
	}
	if err := fl.forget(ctx, k, []string{k.sealedKey(member)}, []string{member}); err != nil {
		return err
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	delete(fl.waiting[k.id], member)
	fl.stats.Spilled += int64(len(drivers))
	return nil
}

// runDrain writes what is in the spill files to the database whenever it
// answers, until ctx ends.
func (fl *Flusher) runDrain(ctx context.Context) {
	tick := time.NewTicker(fl.every / turnsPerPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for ctx.Err() == nil && !fl.pausing(fl.fleet.now()) {
			more, err := fl.drainRecord(ctx)
			if err != nil && ctx.Err() == nil {
				fl.logger.WarnContext(ctx, "spilled tracks could not be written and stay in their files", "error", fl.failed(err))
			}
			if err != nil || !more {
				break
			}
		}
	}
}

// drainRecord writes one record of the spill files. more is false if there was
// none.
func (fl *Flusher) drainRecord(ctx context.Context) (more bool, err error) {
	records, err := fl.spill.Read(1)
	if err != nil || len(records) == 0 {
		return false, err
	}
	rows, err := spilledRows(records[0])
	if err != nil { // its checksum was right: another version wrote it
		fl.logger.ErrorContext(ctx, "a spilled record is left out", "error", err, "bytes", len(records[0]))
	}
	for len(rows) > 0 {
		part := rows[:min(rowsPerWrite, len(rows))]
		rows = rows[len(part):]
		if err := fl.pace.WaitN(ctx, len(part)); err != nil {
			return false, err
		}
		if err := fl.write(ctx, part); err != nil {
			return false, err
		}
	}
	fl.spill.Commit()
	return true, nil
}

// errSpillFormat is returned for a record that spillBucket cannot have written.
var errSpillFormat = errors.New("not a record of a bucket")

// spilledRows makes the rows of a record of the spill files: zone, member of
// sealeds, then driver and packed fixes of each driver, all with their lengths.
func spilledRows(record []byte) ([]persist.TrackRow, error) {
	var texts []string
	for len(record) > 0 {
		size, n := binary.Uvarint(record)
		if n <= 0 || size > uint64(len(record)-n) {
			return nil, errSpillFormat
		}
		texts = append(texts, string(record[n:n+int(size)]))
		record = record[n+int(size):]
	}
	if len(texts) < 2 || len(texts)%2 != 0 {
		return nil, errSpillFormat
	}
	zone := texts[0]
	start, part, ok := parseSealed(texts[1])
	if !ok {
		return nil, fmt.Errorf("%w: member %q", errSpillFormat, texts[1])
	}
	rows := make([]persist.TrackRow, 0, len(texts)/2-1)
	for i := 2; i < len(texts); i += 2 {
		if row, ok := summarize(zone, texts[i], start, part, texts[i+1]); ok {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// SpillOptions say where buckets go that must not wait in the engine.
type SpillOptions struct {
	Queue *spill.Queue // nil: all of them wait in the engine
	// WaitBytes is how much may wait in the engine while the database does not
	// answer. Default 64 MiB.
	WaitBytes int64
}
