package geo

import (
	"context"
	"encoding/binary"
	"fmt"

	"hyperlocal/cache"
)

// Record judges fixes and records those that belong to the present or to
// history. The outcomes are in the order of the fixes, and of two fixes of one
// driver the first is recorded first.
//
// An error means that the engine could not be asked, and wraps the engine's.
// Some of the fixes may have been recorded: sending all of them again is
// harmless, since what was recorded is a duplicate then. It only reads fixes, which
// others may do meanwhile.
func (f *Fleet) Record(ctx context.Context, fixes []Fix) ([]Outcome, error) {
	b := f.batches.Get().(*batch)
	defer func() {
		b.reset()
		f.batches.Put(b)
	}()
	outcomes := make([]Outcome, len(fixes))
	now, zones := f.nowMS(), f.zoning.Load()
	for i := range fixes {
		fix := &fixes[i]
		if outcomes[i] = f.limits.check(fix, now); outcomes[i].Verdict != Accepted {
			continue
		}
		if lon := oneMeridian(fix.Lon); lon != fix.Lon {
			moved := *fix
			moved.Lon, fix = lon, &moved
		}
		b.add(i, fix, f.keysAt(zones, fix.Lat, fix.Lon))
	}
	for len(b.wave) > 0 {
		if err := f.recordWave(ctx, b, outcomes, now); err != nil {
			return nil, err
		}
		b.nextWave()
	}
	return outcomes, nil
}

// batch is the working memory of one Record. Its fixes are arranged in groups,
// consecutive ones of one driver in one zone. A driver's first groups make the
// first wave, its second ones the next: each wave is recorded at once, and
// settles changes of zone before the next begins.
type batch struct {
	byID     map[string]int32
	drivers  []driver
	fixes    []wireFix
	groups   []group
	wave     []int32 // groups
	next     []int32
	unknown  []int32 // groups of the wave whose drivers are not settled in their zone
	believed []int32 // groups of the wave to be recorded though they are implausible

	byZone map[*zoneKeys]int32
	zones  []zoneBatch
	calls  []cache.Call
	moves  []move
	buf    []byte
}

type driver struct {
	id   string
	zone string // where the driver stood before the wave, if that was asked; empty if nowhere
	last int32  // its newest group
}

// wireFix is a fix in the form that the script takes, without its bucket.
type wireFix struct {
	index  int32 // among the fixes of the call
	next   int32 // in the group, or none
	ts     int64
	wire   [wireFixSize - 2]byte
	flags  uint16 // believed, or 0
	joined bool   // a run of the script has recorded it
}

type group struct {
	driver      int32
	zone        *zoneKeys
	first, last int32 // fixes
	next        int32 // the driver's next group, or none
	seed        string
}

// zoneBatch is one zone's part of a wave.
type zoneBatch struct {
	keys   *zoneKeys
	groups []int32
	starts []int64 // of the buckets in use
	ends   []int   // of the groups' data, while the call is made
	call   cache.Call
}

const none = -1

func newBatch() *batch {
	return &batch{byID: map[string]int32{}, byZone: map[*zoneKeys]int32{}}
}

// maxKeptBatch bounds the working memory that waits for the next call.
const maxKeptBatch = 4096

func (b *batch) reset() {
	if len(b.fixes) > maxKeptBatch {
		*b = *newBatch()
		return
	}
	clear(b.byID)
	clear(b.drivers)
	clear(b.groups)
	b.drivers, b.fixes, b.groups = b.drivers[:0], b.fixes[:0], b.groups[:0]
	b.wave, b.next = b.wave[:0], b.next[:0]
	b.resetCalls()
	b.unknown, b.believed = b.unknown[:0], b.believed[:0]
}

// resetCalls prepares for the next run of scripts.
func (b *batch) resetCalls() {
	clear(b.byZone)
	clear(b.calls)
	clear(b.moves)
	b.zones, b.calls, b.moves = b.zones[:0], b.calls[:0], b.moves[:0]
}

