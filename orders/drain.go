package orders

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"hyperlocal/cache"
	"hyperlocal/internal/periodic"
	"hyperlocal/persist"
)

const (
	// settle is how long an order is in the outbox before Drain looks at it.
	// A step marks its order first and runs its script within writeTimeout; who
	// looked in between would find the old state, and take out the mark of the
	// new one. The rest is for servers' clocks that differ.
	settle = 5 * time.Second

	// drainBatch is how many orders a pass of the drainer takes.
	drainBatch = 500

	// keepFinished is how long the engine keeps a finished order that the
	// database has.
	keepFinished = 24 * time.Hour
)

// Drain writes the orders that changed to the database and returns how many.
// Those whose last step was begun less than five seconds ago wait for the next
// time. An order leaves the outbox only after the database has it; one that is
// written twice, by a retry or by two servers, remains one. One that the database
// refuses is set aside.
//
// The database must never know of a step that a crash takes back from the
// engine: its number would be given again, to another one. A step may be seen a
// moment before it is durable, so each order is read first and written after a
// durable write of the drainer's own, which is durable only when all before it
// is.
func (o *Orders) Drain(ctx context.Context) (int, error) {
	total := 0
	for {
		n, more, err := o.drainOnce(ctx)
		total += n
		if err != nil {
			o.drainFailures.Add(1)
			return total, fmt.Errorf("drain orders: %w", err)
		}
		if !more {
			return total, nil
		}
	}
}

// RunDrainer calls Drain at every interval until the context ends.
func (o *Orders) RunDrainer(ctx context.Context, interval time.Duration) {
	periodic.Run(ctx, o.log, interval, "writing orders to the database", func(ctx context.Context) error {
		_, err := o.Drain(ctx)
		return err
	})
}

// drainOnce is one pass. It reports whether there may be more to write.
func (o *Orders) drainOnce(ctx context.Context) (n int, more bool, err error) {
	marks, err := o.engine.ZRangeByScore(ctx, keyChanged, cache.ScoreRange{
		Min: math.Inf(-1), Max: float64(o.now().Add(-settle).UnixMilli()), Limit: drainBatch,
	})
	if err != nil {
		return 0, false, err
	}
	if len(marks) == 0 {
		o.oldestWaiting.Store(0)
		return 0, false, nil
	}
	o.oldestWaiting.Store(int64(marks[0].Score))

	read := make([]state, len(marks))
	malformed := make([]error, len(marks))
	for i, m := range marks {
		if read[i], err = o.live(ctx, m.Name); errors.Is(err, errMalformed) {
			malformed[i] = err
		} else if err != nil {
			return 0, false, err
		}
	}
	if _, err := o.durable.Run(ctx, cache.SetScript, []string{keyDrained}, []string{decimal(o.nowMS())}); err != nil {
		return 0, false, err
	}
	var stuck []error // orders that can neither be written nor set aside
	for i, m := range marks {
		err := malformed[i]
		if err == nil {
			err = o.drainOrder(ctx, m, read[i])
		}
		switch {
		case errors.Is(err, persist.ErrInvalid) || errors.Is(err, errMalformed):
			if refused := o.refuse(m.Name, read[i], err); refused != nil {
				stuck = append(stuck, refused)
			} else if err := o.forget(ctx, m); err != nil {
				return n, false, err
			}
		case err != nil:
			return n, false, err
		case read[i].there:
			n++
			o.drained.Add(1)
		}
	}
	more = len(marks) == drainBatch
	if !more && len(stuck) == 0 {
		o.oldestWaiting.Store(0)
	}
	return n, more, errors.Join(stuck...)
}

// refusedOrder is a line of the file of what was set aside.
type refusedOrder struct {
	Reason  string `json:"reason"`
	OrderID string `json:"order_id_quoted"`
	Order   string `json:"order_quoted"`
}

// refuse sets an order aside, as it is, so that the others need not wait for it. The
// engine keeps it.
func (o *Orders) refuse(id string, s state, reason error) error {
	if o.aside == nil {
		return fmt.Errorf("order %s: %w", id, reason)
	}
	err := o.aside.Put(refusedOrder{
		Reason: reason.Error(), OrderID: strconv.QuoteToASCII(id),
		Order: strconv.QuoteToASCII(fmt.Sprintf("%+v %+v", s.order, s.events)),
	})
	if err != nil {
		return fmt.Errorf("order %s: %w", id, err)
	}
	o.refused.Add(1)
	o.log.Error("the database refused an order; it was set aside", "order", id, "error", reason)
	return nil
}

// drainOrder writes one order to the database and takes its mark out of the
// outbox. An order that is not there was never placed, or is long finished.
func (o *Orders) drainOrder(ctx context.Context, mark cache.Member, s state) error {
	if s.there {
		if err := o.db.PutOrder(ctx, s.order, s.events); err != nil {
			return err
		}
		if Status(s.order.Status).Final() {
			for _, key := range []string{keyOrder(mark.Name), keyEvents(mark.Name)} {
				if _, err := o.engine.Expire(ctx, key, keepFinished, 0); err != nil {
					return err
				}
			}
			if _, err := o.engine.ZRem(ctx, keyCarried, mark.Name); err != nil {
				return err
			}
		}
	}
	return o.forget(ctx, mark)
}

// forget takes a mark out of the outbox, unless it is there anew.
func (o *Orders) forget(ctx context.Context, mark cache.Member) error {
	call := forgetCall(keyChanged, mark)
	_, err := o.engine.Run(ctx, call.Script, call.Keys, call.Args)
	return err
}

// forgetScript answers 1 if it took the order out, else 0.
var forgetScript = &cache.Script{Name: "orders_forget", Lua: forgetLua, Go: forgetTwin}

//go:embed forget.lua
var forgetLua string

func forgetCall(outbox string, mark cache.Member) cache.Call {
	return cache.Call{
		Script: forgetScript, Keys: []string{outbox},
		Args: []string{mark.Name, strconv.FormatFloat(mark.Score, 'f', -1, 64)},
	}
}

func forgetTwin(tx cache.Tx, keys, args []string) cache.Value {
	score, ok := tx.ZScore(keys[0], args[0])
	expected, _ := strconv.ParseFloat(args[1], 64) // forgetCall wrote it
	if !ok || score != expected {
		return cache.Int(0)
	}
	tx.ZRem(keys[0], args[0])
	return cache.Int(1)
}
