package geo

import (
	"context"
	"errors"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// writeSealed writes sealed buckets of a zone and, once the store has them all,
// removes them.
func (fl *Flusher) writeSealed(ctx context.Context, k *zoneKeys, sealed []cache.Member, paced bool) error {
	e := fl.fleet.engine
	keys := make([]string, len(sealed))
	members := make([]string, len(sealed))
	rows := make([]persist.TrackRow, 0, rowsPerWrite)
	waited := int64(fl.closedBy()) - 2*fl.every.Milliseconds()
	for i, m := range sealed {
		members[i], keys[i] = m.Name, k.sealedKey(m.Name)
		start, part, ok := parseSealed(m.Name)
		if !ok {
			continue // not ours: there is nothing to write
		}
		drivers, err := e.HGetAll(ctx, keys[i])
		if err != nil {
			return err
		}
		if paced && start < waited {
			if err := fl.waitFor(ctx, len(drivers)); err != nil {
				return err
			}
		}
		for _, driver := range sortedKeys(drivers) { // as databases keep them: neighbours lie on one page
			row, ok := summarize(k.id, driver, start, part, drivers[driver])
			if !ok {
				continue
			}
			if rows = append(rows, row); len(rows) == rowsPerWrite {
				if err := fl.write(ctx, rows); err != nil {
					return err
				}
				rows = rows[:0]
			}
		}
	}
	if err := fl.write(ctx, rows); err != nil {
		return err
	}
	return fl.forget(ctx, k, keys, members)
}

// waitFor waits until so many rows may be written of what waited.
func (fl *Flusher) waitFor(ctx context.Context, rows int) error {
	for ; rows > 0; rows -= rowsPerWrite {
		if err := fl.pace.WaitN(ctx, min(rows, rowsPerWrite)); err != nil {
			return err
		}
	}
	return nil
}

// forget removes sealed buckets, given by keys and members of sealeds, that are
// safe elsewhere.
func (fl *Flusher) forget(ctx context.Context, k *zoneKeys, keys, members []string) error {
	e := fl.fleet.engine
	// In this order: an index entry without a bucket is harmless.
	if _, err := e.Del(ctx, keys...); err != nil {
		return err
	}
	_, err := e.ZRem(ctx, k.sealeds, members...)
	return err
}

// write writes rows to the store. What the store refuses for ever is set aside.
func (fl *Flusher) write(ctx context.Context, rows []persist.TrackRow) error {
	if len(rows) == 0 {
		return nil
	}
	if err := fl.store.WriteTracks(ctx, rows); err != nil {
		if fl.aside == nil || !errors.Is(err, persist.ErrInvalid) {
			return err
		}
		if half := len(rows) / 2; half > 0 { // which of them is it?
			if err := fl.write(ctx, rows[:half]); err != nil {
				return err
			}
			return fl.write(ctx, rows[half:])
		}
		return fl.setAside(rows[0], err)
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
