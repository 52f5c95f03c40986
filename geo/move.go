package geo

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"hyperlocal/cache"
)

// A driver's zone is known in three places, each of which may lag behind the
// one before it: the zone's own keys, driver:<id>, and this process's cache.
//
// A change of zone is recorded in the new zone first, compared with a seed from
// the old one. Then the driver leaves the old zone, where its entry in last
// becomes a signpost: the fix that took it away, and the zone it went to. Then
// driver:<id> is written, and the cache. Whoever comes to an old zone by an
// outdated hint, reader or recorder, finds the signpost, and it makes late
// fixes late there, too. Signposts are forgotten after signpostTTL; from then
// on the record script's reply "was not in this zone before" makes the recorder
// ask driver:<id> again.

//go:embed leave.lua
var leaveLua string

// leaveScript takes drivers out of a zone for another.
var leaveScript = &cache.Script{Name: "leave", Lua: leaveLua, Go: leaveTwin}

// pointScript sets driver:<id>. It is a script so that many drivers' make one
// round trip.
var pointScript = &cache.Script{
	Name: "point",
	Lua:  `redis.call('SET', KEYS[1], ARGV[1]) return 1`,
	Go: func(tx cache.Tx, keys, args []string) cache.Value {
		tx.Set(keys[0], args[0], 0)
		return cache.Int(1)
	},
}

// signpostTTL is how long an old zone tells where a driver went, in ms.
const signpostTTL = 10 * 60 * 1000

// maxHops bounds how many signposts are followed. They point to ever newer
// fixes, so they cannot make a circle; this is for a driver who dashes about.
const maxHops = 4

func leaveTwin(tx cache.Tx, keys, args []string) cache.Value {
	zone, seen, last, gone := keys[0], keys[1], keys[2], keys[3]
	replies := make([]cache.Value, 0, len(args)/3)
	for a := 0; a+2 < len(args); a += 3 {
		driver, newest, to := args[a], args[a+1], args[a+2]
		old := tx.HGet(last, driver)
		ts := int64(be64(newest))
		reply := ""
		switch {
		case !old.OK:
		case int64(be64(old.Str)) > ts:
			reply = old.Str
		default:
			tx.ZRem(zone, driver)
			tx.ZRem(seen, driver)
			tx.HSet(last, driver, newest+to)
			tx.ZAdd(gone, driver, float64(ts+signpostTTL))
		}
		replies = append(replies, cache.String(reply))
	}
	return cache.List(replies...)
}

// move is one driver's change of zone.
type move struct {
	driver   int32  // in the batch
	from, to string // zones; from is empty if there was none
	newest   string // the compact fix that made the change
}

// findDrivers looks up where the batch's drivers stand: in this process's
// cache, and the others in the engine, in one call.
func (f *Fleet) findDrivers(ctx context.Context, b *batch) error {
	var missing []int32
	for i := range b.drivers {
		d := &b.drivers[i]
		if zone, ok := f.drivers.GetIfPresent(d.id); ok {
			d.zone = zone
		} else {
			missing = append(missing, int32(i))
		}
	}
	zones, err := f.pointers(ctx, b.drivers, missing)
	if err != nil {
		return err
	}
	for i, z := range zones {
		d := &b.drivers[missing[i]]
		if d.zone = z.Str; z.OK {
			f.drivers.Set(d.id, z.Str)
		}
	}
	return nil
}

// pointers reads driver:<id> of some of drivers.
func (f *Fleet) pointers(ctx context.Context, drivers []driver, which []int32) ([]cache.Optional, error) {
	if len(which) == 0 {
		return nil, nil
	}
	keys := make([]string, len(which))
	for i, d := range which {
		keys[i] = driverPrefix + drivers[d].id
	}
	zones, err := f.engine.MGet(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("zones of drivers: %w", err)
	}
	return zones, nil
}

