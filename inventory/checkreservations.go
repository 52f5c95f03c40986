package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"hyperlocal/persist"
)

func (f *Findings) contradict(id, format string, args ...any) {
	f.Reservations = append(f.Reservations, Contradiction{id, fmt.Sprintf(format, args...)})
}

// compareRows compares reservations as the database has them with what the ledger
// says up to the movement drained. What is on its way there is left out.
func (f *Findings) compareRows(b *balance, live stock, drained int64, rows []persist.Reservation) {
	moving := map[string]bool{}
	for _, m := range live.waiting {
		if m.Reserved != 0 {
			id, _ := reservationOf(m)
			moving[id] = true
		}
	}
	there := make(map[string]bool, len(rows))
	for _, r := range rows {
		there[r.ID] = true
		if moving[r.ID] || r.Seq > drained {
			continue
		}
		end, isOpen := live.open[r.ID]
		switch {
		case r.ClosedTS == 0 && b.open[r.ID] == nil:
			f.contradict(r.ID, "is open in the database, closed by its movements")
		case r.ClosedTS > 0 && b.open[r.ID] != nil:
			f.contradict(r.ID, "is closed in the database, open by its movements")
		case r.ClosedTS == 0 && isOpen && end != r.ExpiresTS:
			f.contradict(r.ID, "ends at %s in the database, at %s in the engine", moment(r.ExpiresTS), moment(end))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b.open)) {
		if !there[id] && !moving[id] {
			f.contradict(id, "is open by its movements, the database does not have it")
		}
	}
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// compareOpen compares the reservations that are open in the engine with those that
// are by their movements. Their hashes are read a moment later, when some may have
// been closed.
func (inv *Inventory) compareOpen(ctx context.Context, f *Findings, storeID string, live map[string]int64, recorded map[string]*held) error {
	for _, id := range slices.Sorted(maps.Keys(recorded)) {
		if _, ok := live[id]; !ok {
			f.contradict(id, "is open by its movements, not in the engine")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(live)) {
		h := recorded[id]
		if h == nil {
			f.contradict(id, "is open in the engine, not by its movements")
			continue
		}
		hash, err := inv.engine.HGetAll(ctx, keyReservation(storeID, id))
		if err != nil {
			return err
		}
		if State(hash[fieldState]) != Open {
			_, still, err := inv.engine.ZScore(ctx, keyExpiring(storeID), id)
			if err != nil {
				return err
			}
			if still {
				f.contradict(id, "is due to expire in the engine, where its state is %q", hash[fieldState])
			}
			continue
		}
		if !h.has(splitLines(hash[fieldLines])) {
			f.contradict(id, "has %s in the engine, %s by its movements", hash[fieldLines], joinLines(h.lines()))
		}
		if whole(hash[fieldExpires]) != live[id] {
			f.contradict(id, "expires at %s, its turn is at %s", moment(whole(hash[fieldExpires])), moment(live[id]))
		}
	}
	return nil
}