func (b *batch) nextWave() {
	b.next = b.next[:0]
	for _, g := range b.wave {
		if n := b.groups[g].next; n != none {
			b.next = append(b.next, n)
		}
	}
	b.wave, b.next = b.next, b.wave
	b.unknown, b.believed = b.unknown[:0], b.believed[:0]
}

// add puts a fix that passed check into its driver's newest group, or a new one
// if the zone changes.
func (b *batch) add(index int, f *Fix, zone *zoneKeys) {
	n := int32(len(b.fixes))
	b.fixes = append(b.fixes, wireFix{index: int32(index), next: none, ts: f.TS})
	w := &b.fixes[n]
	binary.BigEndian.PutUint64(appendFix(w.wire[:0], f)[fixSize:fixSize+8], Score(f.Lat, f.Lon))

	d, known := b.byID[f.DriverID]
	if !known {
		d = int32(len(b.drivers))
		b.byID[f.DriverID] = d
		b.drivers = append(b.drivers, driver{id: f.DriverID, last: none})
	}
	last := b.drivers[d].last
	if last != none && b.groups[last].zone == zone {
		g := &b.groups[last]
		b.fixes[g.last].next, g.last = n, n
		return
	}
	g := int32(len(b.groups))
	b.groups = append(b.groups, group{driver: d, zone: zone, first: n, last: n, next: none})
	b.drivers[d].last = g
	if last == none {
		b.wave = append(b.wave, g)
	} else {
		b.groups[last].next = g
	}
}

// recordWave records the first group of each driver that still has one. Nearly
// always the driver stands in the zone already, and nothing has to be asked before.
// For the others a second run follows, with what is known of where they come from.
func (f *Fleet) recordWave(ctx context.Context, b *batch, outcomes []Outcome, now int64) error {
	if err := f.runGroups(ctx, b, b.wave, outcomes, now); err != nil {
		return err
	}
	if len(b.unknown) > 0 {
		if err := f.findDrivers(ctx, b); err != nil {
			return err
		}
		if err := f.runGroups(ctx, b, b.unknown, outcomes, now); err != nil {
			return err
		}
	}
	if b.believed = f.suspects.review(b, outcomes, b.believed); len(b.believed) > 0 {
		if err := f.runGroups(ctx, b, b.believed, outcomes, now); err != nil {
			return err
		}
	}
	return nil
}

// runGroups records groups of different drivers.
func (f *Fleet) runGroups(ctx context.Context, b *batch, groups []int32, outcomes []Outcome, now int64) error {
	b.resetCalls()
	for _, g := range groups {
		b.zoneOf(b.groups[g].zone).add(g)
	}
	// First the index, then the fixes: what is recorded can always be found.
	if err := f.touchZones(ctx, b.zones, now); err != nil {
		return err
	}
	for i := range b.zones {
		f.buildCall(b, &b.zones[i])
		b.calls = append(b.calls, b.zones[i].call)
	}
	for i, r := range f.engine.RunAll(ctx, b.calls) {
		if r.Err != nil {
			return fmt.Errorf("record: %w", r.Err)
		}
		if err := b.read(&b.zones[i], r.Value.Str, outcomes); err != nil {
			return err
		}
	}
	return f.settle(ctx, b, outcomes)
}

// zoneOf returns the zone's part of the wave.
func (b *batch) zoneOf(k *zoneKeys) *zoneBatch {
	if i, ok := b.byZone[k]; ok {
		return &b.zones[i]
	}
	n := len(b.zones)
	b.byZone[k] = int32(n)
	if n < cap(b.zones) { // an old one's slices are worth keeping
		b.zones = b.zones[:n+1]
		z := &b.zones[n]
		z.groups, z.starts, z.ends = z.groups[:0], z.starts[:0], z.ends[:0]
		z.call.Keys, z.call.Args = z.call.Keys[:0], z.call.Args[:0]
	} else {
		b.zones = append(b.zones, zoneBatch{})
	}
	b.zones[n].keys = k
	return &b.zones[n]
}