// readSeeds gives the groups of the wave whose driver comes from another zone
// that zone's newest fix, to be compared with. It follows signposts.
func (f *Fleet) readSeeds(ctx context.Context, b *batch) error {
	var coming []int32
	for _, g := range b.wave {
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
		if g.seed == "" || be64(last) > be64(g.seed) {
			g.seed = last[:seedSize]
		}
		if to := last[fixSize:]; to != "" {
			d := &b.drivers[g.driver]
			d.zone = to
			f.drivers.Set(d.id, to)
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

// settle finishes changes of zone: drivers leave where they were, and
// driver:<id> follows.
func (f *Fleet) settle(ctx context.Context, drivers []driver, moves []move) error {
	if len(moves) == 0 {
		return nil
	}
	moves, err := f.askAgain(ctx, drivers, moves)
	if err != nil {
		return err
	}
	kept, err := f.leave(ctx, drivers, moves)
	if err != nil {
		return err
	}
	// Another server saw a newer fix in the zone that was to be left: there the
	// driver stays, and leaves the zone of this one.
	var back []move
	for i, newer := range kept {
		if m := &moves[i]; newer != "" {
			to := m.from
			if len(newer) > fixSize {
				to = newer[fixSize:]
			}
			back = append(back, move{driver: m.driver, from: m.to, to: to, newest: newer[:fixSize]})
			m.to = to
		}
	}
	for i := range back {
		if back[i].from == back[i].to {
			back[i].from = ""
		}
	}
	if _, err := f.leave(ctx, drivers, back); err != nil {
		return err
	}
	return f.point(ctx, drivers, moves)
}

// askAgain reads driver:<id> of those who entered a zone that they were
// believed to be in: the belief was outdated.
func (f *Fleet) askAgain(ctx context.Context, drivers []driver, moves []move) ([]move, error) {
	var which, at []int32
	for i, m := range moves {
		if m.from == m.to {
			which, at = append(which, m.driver), append(at, int32(i))
		}
	}
	zones, err := f.pointers(ctx, drivers, which)
	if err != nil {
		return nil, err
	}
	for i, z := range zones {
		m := &moves[at[i]]
		if m.from = z.Str; z.Str == m.to {
			m.from = ""
		}
	}
	return moves, nil
}

// leave runs the leave script for each move with a zone to leave. It returns,
// by move, the newer entry of last that kept the driver there, or "".
func (f *Fleet) leave(ctx context.Context, drivers []driver, moves []move) ([]string, error) {
	kept := make([]string, len(moves))
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
			calls = append(calls, cache.Call{Script: leaveScript, Keys: []string{k.zone, k.seen, k.last, k.gone}})
			members = append(members, nil)
		}
		calls[c].Args = append(calls[c].Args, drivers[m.driver].id, m.newest, m.to)
		members[c] = append(members[c], i)
	}
	if len(calls) == 0 {
		return kept, nil
	}
	for c, r := range f.engine.RunAll(ctx, calls) {
		if r.Err != nil {
			return nil, fmt.Errorf("leave zone: %w", r.Err)
		}
		for j, i := range members[c] {
			if j < len(r.Value.List) {
				kept[i] = strings.Clone(r.Value.List[j].Str)
			}
		}
	}
	return kept, nil
}

// point writes driver:<id> and the cache.
func (f *Fleet) point(ctx context.Context, drivers []driver, moves []move) error {
	calls := make([]cache.Call, len(moves))
	for i, m := range moves {
		calls[i] = cache.Call{Script: pointScript, Keys: []string{driverPrefix + drivers[m.driver].id}, Args: []string{m.to}}
	}
	for i, r := range f.engine.RunAll(ctx, calls) {
		if r.Err != nil {
			return fmt.Errorf("zone of driver: %w", r.Err)
		}
		d := &drivers[moves[i].driver]
		d.zone = moves[i].to
		f.drivers.Set(d.id, d.zone)
	}
	return nil
}
