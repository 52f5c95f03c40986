package geo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"hyperlocal/persist"
)

// runDrain writes what waited to the database whenever it answers, at the rate of
// drains, until ctx ends: first what is in the spill files, then what is in the
// engine.
func (fl *Flusher) runDrain(ctx context.Context) {
	tick := time.NewTicker(fl.every / turnsPerPeriod)
	defer tick.Stop()
	var again time.Time // after trouble that is not the database's silence
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if fl.fleet.now().Before(again) {
			continue
		}
		if err := fl.drain(ctx); err != nil && ctx.Err() == nil {
			fl.complain(ctx, "tracks that wait could not be written and wait on", err)
			if !errors.Is(err, persist.ErrUnavailable) {
				again = fl.fleet.now().Add(fl.every)
			}
		}
	}
}

// drain writes what waits now.
func (fl *Flusher) drain(ctx context.Context) error {
	if fl.spill != nil {
		for more := true; more; {
			if ctx.Err() != nil || fl.pausing(fl.fleet.now()) {
				return nil
			}
			var err error
			if more, err = fl.drainFiles(ctx); err != nil {
				return fl.failed(fmt.Errorf("spill files: %w", err))
			}
		}
	}
	var errs []error
	for _, zone := range fl.zonesBehind() {
		if ctx.Err() != nil || fl.pausing(fl.fleet.now()) {
			break
		}
		k := newZoneKeys(zone)
		err := fl.leased(ctx, k, drainOld, func() error {
			all, err := fl.sealed(ctx, k)
			if err != nil {
				return err
			}
			_, waited := fl.split(all)
			return fl.writeSealed(ctx, k, newestFirst(waited), true)
		})
		if err != nil {
			errs = append(errs, fl.failed(fmt.Errorf("zone %s: %w", zone, err)))
		}
	}
	return errors.Join(errs...)
}

// recordsPerRead is how many records of the spill files are written together: of small
// zones each has few rows.
const recordsPerRead = 256

// drainFiles writes some records of the spill files. more is false if there was
// none.
func (fl *Flusher) drainFiles(ctx context.Context) (more bool, err error) {
	records, err := fl.spill.Read(recordsPerRead)
	if err != nil {
		return false, err
	}
	if len(records) == 0 {
		fl.drained(0)
		return false, nil
	}
	var parcels []parcel
	for _, record := range records {
		list, err := spilledParcels(record)
		if err != nil { // its checksum was right: another version wrote it
			fl.logger.ErrorContext(ctx, "a spilled record is left out", "error", err, "bytes", len(record))
		}
		parcels = append(parcels, list...)
	}
	if len(parcels) > 0 {
		fl.drained(fl.since(parcels[0].bucket))
	}
	for len(parcels) > 0 {
		part := parcels[:min(fl.pace.Burst(), len(parcels))]
		parcels = parcels[len(part):]
		if err := fl.drainParcels(ctx, part); err != nil {
			return false, err
		}
	}
	fl.spill.Commit()
	return true, nil
}

// drainParcels writes parcels at the rate of drains, and not beside what is due.
func (fl *Flusher) drainParcels(ctx context.Context, parcels []parcel) error {
	if len(parcels) == 0 {
		return nil
	}
	if err := fl.pace.WaitN(ctx, len(parcels)); err != nil {
		return err
	}
	leave, err := fl.slots.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return fl.writeParcels(ctx, parcels)
}

// drained notes since when the oldest bucket in the files waits; 0 if they are empty.
func (fl *Flusher) drained(since int64) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.inFiles = since
}

// errSpillFormat is returned for a record that spillBucket cannot have written.
var errSpillFormat = errors.New("not a record of a bucket")

// spilledParcels reads a record of the spill files: zone, member of sealeds, then
// driver and packed fixes of each driver, all with their lengths.
func spilledParcels(record []byte) (parcels []parcel, err error) {
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
	b, ok := parseSealed(texts[1])
	if !ok {
		return nil, fmt.Errorf("%w: member %q", errSpillFormat, texts[1])
	}
	for i := 2; i < len(texts); i += 2 {
		parcels = append(parcels, parcel{texts[0], b, texts[i], texts[i+1]})
	}
	return parcels, nil
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
