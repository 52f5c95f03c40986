package inventory

import (
	"context"
	"fmt"
	"strconv"

	"hyperlocal/internal/aside"
	"hyperlocal/persist"
)

// ledgerWrite writes batches to the database. What it refuses is set aside.
type ledgerWrite struct {
	inv     *Inventory
	batches []*batch

	stuck    map[string]int64 // store → the first number that must stay in its stream
	failures []error          // why
	refused  map[string]int   // store → movements that were set aside
	aside    int              // rows that were
}

func newLedgerWrite(inv *Inventory, batches []*batch) *ledgerWrite {
	return &ledgerWrite{inv: inv, batches: batches, stuck: map[string]int64{}, refused: map[string]int{}}
}

// write writes the movements first: a reservation must not be in a state whose
// movements were lost. It fails for all that is nobody's fault.
func (w *ledgerWrite) write(ctx context.Context) error {
	var movements []persist.Movement
	for _, b := range w.batches {
		movements = append(movements, b.movements...)
	}
	err := aside.Around(movements, func(ms []persist.Movement) error {
		return w.inv.db.AppendMovements(ctx, ms)
	}, func(m persist.Movement, reason error) error {
		if w.refuse(m.StoreID, m.Seq, m, reason) {
			w.refused[m.StoreID]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	var reservations []persist.Reservation
	for _, b := range w.batches {
		for _, bad := range b.bad {
			w.refuse(b.store, sequence(bad.entry.ID), bad.entry, bad.reason)
		}
		for _, r := range b.reservations {
			if !w.stays(r.StoreID, r.Seq) {
				reservations = append(reservations, r)
			}
		}
	}
	err = aside.Around(reservations, func(rs []persist.Reservation) error {
		return w.inv.db.PutReservations(ctx, rs)
	}, func(r persist.Reservation, reason error) error {
		w.refuse(r.StoreID, r.Seq, r, reason)
		return nil
	})
	if w.aside > 0 {
		w.inv.log.Error("the database refused stock movements or reservations; they were set aside", "rows", w.aside)
	}
	return err
}

// written is how many movements of a batch the ledger has and the stream need not.
func (w *ledgerWrite) written(b *batch) int {
	n := -w.refused[b.store]
	for _, m := range b.movements {
		if !w.stays(m.StoreID, m.Seq) {
			n++
		}
	}
	return n
}

// stays tells whether a movement stays in its stream behind one that does.
func (w *ledgerWrite) stays(store string, seq int64) bool {
	at, ok := w.stuck[store]
	return ok && seq >= at
}

// refusedRow is a line of the file of what was set aside.
type refusedRow struct {
	Reason  string `json:"reason"`
	StoreID string `json:"store_id_quoted"`
	Seq     int64  `json:"seq"`
	Row     string `json:"row_quoted"`
}

// refuse sets a row aside. If it cannot be, its store is stuck from its number on.
func (w *ledgerWrite) refuse(store string, seq int64, row any, reason error) bool {
	if w.stays(store, seq) {
		return false
	}
	err := reason
	if w.inv.aside != nil {
		err = w.inv.aside.Put(refusedRow{
			Reason: reason.Error(), StoreID: strconv.QuoteToASCII(store), Seq: seq,
			Row: strconv.QuoteToASCII(fmt.Sprintf("%+v", row)),
		})
	}
	if err != nil {
		w.stuck[store] = seq
		w.failures = append(w.failures, err)
		return false
	}
	w.aside++
	w.inv.refused.Add(1)
	return true
}
