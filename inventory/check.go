package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"hyperlocal/persist"
)

// ledgerPage is how many movements are read from the database at once.
const ledgerPage = 1000

// checkAttempts is how often Check looks again because stock changed meanwhile.
const checkAttempts = 100

// maxSpans bounds the spans of missing movements that Check lists.
const maxSpans = 100

// ErrBusy is what Check returns when stock changed at every attempt to look, and
// Restore when it changed before it was replaced.
var ErrBusy = errors.New("stock keeps changing")

// Levels are the units of one product in one store.
type Levels struct{ Available, Reserved int64 }

// Findings are what does not add up in a store.
type Findings struct {
	Products     []Discrepancy // in order of id
	Reservations []Contradiction
	// Missing is how many movements up to the last one are neither in the ledger
	// nor on their way there, and MissingSpans the first stretches of them.
	Missing      int64
	MissingSpans []Span
	// Ahead is how many movements the ledger has beyond the engine's last one: the
	// engine has lost them, and will give their numbers again.
	Ahead int64
}

// None reports whether there are none.
func (f Findings) None() bool {
	return f.Replaceable() == 0 && f.Missing == 0
}

// Replaceable counts those that Restore ends, which is all but missing movements.
func (f Findings) Replaceable() int {
	n := len(f.Products) + len(f.Reservations)
	if f.Ahead > 0 {
		n++
	}
	return n
}

// Discrepancy is a product whose stock is not the sum of its movements.
type Discrepancy struct {
	ProductID string
	Live      Levels // by the engine's hashes
	Recorded  Levels // by the movements
}

// Contradiction is a reservation of which the movements say one thing, and engine or
// database another.
type Contradiction struct{ ReservationID, Detail string }

// Span is a stretch of numbers, both ends included.
type Span struct{ First, Last int64 }

// Check compares a store's stock and open reservations with its movements, over
// ledger and stream, and the reservations with their rows in the database. It may run
// while stock changes: it looks again until nothing has changed under its eyes. It needs
// no Load.
//
// Errors: ErrUnknownStore, ErrBusy.
func (inv *Inventory) Check(ctx context.Context, storeID string) (Findings, error) {
	if len(inv.stores.missing([]string{storeID})) > 0 {
		if _, err := inv.liveStore(ctx, storeID); err != nil {
			return Findings{}, err
		}
	}
	f, err := inv.check(ctx, storeID)
	if err != nil {
		return Findings{}, fmt.Errorf("check store %s: %w", storeID, err)
	}
	return f, nil
}

func (inv *Inventory) check(ctx context.Context, storeID string) (f Findings, err error) {
	live, err := inv.snapshot(ctx, storeID)
	if err != nil {
		return f, err
	}
	// The stream was read first: a movement that left it since is in the ledger,
	// and one that is in both counts once.
	drained := live.seq
	if len(live.waiting) > 0 {
		drained = min(drained, live.waiting[0].Seq-1)
	}
	b, newest := newBalance(), int64(0)
	err = inv.eachMovement(ctx, storeID, func(m persist.Movement) {
		if newest = m.Seq; m.Seq <= drained {
			f.miss(b.last+1, m.Seq-1)
			b.add(m)
		}
	})
	if err != nil {
		return f, err
	}
	rows, err := inv.db.Reservations(ctx, storeID, inv.nowMS()-time.Hour.Milliseconds()) // some may have closed just now
	if err != nil {
		return f, err
	}
	f.compareRows(b, live, drained, rows)
	for _, m := range live.waiting {
		f.miss(b.last+1, m.Seq-1)
		b.add(m)
	}
	f.miss(b.last+1, live.seq)
	f.compareLevels(live.levels, b.levels)
	if err := inv.compareOpen(ctx, &f, storeID, live.open, b.open); err != nil {
		return f, err
	}
	seq, err := inv.lastSeq(ctx, storeID)
	f.Ahead = max(0, newest-seq)
	return f, err
}

// miss notes that there are no movements from first to last.
func (f *Findings) miss(first, last int64) {
	if first > last {
		return
	}
	f.Missing += last - first + 1
	if len(f.MissingSpans) < maxSpans {
		f.MissingSpans = append(f.MissingSpans, Span{first, last})
	}
}

func (f *Findings) compareLevels(live, recorded map[string]Levels) {
	all := maps.Clone(live)
	maps.Copy(all, recorded)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if live[id] != recorded[id] {
			f.Products = append(f.Products, Discrepancy{ProductID: id, Live: live[id], Recorded: recorded[id]})
		}
	}
}

// stock is a store as the engine has it at one moment.
type stock struct {
	levels  map[string]Levels
	open    map[string]int64 // reservation → its end, ms
	waiting []persist.Movement
	seq     int64 // number of the last movement
}

// snapshot reads a store as of one moment. Every change raises the number of the
// last movement, so what was read between two equal ones belongs together.
func (inv *Inventory) snapshot(ctx context.Context, storeID string) (stock, error) {
	before, err := inv.lastSeq(ctx, storeID)
	if err != nil {
		return stock{}, err
	}
	for range checkAttempts {
		available, err := inv.engine.HGetAll(ctx, keyStock(storeID))
		if err != nil {
			return stock{}, err
		}
		reserved, err := inv.engine.HGetAll(ctx, keyReserved(storeID))
		if err != nil {
			return stock{}, err
		}
		open, err := inv.expiring(ctx, storeID)
		if err != nil {
			return stock{}, err
		}
		waiting, err := inv.undrained(ctx, storeID, 0)
		if err != nil {
			return stock{}, err
		}
		if len(waiting.bad) > 0 {
			return stock{}, waiting.bad[0].reason
		}
		after, err := inv.lastSeq(ctx, storeID)
		if err != nil {
			return stock{}, err
		}
		if after == before {
			levels := make(map[string]Levels, len(available))
			for id, units := range available {
				levels[id] = Levels{Available: whole(units), Reserved: whole(reserved[id])}
			}
			for id, units := range reserved {
				levels[id] = Levels{Available: whole(available[id]), Reserved: whole(units)}
			}
			return stock{levels: levels, open: open, waiting: waiting.movements, seq: after}, nil
		}
		before = after
	}
	return stock{}, ErrBusy
}

// lastSeq is the number of a store's last movement; 0 if there is none.
func (inv *Inventory) lastSeq(ctx context.Context, storeID string) (int64, error) {
	seq, err := inv.engine.HGet(ctx, keyMeta(storeID), metaSeq)
	return whole(seq.Str), err
}

// eachMovement calls fn for every movement of a store that the ledger has, in
// order.
func (inv *Inventory) eachMovement(ctx context.Context, storeID string, fn func(persist.Movement)) error {
	for after := int64(0); ; {
		page, err := inv.db.Movements(ctx, storeID, after, ledgerPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, m := range page {
			fn(m)
		}
		after = page[len(page)-1].Seq
	}
}
