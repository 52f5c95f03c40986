package geo

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"hyperlocal/cache"
)

// A driver's zone is known in two places, the zone's own keys and drivers:where, the
// second of which may lag behind.
//
// A change of zone is recorded in the new zone first, compared with a seed from
// the old one; the driver is unsettled there. Then he leaves the old zone, where
// his entry in last becomes a signpost: the fix that took him away, and the zone he
// went to. Then drivers:where is written. Then he is settled: as long as he is not,
// the next fix does all of it again, so it does not matter where a server dies.
// Whoever comes to an old zone by an outdated drivers:where, reader or recorder, finds
// the signpost. Signposts are forgotten after signpostTTL.
//
// So a fix of a driver who is settled in its zone needs nothing else.

//go:embed leave.lua
var leaveLua string

// leaveScript takes drivers out of a zone for another, whose record is written:
// that is not left half done, even at the memory limit.
var leaveScript = &cache.Script{Name: "leave", Lua: leaveLua, Go: leaveTwin, AllowOOM: true}

//go:embed settle.lua
var settleLua string

// settleScript says of drivers who came to a zone that all know of it; see
// settle.lua.
var settleScript = &cache.Script{Name: "settle", Lua: settleLua, Go: settleTwin, AllowOOM: true}

// signpostTTL is how long an old zone tells where a driver went, in ms.
const signpostTTL = 10 * 60 * 1000

// maxHops bounds how many signposts are followed. They point to ever newer
// fixes, so they cannot make a circle; this is for a driver who dashes about.
const maxHops = 4

func leaveTwin(tx cache.Tx, keys, args []string) cache.Value {
	zone, seen, last, gone := keys[0], keys[1], keys[2], keys[3]
	replies := make([]cache.Value, 0, len(args)/3)
	for a := 1; a+2 < len(args); a += 3 {
		driver, newest, to := args[a], args[a+1], args[a+2]
		old := tx.HGet(last, driver)
		if old.OK && (be64(old.Str) < be64(newest) || args[0] == tiesLeave && be64(old.Str) == be64(newest)) {
			tx.ZRem(zone, driver)
			tx.ZRem(seen, driver)
			tx.HSet(last, driver, newest+to)
			tx.ZAdd(gone, driver, float64(int64(be64(newest))+signpostTTL))
		}
		replies = append(replies, cache.String(old.Str))
	}
	return cache.List(replies...)
}

func settleTwin(tx cache.Tx, keys, args []string) cache.Value {
	last := tx.HFields(keys[0], args)
	for i := range args {
		entry := last.Get(i).Str
		if !present(entry) {
			continue
		}
		entry = entry[:fixSize]
		if _, in := tx.ZScore(keys[1], args[i]); in {
			last.Set(i, strings.Clone(entry))
		} else { // who came with an old fix may have been swept since
			last.Set(i, entry+asleep)
		}
	}
	return cache.Int(int64(len(args)))
}

// What the leave script does with a driver whose newest fix in the zone is as
// old as the one that takes it away.
const (
	tiesStay  = "0"
	tiesLeave = "1"
)

// move is one driver's change of zone.
type move struct {
	driver   int32  // in the batch
	group    int32  // in the batch
	from, to string // zones; from is empty if there was none
	newest   string // the compact fix that made the change
}

// findDrivers looks up where the drivers of the groups unknown stand, and gives
// each of those groups a seed: the newest fix there, to be compared with.
func (f *Fleet) findDrivers(ctx context.Context, b *batch) error {
	ids := make([]string, len(b.unknown))
	for i, g := range b.unknown {
		ids[i] = b.drivers[b.groups[g].driver].id
	}
	zones, err := zonesOf(ctx, f.engine, ids)
	if err != nil {
		return err
	}
	for i, z := range zones {
		g := &b.groups[b.unknown[i]]
		b.drivers[g.driver].zone, g.seed = z.Str, noSeed
	}
	return f.readSeeds(ctx, b)
}

// noSeed is the seed of a driver of whom no zone knows.
var noSeed = strings.Repeat("\xff", fixSize)

// readSeeds gives the groups unknown whose driver comes from another zone that
// zone's newest fix. It follows signposts.
func (f *Fleet) readSeeds(ctx context.Context, b *batch) error {
	var coming []int32
	for _, g := range b.unknown {
		d := &b.drivers[b.groups[g].driver]
		if d.zone != "" && d.zone != b.groups[g].zone.id {
			coming = append(coming, g)
		}
	}
	for hop := 0; hop < maxHops && len(coming) > 0; hop++ {
		var err error
		if coming, err = f.readSeedsOnce(ctx, b, coming); err != nil {
			return err
		}
	}
	return nil
}

// readSeedsOnce returns the groups whose driver turned out to be elsewhere.
func (f *Fleet) readSeedsOnce(ctx context.Context, b *batch, coming []int32) ([]int32, error) {
	which := make([]int32, len(coming))
	for i, g := range coming {
		which[i] = b.groups[g].driver
	}
	lasts, err := f.lastsOf(ctx, b.drivers, which)
	if err != nil {
		return nil, err
	}
	elsewhere := coming[:0]
	for i, gi := range coming {
		last := lasts[i].Str
		if len(last) < fixSize {
			continue
		}
		g := &b.groups[gi]
		if g.seed == noSeed || be64(last) > be64(g.seed) {
			g.seed = last[:fixSize]
		}
		if to := signpost(last); to != "" {
			b.drivers[g.driver].zone = to
			if to != g.zone.id {
				elsewhere = append(elsewhere, gi)
			}
		}
	}
	return elsewhere, nil
}

