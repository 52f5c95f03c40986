package geo

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"hyperlocal/cache"
	"hyperlocal/internal/spill"
)

// While the database does not answer, or takes longer than what comes in allows,
// closed buckets wait in the engine, sealed. What exceeds the flusher's bound goes to
// its spill files, oldest first, each zone's at its turn. Of what is written, new
// buckets come first, and what waited follows at a bounded rate; see drain.go.
//
// A bucket leaves the engine only after it is in a file, and a file goes only
// after the database has what is in it. A crash between the two makes a bucket
// be written twice, which leaves the same rows.

// SpillOptions say where buckets go that must not wait in the engine.
type SpillOptions struct {
	Queue *spill.Queue // nil: all of them wait in the engine
	// WaitBytes is how much may wait in the engine while the database does not
	// keep up. Default 64 MiB.
	WaitBytes int64
}

// spillRecord bounds a record of the spill files: larger buckets make several.
const spillRecord = 1 << 20

// everything is every score.
var everything = cache.ScoreRange{Min: math.Inf(-1), Max: math.Inf(1)}

// backlog is what waits in the engine of a zone.
type backlog struct {
	since map[string]int64 // by member of sealeds: since when it waits, ms
	bytes map[string]int64
}

func newBacklog() *backlog { return &backlog{since: map[string]int64{}, bytes: map[string]int64{}} }

// since is when a bucket was ready to be written, ms.
func (fl *Flusher) since(b sealedBucket) int64 {
	if b.late {
		return b.part
	}
	return b.start + fl.fleet.bucketMS
}

// newSince is since when what was sealed is new, ms. What was sealed before waits: after
// an outage that is something in every zone, and not to be written all at once.
func (fl *Flusher) newSince() int64 { return fl.fleet.nowMS() - fl.every.Milliseconds()/3 }

// split divides sealed buckets in order of start into new ones and those that wait,
// which are left to the drain. A late part goes with an earlier part of its bucket.
func (fl *Flusher) split(all []sealedBucket) (fresh, waited []sealedBucket) {
	oldest := fl.newSince()
	for _, b := range all {
		follows := b.late && len(waited) > 0 && waited[len(waited)-1].start == b.start
		if b.part > oldest && !follows {
			fresh = append(fresh, b)
		} else {
			waited = append(waited, b)
		}
	}
	return fresh, waited
}

// look seals a zone's closed buckets, weighs those that wait and spills what is too
// much. What was sealed just now does not wait unless nothing is written at all.
func (fl *Flusher) look(ctx context.Context, k *zoneKeys) error {
	now := fl.fleet.now()
	if err := fl.seal(ctx, k, fl.closedAt(now.UnixMilli())); err != nil {
		return err
	}
	all, err := fl.sealed(ctx, k)
	if err != nil {
		return err
	}
	if !fl.pausing(now) {
		since := fl.newSince()
		all = slices.DeleteFunc(all, func(b sealedBucket) bool { return b.part > since })
	}
	if err := fl.weigh(ctx, k, all); err != nil || fl.spill == nil || !fl.tooMuch() {
		return err
	}
	err = fl.leased(ctx, k, spillOld, func() error {
		for _, b := range all {
			if !fl.tooMuch() {
				return nil
			}
			if err := fl.spillBucket(ctx, k, b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil { // a full disk is no reason to try at every tick
		fl.complain(ctx, "tracks that should go to files stay in the engine", fmt.Errorf("zone %s: %w", k.id, fl.failed(err)))
	}
	return nil
}

func (fl *Flusher) tooMuch() bool {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return fl.waiting > fl.waitBytes
}

// weigh notes which buckets of a zone wait and how many bytes they have. Each is
// read for it once, since it never changes.
func (fl *Flusher) weigh(ctx context.Context, k *zoneKeys, all []sealedBucket) error {
	fl.mu.Lock()
	var known map[string]int64
	if b := fl.backlogs[k.id]; b != nil {
		known = maps.Clone(b.bytes)
	}
	fl.mu.Unlock()
	next := newBacklog()
	for _, b := range all {
		bytes, ok := known[b.member]
		if !ok {
			err := fl.pages(ctx, k.sealedKey(b.member), func(page []cache.Field) error {
				bytes += sizeOf(page)
				return nil
			})
			if err != nil {
				return err
			}
		}
		next.since[b.member], next.bytes[b.member] = fl.since(b), bytes
	}
	fl.setBacklog(k.id, next)
	return nil
}

// overdue notes buckets of a zone that wait. They are weighed at its next turn.
func (fl *Flusher) overdue(zone string, waited []sealedBucket) {
	if len(waited) == 0 {
		return
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	b := fl.backlogs[zone]
	if b == nil {
		b = newBacklog()
		fl.backlogs[zone] = b
	}
	for _, w := range waited {
		b.since[w.member] = fl.since(w)
	}
}

// setBacklog notes what waits of a zone; nil is nothing.
func (fl *Flusher) setBacklog(zone string, next *backlog) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if old := fl.backlogs[zone]; old != nil {
		for _, bytes := range old.bytes {
			fl.waiting -= bytes
		}
	}
	if next == nil || len(next.since) == 0 {
		delete(fl.backlogs, zone)
		return
	}
	fl.backlogs[zone] = next
	for _, bytes := range next.bytes {
		fl.waiting += bytes
	}
}

// unweigh notes that buckets of a zone wait no more.
func (fl *Flusher) unweigh(zone string, members []string) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	b := fl.backlogs[zone]
	if b == nil {
		return
	}
	for _, m := range members {
		fl.waiting -= b.bytes[m]
		delete(b.bytes, m)
		delete(b.since, m)
	}
	if len(b.since) == 0 {
		delete(fl.backlogs, zone)
	}
}

// zonesBehind returns the zones of which something waits, in their order.
func (fl *Flusher) zonesBehind() []string {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return sortedKeys(fl.backlogs)
}

// spillBucket moves a sealed bucket from the engine to the files.
func (fl *Flusher) spillBucket(ctx context.Context, k *zoneKeys, b sealedBucket) error {
	head := appendText(appendText(nil, k.id), b.member)
	record, drivers := slices.Clone(head), int64(0)
	err := fl.pages(ctx, k.sealedKey(b.member), func(page []cache.Field) error {
		for _, f := range page {
			record = appendText(appendText(record, f.Name), f.Value)
			if len(record) > spillRecord {
				if err := fl.spill.Append(record); err != nil {
					return err
				}
				record = append(record[:0], head...)
			}
		}
		drivers += int64(len(page))
		return nil
	})
	if err == nil && len(record) > len(head) {
		err = fl.spill.Append(record)
	}
	if err != nil {
		return err
	}
	fl.mu.Lock()
	fl.stats.Spilled += drivers
	if fl.inFiles == 0 && drivers > 0 {
		fl.inFiles = fl.since(b)
	}
	fl.mu.Unlock()
	return fl.forget(ctx, k, []string{b.member})
}
