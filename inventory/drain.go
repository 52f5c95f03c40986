package inventory

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"hyperlocal/cache"
	"hyperlocal/internal/periodic"
	"hyperlocal/persist"
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
// ledger has it; one that is written twice, by a retry or by two servers,
// remains one row.
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
	stores, err := inv.Stores(ctx)
	if err != nil {
		return 0, false, err
	}
	var rows []persist.Movement
	read := map[string]int64{} // store → last movement that was read
	var broken []error
	for _, s := range stores {
		if len(rows) >= drainPass {
			more = true
			break
		}
		ms, err := inv.undrained(ctx, s.ID, drainStore)
		if errors.Is(err, errBadMovement) { // the other stores must not wait for it
			broken = append(broken, err)
			continue
		}
		if err != nil {
			return 0, false, err
		}
		if len(ms) > 0 {
			rows = append(rows, ms...)
			read[s.ID] = ms[len(ms)-1].Seq
			more = more || len(ms) == drainStore
		}
	}
	inv.noteOldest(rows)
	if len(rows) == 0 {
		return 0, false, errors.Join(broken...)
	}

	if _, err := inv.durable.Run(ctx, cache.SetScript, []string{keyDrained}, []string{decimal(inv.nowMS())}); err != nil {
		return 0, false, err
	}
	if err := inv.db.AppendMovements(ctx, rows); err != nil {
		return 0, false, err
	}
	for store, seq := range read {
		if _, err := inv.engine.XTrim(ctx, keyMovements(store), cache.Trim{MinID: entryID(seq + 1)}); err != nil {
			return 0, false, err
		}
	}
	inv.drained.Add(int64(len(rows)))
	if !more {
		inv.oldestWaiting.Store(0)
	}
	return len(rows), more, errors.Join(broken...)
}

func (inv *Inventory) noteOldest(rows []persist.Movement) {
	var oldest int64
	for _, m := range rows {
		if oldest == 0 || m.TS < oldest {
			oldest = m.TS
		}
	}
	inv.oldestWaiting.Store(oldest)
}

// undrained returns movements that wait in a store's stream, oldest first, at
// most limit; 0 means all.
func (inv *Inventory) undrained(ctx context.Context, storeID string, limit int) ([]persist.Movement, error) {
	entries, err := inv.engine.XRange(ctx, keyMovements(storeID), "-", "+", limit)
	if err != nil {
		return nil, fmt.Errorf("read movements of store %s: %w", storeID, err)
	}
	ms := make([]persist.Movement, len(entries))
	for i, e := range entries {
		if ms[i], err = decodeMovement(storeID, e); err != nil {
			return nil, fmt.Errorf("movement %s of store %s: %w", e.ID, storeID, err)
		}
	}
	return ms, nil
}

// errBadMovement: a stream holds what no script of this package writes.
var errBadMovement = errors.New("not a stock movement")

// decodeMovement is the inverse of what record appends.
func decodeMovement(storeID string, e cache.Entry) (persist.Movement, error) {
	m := persist.Movement{StoreID: storeID, Seq: sequence(e.ID)}
	for _, f := range e.Fields {
		var err error
		switch f.Name {
		case fieldTS:
			m.TS, err = strconv.ParseInt(f.Value, 10, 64)
		case fieldKind:
			m.Kind = f.Value
		case fieldProduct:
			m.ProductID = f.Value
		case fieldAvailable:
			m.Available, err = strconv.ParseInt(f.Value, 10, 64)
		case fieldReserved:
			m.Reserved, err = strconv.ParseInt(f.Value, 10, 64)
		case fieldRef:
			m.Reference = f.Value
		}
		if err != nil {
			return m, fmt.Errorf("%w: field %s is %q", errBadMovement, f.Name, f.Value)
		}
	}
	if err := m.Validate(); err != nil {
		return m, fmt.Errorf("%w: %w", errBadMovement, err)
	}
	return m, nil
}
