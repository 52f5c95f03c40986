package geo

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"time"

	"hyperlocal/cache"
)

//go:embed sweep.lua
var sweepLua string

// sweepScript keeps a zone's present fresh; see sweep.lua.
var sweepScript = &cache.Script{Name: "sweep", Lua: sweepLua, Go: sweepTwin}

const (
	// sweepPage bounds what one run of the script handles, and so for how long
	// it holds the zone.
	sweepPage = 1000
	// clockSlack is added where servers' clocks are compared, ms.
	clockSlack = 60_000
)

func sweepTwin(tx cache.Tx, keys, args []string) cache.Value {
	zone, seen, last, gone := keys[0], keys[1], keys[2], keys[3]
	number := func(i int) float64 {
		n, _ := strconv.ParseInt(args[i], 10, 64) // our own digits
		return float64(n)
	}
	limit, stale := int(number(3)), 0
	behind := tx.ZRangeByScore(seen, cache.ScoreRange{Min: math.Inf(-1), Max: number(0) + 1, MaxOpen: true, Limit: limit})
	for _, m := range behind {
		newest := math.Floor(m.Score) // see setApart
		entry := tx.HGet(last, m.Name).Str
		if present(entry) {
			newest = float64(be64(entry))
		}
		if newest > number(0) {
			tx.ZAdd(seen, m.Name, newest)
			continue
		}
		tx.ZRem(zone, m.Name)
		tx.ZRem(seen, m.Name)
		tx.ZAdd(gone, m.Name, newest+number(2))
		if len(entry) == fixSize {
			tx.HSet(last, m.Name, entry+asleep)
		}
		stale++
	}
	old := tx.ZRangeByScore(gone, cache.ScoreRange{Min: math.Inf(-1), Max: number(1), Limit: limit})
	reply := []cache.Value{cache.Int(int64(stale)), cache.Int(int64(max(len(behind), len(old))))}
	for _, m := range old {
		if present(tx.HGet(last, m.Name).Str) {
			reply = append(reply, cache.String(m.Name))
		}
		tx.HDel(last, m.Name)
		tx.ZRem(gone, m.Name)
	}
	return cache.List(reply...)
}

// Sweep takes drivers whose newest fix is older than StaleAfter, by event time,
// out of their zones, and forgets what is too old to matter. It returns how
// many drivers went stale. Any number of servers may sweep at once.
func (f *Fleet) Sweep(ctx context.Context) (int, error) {
	members, err := readActiveZones(ctx, f.engine)
	if err != nil {
		return 0, fmt.Errorf("sweep: %w", err)
	}
	now := f.nowMS()
	zones := make([]*zoneKeys, len(members))
	for i, m := range members {
		zones[i] = newZoneKeys(m.Name)
	}
	stale := 0
	for len(zones) > 0 {
		n, more, err := f.sweepOnce(ctx, zones, now)
		stale += n
		if err != nil {
			return stale, fmt.Errorf("sweep: %w", err)
		}
		zones = more
	}
	return stale, f.retireZones(ctx, members, now)
}

// sweepOnce sweeps zones, and returns those that need another run.
func (f *Fleet) sweepOnce(ctx context.Context, zones []*zoneKeys, now int64) (stale int, more []*zoneKeys, err error) {
	args := []string{
		strconv.FormatInt(now-f.staleAfter.Milliseconds()-1, 10),
		strconv.FormatInt(now, 10),
		strconv.FormatInt(f.limits.MaxAge.Milliseconds()+clockSlack, 10),
		strconv.Itoa(sweepPage),
	}
	calls := make([]cache.Call, len(zones))
	for i, k := range zones {
		calls[i] = cache.Call{Script: sweepScript, Keys: []string{k.zone, k.seen, k.last, k.gone}, Args: args}
	}
	for i, r := range f.engine.RunAll(ctx, calls) {
		if r.Err != nil {
			return stale, nil, r.Err
		}
		if len(r.Value.List) < 2 {
			return stale, nil, fmt.Errorf("zone %s: the script's reply is too short", zones[i].id)
		}
		stale += int(r.Value.List[0].Int)
		if r.Value.List[1].Int == sweepPage {
			more = append(more, zones[i])
		}
		if err := f.dropPointers(ctx, zones[i], r.Value.List[2:]); err != nil {
			return stale, nil, err
		}
	}
	return stale, more, nil
}

// dropPointers removes forgotten drivers from drivers:where if that names the zone
// that forgot them.
func (f *Fleet) dropPointers(ctx context.Context, k *zoneKeys, names []cache.Value) error {
	if len(names) == 0 {
		return nil
	}
	ids := make([]string, len(names))
	for i, n := range names {
		ids[i] = n.Str
	}
	here := func(int) string { return k.id }
	if err := writeZones(ctx, f.engine, whereDrop, ids, here); err != nil {
		return err
	}
	// One who came back to the zone just now may have been written before that.
	lasts, err := f.engine.HMGet(ctx, k.last, ids...)
	if err != nil {
		return err
	}
	back := ids[:0]
	for i, last := range lasts {
		if present(last.Str) {
			back = append(back, ids[i])
		}
	}
	return writeZones(ctx, f.engine, whereKeep, back, here)
}

// retireZones takes zones without anything in them off the index of active
// ones. members are in order of activity.
func (f *Fleet) retireZones(ctx context.Context, members []cache.Member, now int64) error {
	for _, m := range members {
		if int64(m.Score) > now-f.limits.MaxAge.Milliseconds()-2*clockSlack {
			return nil
		}
		k := newZoneKeys(m.Name)
		empty, err := f.emptyZone(ctx, k)
		if err == nil && empty {
			err = f.retireZone(ctx, k, now)
		}
		if err != nil {
			return fmt.Errorf("retire zone %s: %w", k.id, err)
		}
	}
	return nil
}

func (f *Fleet) retireZone(ctx context.Context, k *zoneKeys, now int64) error {
	if _, err := f.engine.ZRem(ctx, zonesKey, k.id); err != nil {
		return err
	}
	// A fix that came meanwhile may have been indexed before the removal.
	empty, err := f.emptyZone(ctx, k)
	if err == nil && !empty {
		_, err = f.engine.ZAdd(ctx, zonesKey, cache.Member{Name: k.id, Score: float64(now)})
	}
	return err
}

func (f *Fleet) emptyZone(ctx context.Context, k *zoneKeys) (bool, error) {
	n, err := f.engine.Exists(ctx, k.last, k.buckets, k.sealeds)
	return n == 0, err
}

// RunSweeper sweeps every so often until ctx ends. Failures are logged, and
// tried again at the next turn.
func (f *Fleet) RunSweeper(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := f.Sweep(ctx); err != nil && ctx.Err() == nil {
				f.logger.WarnContext(ctx, "stale drivers could not be swept", "error", err)
			}
		}
	}
}
