package geo

import (
	"context"
	"slices"
	"strings"
	"time"

	"hyperlocal/cache"
	"hyperlocal/internal/aside"
	"hyperlocal/internal/giveway"
	"hyperlocal/persist"
)

const (
	// scanPage is how many drivers of a bucket are read at once: in the memory
	// engine nobody else gets at the zone meanwhile.
	scanPage = 256
	// pieceBytes bounds how much of a bucket is in memory at a time, so a bucket of
	// some 20,000 drivers is read whole.
	pieceBytes = 4 << 20
	// Some 0.2 ms of work each, after which requests have their turn.
	rowsPerStep        = 64
	comparisonsPerStep = 4096
)

// parcel is what is sealed of one driver: what a row is made of.
type parcel struct {
	zone   string
	bucket sealedBucket
	driver string
	packed string
}

func (p *parcel) row() rowID { return rowID{p.bucket.part, p.zone, p.bucket.start} }

// writeSealed writes sealed buckets of a zone in their order, and removes each when
// the store has it. If it is paced, at the rate of drains.
//
// Late parts are left where they are while there are spill files: an earlier part of
// the bucket may be in there, and must come before; see repeats.go.
func (fl *Flusher) writeSealed(ctx context.Context, k *zoneKeys, buckets []sealedBucket, paced bool) error {
	w := fl.writers.Get().(*zoneWriter)
	defer w.release()
	w.k, w.room = k, rowsPerWrite
	if paced {
		w.pace, w.room = true, fl.pace.Burst()
	}
	for _, b := range buckets {
		if b.late && fl.spill != nil && fl.spill.Bytes() > 0 {
			continue
		}
		err := w.pieces(ctx, k.sealedKey(b.member), func(f cache.Field) error {
			return w.add(ctx, parcel{k.id, b, f.Name, f.Value})
		})
		if err != nil {
			return err
		}
		w.whole = append(w.whole, b.member)
	}
	return w.flush(ctx)
}

// zoneWriter collects parcels of a zone until there are enough for a write.
type zoneWriter struct {
	fl   *Flusher
	k    *zoneKeys
	room int
	pace bool

	piece   []cache.Field // what was read of a bucket
	parcels []parcel
	whole   []string // members of sealeds of which all parcels were added
}

// newZoneWriter makes a writer for the flusher's pool: what it collects in is as large
// for the next zone.
func (fl *Flusher) newZoneWriter() any { return &zoneWriter{fl: fl} }

func (w *zoneWriter) release() {
	clear(w.parcels)
	clear(w.piece)
	*w = zoneWriter{fl: w.fl, parcels: w.parcels[:0], piece: w.piece[:0]}
	w.fl.writers.Put(w)
}

func (w *zoneWriter) add(ctx context.Context, p parcel) error {
	if len(w.parcels) == w.room {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	w.parcels = append(w.parcels, p)
	return nil
}

// flush writes what was added, and removes the buckets that are whole by that.
func (w *zoneWriter) flush(ctx context.Context) error {
	write := w.fl.writeParcels
	if w.pace {
		write = w.fl.drainParcels
	}
	if err := write(ctx, w.parcels); err != nil {
		return err
	}
	clear(w.parcels)
	w.parcels = w.parcels[:0]
	done := w.whole
	w.whole = nil
	return w.fl.forget(ctx, w.k, done)
}

// pieces reads a bucket in pieces of a bounded size, each in order of driver: as
// databases keep them, neighbours lie on one page.
func (w *zoneWriter) pieces(ctx context.Context, key string, do func(cache.Field) error) error {
	var bytes int64
	flush := func() error {
		w.fl.sortByName(w.piece)
		for _, f := range w.piece {
			if err := do(f); err != nil {
				return err
			}
		}
		clear(w.piece)
		w.piece, bytes = w.piece[:0], 0
		return nil
	}
	err := w.fl.pages(ctx, key, func(page []cache.Field) error {
		w.piece, bytes = append(w.piece, page...), bytes+sizeOf(page)
		if bytes < pieceBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

func (fl *Flusher) sortByName(piece []cache.Field) {
	fl.lane.Do(func(turn *giveway.Turn) {
		slices.SortFunc(piece, func(a, b cache.Field) int {
			turn.Step(comparisonsPerStep)
			return strings.Compare(a.Name, b.Name)
		})
	})
}

// pages reads a bucket page by page, in no order.
func (fl *Flusher) pages(ctx context.Context, key string, do func([]cache.Field) error) error {
	for cursor := ""; ; {
		began := time.Now()
		page, next, err := fl.fleet.engine.HScan(ctx, key, cursor, "", scanPage)
		fl.lane.Did(time.Since(began))
		if err != nil {
			return err
		}
		if err := do(page); err != nil {
			return err
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}

func sizeOf(page []cache.Field) (bytes int64) {
	for _, f := range page {
		bytes += int64(len(f.Name) + len(f.Value))
	}
	return bytes
}

// forget removes sealed buckets, given by their members of sealeds, that are safe
// elsewhere.
func (fl *Flusher) forget(ctx context.Context, k *zoneKeys, members []string) error {
	if len(members) == 0 {
		return nil
	}
	keys := make([]string, len(members))
	for i, m := range members {
		keys[i] = k.sealedKey(m)
	}
	e := fl.fleet.engine
	// In this order: an index entry without a bucket is harmless.
	if _, err := e.Del(ctx, keys...); err != nil {
		return err
	}
	if _, err := e.ZRem(ctx, k.sealeds, members...); err != nil {
		return err
	}
	fl.unweigh(k.id, members)
	return nil
}

// writeParcels writes the rows of parcels.
func (fl *Flusher) writeParcels(ctx context.Context, parcels []parcel) error {
	if len(parcels) == 0 {
		return nil
	}
	if err := fl.dropRepeats(ctx, parcels); err != nil {
		return err
	}
	buf := fl.rows.Get().(*[]persist.TrackRow)
	rows := fl.appendRows((*buf)[:0], parcels)
	defer func() {
		clear(rows)
		*buf = rows
		fl.rows.Put(buf)
	}()
	return fl.write(ctx, rows)
}

func (fl *Flusher) appendRows(rows []persist.TrackRow, parcels []parcel) []persist.TrackRow {
	fl.lane.Do(func(turn *giveway.Turn) {
		for _, p := range parcels {
			turn.Step(rowsPerStep)
			if row, ok := summarize(p.zone, p.driver, p.bucket.start, p.bucket.part, p.packed); ok {
				rows = append(rows, row)
			}
		}
	})
	return rows
}

// write writes rows to the store. What the store refuses for ever is set aside.
func (fl *Flusher) write(ctx context.Context, rows []persist.TrackRow) error {
	put := func(rows []persist.TrackRow) error { return fl.put(ctx, rows) }
	if fl.aside == nil {
		return put(rows)
	}
	return aside.Around(rows, put, fl.setAside)
}

// put writes rows to the store and counts them.
func (fl *Flusher) put(ctx context.Context, rows []persist.TrackRow) error {
	if len(rows) == 0 {
		return nil
	}
	if err := fl.store.WriteTracks(ctx, rows); err != nil {
		return err
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.stats.Rows += int64(len(rows))
	for i := range rows {
		fl.stats.Fixes += int64(rows[i].Fixes)
	}
	fl.stats.LastSuccess = fl.fleet.now()
	fl.wait.Reset()
	return nil
}

func (fl *Flusher) setAside(row persist.TrackRow, reason error) error {
	if err := fl.aside.put(row, reason); err != nil {
		return err
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.stats.SetAside++
	return nil
}