func (z *zoneBatch) add(g int32) { z.groups = append(z.groups, g) }

// buildCall makes the zone's call of the record script; see record.lua.
func (f *Fleet) buildCall(b *batch, z *zoneBatch) {
	k := z.keys
	z.call.Script = recordScript
	z.call.Keys = append(z.call.Keys, k.zone, k.seen, k.last, k.gone, k.buckets)
	z.call.Args = append(z.call.Args, f.maxSpeed, f.window, f.bucketLen)
	buf, args := b.buf[:0], len(z.call.Args)
	for _, gi := range z.groups {
		g := &b.groups[gi]
		buf = append(buf, g.seed...)
		for i := g.first; i != none; i = b.fixes[i].next {
			w := &b.fixes[i]
			buf = append(buf, w.wire[:]...)
			buf = binary.BigEndian.AppendUint16(buf, z.bucket(w.ts-w.ts%f.bucketMS)|w.flags)
		}
		z.call.Args = append(z.call.Args, b.drivers[g.driver].id, "")
		z.ends = append(z.ends, len(buf))
	}
	all, begin := string(buf), 0 // one allocation for all of them
	for i, end := range z.ends {
		z.call.Args[args+2*i+1] = all[begin:end]
		begin = end
	}
	b.buf = buf
}

// bucket returns the number of a bucket's key among the call's, adding it if
// need be. Backlogs come in order, so the newest is asked first.
func (z *zoneBatch) bucket(start int64) uint16 {
	for i := len(z.starts) - 1; i >= 0; i-- {
		if z.starts[i] == start {
			return uint16(i)
		}
	}
	z.starts = append(z.starts, start)
	z.call.Keys = append(z.call.Keys, z.keys.bucketKey(start))
	return uint16(len(z.starts) - 1)
}

// read turns the script's reply into outcomes, and notes who came to the zone and
// who is not known there. What was recorded by a run before stays as it was said.
func (b *batch) read(z *zoneBatch, reply string, outcomes []Outcome) error {
	for _, gi := range z.groups {
		g := &b.groups[gi]
		entered, newest := false, int32(none)
		for i := g.first; i != none; i = b.fixes[i].next {
			if reply == "" {
				return fmt.Errorf("record: %s: the script's reply is too short", z.keys.id)
			}
			got := reply[0]
			reply = reply[1:]
			if got == gotUnknown {
				b.unknown = append(b.unknown, gi)
				reply = reply[b.rest(i):]
				break
			}
			if w := &b.fixes[i]; !w.joined {
				outcomes[w.index] = outcomeOf(got)
				w.joined = outcomes[w.index].Verdict.Joined()
			}
			switch got {
			case gotEntered:
				entered = true
				fallthrough
			case gotAccepted, gotStill:
				newest = i
			}
		}
		if entered {
			d := &b.drivers[g.driver]
			b.moves = append(b.moves, move{
				driver: g.driver, group: gi, from: d.zone, to: g.zone.id,
				newest: string(b.fixes[newest].wire[:fixSize]),
			})
		}
	}
	return nil
}

// rest is the number of fixes behind this one in its group.
func (b *batch) rest(i int32) (n int) {
	for i = b.fixes[i].next; i != none; i = b.fixes[i].next {
		n++
	}
	return n
}

func outcomeOf(got byte) Outcome {
	switch got {
	case gotEntered, gotAccepted:
		return accepted
	case gotStill:
		return stationary
	case gotLate:
		return late
	case gotDuplicate:
		return duplicateTS
	case gotElsewhere:
		return duplicateElsewhere
	case gotFull:
		return bucketFull
	}
	return implausibleAt
}
