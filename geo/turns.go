package geo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"hyperlocal/persist"
)

// zoneTurn is where a zone is with its turns. It belongs to the flusher's mu.
type zoneTurn struct {
	number int64 // of the last one
	due    bool  // what was sealed then is to be written
	busy   bool  // somebody writes, or waits for a slot
}

// runTurns gives each zone its turns until ctx ends. A turn seals the zone's closed
// buckets, looks after what waits, and has somebody write what is new; it does not
// wait for that, so a slow database makes no turn late.
func (fl *Flusher) runTurns(ctx context.Context) {
	var writers sync.WaitGroup
	defer writers.Wait()
	tick := time.NewTicker(fl.every / turnsPerPeriod)
	defer tick.Stop()
	zones := map[string]*zoneTurn{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := fl.turn(ctx, zones, &writers); err != nil && ctx.Err() == nil {
			fl.complain(ctx, "closed buckets stay in the engine unsealed", fl.failed(err))
		}
	}
}

// turn looks once at all zones. It ends at the first error of the engine; zones
// whose turn was not had then have it at the next tick.
func (fl *Flusher) turn(ctx context.Context, zones map[string]*zoneTurn, writers *sync.WaitGroup) error {
	now := fl.fleet.now()
	members, err := readActiveZones(ctx, fl.fleet.engine)
	if err != nil {
		return err
	}
	active := make(map[string]bool, len(members))
	for _, m := range members {
		active[m.Name] = true
		number := (now.UnixMilli() - fl.offset(m.Name)) / fl.every.Milliseconds()
		z, known := zones[m.Name]
		if !known {
			zones[m.Name] = &zoneTurn{number: number} // its own turn will come within a period
			continue
		}
		k := newZoneKeys(m.Name)
		if z.number != number {
			if err := fl.look(ctx, k); err != nil {
				return fmt.Errorf("turn of zone %s: %w", k.id, err)
			}
			z.number = number
			fl.setDue(z)
		}
		if fl.begin(z, now) {
			writers.Go(func() { fl.writeDue(ctx, k, z) })
		}
	}
	for zone := range zones {
		if !active[zone] {
			delete(zones, zone)
			fl.setBacklog(zone, nil)
		}
	}
	return nil
}

func (fl *Flusher) setDue(z *zoneTurn) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	z.due = true
}

// begin reports whether somebody should write for the zone now.
func (fl *Flusher) begin(z *zoneTurn, now time.Time) bool {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if !z.due || z.busy || now.Before(fl.retryAt) {
		return false
	}
	z.busy = true
	return true
}

// writeDue writes what is new in a zone as soon as there is a slot, and leaves to the
// drain what waited. If the database does not answer, the zone stays due.
func (fl *Flusher) writeDue(ctx context.Context, k *zoneKeys, z *zoneTurn) {
	again := true
	defer func() {
		fl.mu.Lock()
		defer fl.mu.Unlock()
		z.busy = false
		z.due = z.due || again
	}()
	leave, err := fl.slots.enter(ctx)
	if err != nil {
		return
	}
	defer leave()
	if fl.pausing(fl.fleet.now()) {
		return
	}
	fl.mu.Lock()
	z.due = false // but for a turn that comes while we write
	fl.mu.Unlock()
	err = fl.leased(ctx, k, writeNew, func() error {
		all, err := fl.sealed(ctx, k)
		if err != nil {
			return err
		}
		fresh, waited := fl.split(all)
		fl.overdue(k.id, waited) // the drain is to know
		return fl.writeSealed(ctx, k, newestFirst(fresh), false)
	})
	if err != nil && ctx.Err() == nil {
		fl.complain(ctx, "tracks could not be written and wait in the engine", fmt.Errorf("zone %s: %w", k.id, fl.failed(err)))
	}
	again = errors.Is(err, persist.ErrUnavailable)
}
