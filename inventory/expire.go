package inventory

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"hyperlocal/cache"
	"hyperlocal/internal/periodic"
)

// expireBatch is how many reservations of a store are given back at once.
const expireBatch = 256

// ExpireDue gives back the units of every open reservation whose time is up and
// returns how many that were. A store that fails does not keep the others from
// their turn. Several servers may do it at once: each reservation expires once.
func (inv *Inventory) ExpireDue(ctx context.Context) (int, error) {
	stores, err := inv.Stores(ctx)
	if err != nil {
		return 0, fmt.Errorf("expire reservations: %w", err)
	}
	total := 0
	var errs []error
	for _, s := range stores {
		n, err := inv.expireStore(ctx, s.ID)
		total += n
		if err != nil {
			errs = append(errs, fmt.Errorf("expire reservations of store %s: %w", s.ID, err))
		}
	}
	inv.expired.Add(int64(total))
	return total, errors.Join(errs...)
}

func (inv *Inventory) expireStore(ctx context.Context, storeID string) (total int, err error) {
	now := inv.nowMS()
	for {
		due, err := inv.engine.ZRangeByScore(ctx, keyExpiring(storeID), cache.ScoreRange{
			Min: math.Inf(-1), Max: float64(now), Limit: expireBatch,
		})
		if err != nil || len(due) == 0 {
			return total, err
		}
		calls := make([]cache.Call, len(due))
		for i, m := range due {
			calls[i] = settleCall(storeID, m.Name, Expired, now)
		}
		for _, r := range inv.durable.RunAll(ctx, calls) {
			if r.Err != nil {
				return total, r.Err
			}
			if r.Value.List[0].Str == replyDone && State(r.Value.List[1].Str) == Expired {
				total++
			}
		}
		if len(due) < expireBatch {
			return total, nil
		}
	}
}

// RunExpirer calls ExpireDue at every interval until the context ends.
func (inv *Inventory) RunExpirer(ctx context.Context, interval time.Duration) {
	periodic.Run(ctx, inv.log, interval, "expiring reservations", func(ctx context.Context) error {
		_, err := inv.ExpireDue(ctx)
		return err
	})
}
