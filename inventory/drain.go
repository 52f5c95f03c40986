package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"hyperlocal/cache"
	"hyperlocal/internal/periodic"
)

// A pass of the drainer takes at most drainStore movements of a store, and no
// further store once it has drainPass movements.
const (
	drainStore = 1000
	drainPass  = 5000
)

// keyDrained holds when a pass last wrote to the ledger, in ms. What it is for
// is that it was written durably: see Drain.
const keyDrained = "inventory:drained"

// Drain moves the movements that wait in the stores' streams to the ledger, in
// order, and returns how many. A movement leaves its stream only after the
// ledger has it, and after its reservation is written in its state; one that is
// written twice, by a retry or by two servers, remains one row. One that the
// database refuses is set aside, or, where it cannot be, stays with those behind it.
//
// The ledger must never know of a movement that a crash takes back from the
// engine: its number would be given again, to another one. A movement may be
// seen in the stream a moment before it is durable, so each pass, having read,
// makes a durable write of its own, which is durable only when all before it is.
func (inv *Inventory) Drain(ctx context.Context) (int, error) {
	total := 0
	for {
		n, more, err := inv.drainOnce(ctx)
		total += n
		if err != nil {
			inv.drainFailures.Add(1)
			return total, fmt.Errorf("drain stock movements: %w", err)
		}
		if !more {
			return total, nil
		}
	}
}

// RunDrainer calls Drain at every interval until the context ends.
func (inv *Inventory) RunDrainer(ctx context.Context, interval time.Duration) {
	periodic.Run(ctx, inv.log, interval, "writing stock movements to the database", func(ctx context.Context) error {
		_, err := inv.Drain(ctx)
		return err
	})
}

// drainOnce is one pass. It reports whether there may be more to move.
func (inv *Inventory) drainOnce(ctx context.Context) (n int, more bool, err error) {
	batches, more, err := inv.nextBatches(ctx)
	if err != nil {
		return 0, false, err
	}
	inv.noteOldest(batches)
	if len(batches) == 0 {
		return 0, false, nil
	}
	if _, err := inv.durable.Run(ctx, cache.SetScript, []string{keyDrained}, []string{decimal(inv.nowMS())}); err != nil {
		return 0, false, err
	}
	w := newLedgerWrite(inv, batches)
	if err := w.write(ctx); err != nil {
		return 0, false, err
	}
	var stuck []*batch
	for _, b := range batches {
		next := b.last + 1
		if at, ok := w.stuck[b.store]; ok {
			next, stuck = at, append(stuck, b)
		}
		if _, err := inv.engine.XTrim(ctx, keyMovements(b.store), cache.Trim{MinID: entryID(next)}); err != nil {
			return n, false, err
		}
		written := w.written(b)
		n += written
		inv.drained.Add(int64(written))
	}
	if !more {
		inv.noteOldest(stuck)
	}
	return n, more, errors.Join(w.failures...)
}

// nextBatches reads what a pass takes, and whether it leaves some.
func (inv *Inventory) nextBatches(ctx context.Context) (batches []*batch, more bool, err error) {
	stores, err := inv.Stores(ctx)
	if err != nil {
		return nil, false, err
	}
	taken := 0
	for _, s := range stores {
		if taken >= drainPass {
			return batches, true, nil
		}
		b, err := inv.undrained(ctx, s.ID, drainStore)
		if err != nil {
			return nil, false, err
		}
		if b.size() > 0 {
			batches = append(batches, b)
			taken += b.size()
			more = more || b.size() == drainStore
		}
	}
	return batches, more, nil
}

func (inv *Inventory) noteOldest(waiting []*batch) {
	var oldest int64
	for _, b := range waiting {
		if oldest == 0 || b.oldest != 0 && b.oldest < oldest {
			oldest = cmp.Or(b.oldest, oldest)
		}
	}
	inv.oldestWaiting.Store(oldest)
}