// lastsOf reads the entries of last of some of drivers, each in the zone that
// the driver is believed to be in, in the order of which.
func (f *Fleet) lastsOf(ctx context.Context, drivers []driver, which []int32) ([]cache.Optional, error) {
	byZone := map[string][]int{}
	for i, d := range which {
		zone := drivers[d].zone
		byZone[zone] = append(byZone[zone], i)
	}
	out := make([]cache.Optional, len(which))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for zone, at := range byZone {
		group.Go(func() error {
			ids := make([]string, len(at))
			for j, i := range at {
				ids[j] = drivers[which[i]].id
			}
			found, err := f.engine.HMGet(ctx, newZoneKeys(zone).last, ids...)
			for j, v := range found {
				out[at[j]] = v
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("newest fixes: %w", err)
	}
	return out, nil
}

// parallelReads bounds the reads that one question has under way.
const parallelReads = 32

// settle finishes changes of zone: drivers leave where they were, drivers:where
// follows, and then they are settled.
func (f *Fleet) settle(ctx context.Context, b *batch, outcomes []Outcome) error {
	if len(b.moves) == 0 {
		return nil
	}
	moves := b.moves
	for i := range moves {
		if m := &moves[i]; m.from == m.to { // a change that was cut short, or a driver who was forgotten
			m.from = ""
		}
	}
	open := moves
	for hop := 0; hop < maxHops && len(open) > 0; hop++ {
		olds, err := f.leave(ctx, b.drivers, open, tiesStay)
		if err != nil {
			return err
		}
		var back, further []move
		for i, old := range olds {
			if old == "" {
				continue
			}
			m := &open[i]
			b.correct(m.group, int64(be64(old)), outcomes)
			to := signpost(old)
			switch stays := be64(old) >= be64(m.newest); {
			case stays:
				back = append(back, m.back(old[:fixSize], cmp.Or(to, m.from)))
			case to != "" && to != m.to:
				m.from = to
				further = append(further, *m)
			}
		}
		if _, err := f.leave(ctx, b.drivers, back, tiesLeave); err != nil {
			return err
		}
		if err := f.arrive(ctx, b.drivers, back); err != nil {
			return err
		}
		settled := map[int32]bool{}
		for _, m := range back {
			settled[m.driver] = true
		}
		moves = slices.DeleteFunc(moves, func(m move) bool { return settled[m.driver] })
		open = further
	}
	return f.arrive(ctx, b.drivers, moves)
}

// back is the opposite of a move of which it turned out that another server saw
// a fix at least as new in another zone: there the driver stays.
func (m *move) back(newest, zone string) move {
	b := move{driver: m.driver, group: m.group, from: m.to, to: zone, newest: newest}
	if b.from == b.to {
		b.from = ""
	}
	return b
}

// correct makes late what was taken for the present for want of better
// knowledge, though the driver had a fix of time newest elsewhere.
func (b *batch) correct(group int32, newest int64, outcomes []Outcome) {
	for i := b.groups[group].first; i != none; i = b.fixes[i].next {
		w := &b.fixes[i]
		if o := &outcomes[w.index]; o.Verdict == Accepted && w.ts <= newest {
			if *o = late; w.ts == newest {
				*o = duplicateTS
			}
		}
	}
}

// leave runs the leave script for each move with a zone to leave. It returns,
// by move, the entry of last that the driver had there, or "".
func (f *Fleet) leave(ctx context.Context, drivers []driver, moves []move, ties string) ([]string, error) {
	olds := make([]string, len(moves))
	calls, members := []cache.Call(nil), [][]int(nil)
	byZone := map[string]int{}
	for i, m := range moves {
		if m.from == "" {
			continue
		}
		c, ok := byZone[m.from]
		if !ok {
			c = len(calls)
			byZone[m.from] = c
			k := newZoneKeys(m.from)
			calls = append(calls, cache.Call{Script: leaveScript, Keys: []string{k.zone, k.seen, k.last, k.gone}, Args: []string{ties}})
			members = append(members, nil)
		}
		calls[c].Args = append(calls[c].Args, drivers[m.driver].id, m.newest, m.to)
		members[c] = append(members[c], i)
	}
	if len(calls) == 0 {
		return olds, nil
	}
	for c, r := range f.engine.RunAll(ctx, calls) {
		if r.Err != nil {
			return nil, fmt.Errorf("leave zone: %w", r.Err)
		}
		for j, i := range members[c] {
			if j < len(r.Value.List) {
				olds[i] = r.Value.List[j].Str
			}
		}
	}
	return olds, nil
}

// arrive writes drivers:where, and then settles the drivers in their new zones.
func (f *Fleet) arrive(ctx context.Context, drivers []driver, moves []move) error {
	if len(moves) == 0 {
		return nil
	}
	ids := make([]string, len(moves))
	var settles []cache.Call
	byZone := map[string]int{}
	for i, m := range moves {
		d := &drivers[m.driver]
		d.zone, ids[i] = m.to, d.id
		c, ok := byZone[m.to]
		if !ok {
			c = len(settles)
			byZone[m.to] = c
			k := newZoneKeys(m.to)
			settles = append(settles, cache.Call{Script: settleScript, Keys: []string{k.last, k.zone}})
		}
		settles[c].Args = append(settles[c].Args, d.id)
	}
	if err := writeZones(ctx, f.engine, whereSet, ids, func(i int) string { return moves[i].to }); err != nil {
		return err
	}
	for _, r := range f.engine.RunAll(ctx, settles) {
		if r.Err != nil {
			return fmt.Errorf("settle drivers: %w", r.Err)
		}
	}
	return nil
}
