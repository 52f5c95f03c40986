package geo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"hyperlocal/cache"
)

// ErrUnknownDriver says that the engine knows nothing of the driver, or nothing of the
// last Limits.MaxAge.
var ErrUnknownDriver = errors.New("unknown driver")

// Position is a driver's newest fix as readers see it. The measures are
// Unknown where the phone did not give them.
type Position struct {
	DriverID   string
	Lat, Lon   float64 // WGS 84 degrees, to 1e-7
	TS         int64   // ms since 1970
	AgeMS      int64   // by the server's clock; negative if the phone's is ahead
	SpeedMPS   float32
	BearingDeg float32
	AccuracyM  float32
	Battery    float32
	Mock       bool // the phone said that an app made the position up
	Busy       bool // the driver takes no orders
	Zone       string
	DistanceM  float64 // from the place asked for; 0 without one
	Stale      bool    // older than FleetOptions.StaleAfter
}

// position makes a Position of an entry of last. ok is false for a signpost
// and for what is no fix.
func (f *Fleet) position(driver, zone, last string, now int64) (p Position, ok bool) {
	if !present(last) {
		return Position{}, false
	}
	fix, ok := decodeFix(driver, last)
	age := now - fix.TS
	return Position{
		DriverID: driver, Lat: fix.Lat, Lon: fix.Lon, TS: fix.TS, AgeMS: age,
		SpeedMPS: fix.SpeedMPS, BearingDeg: fix.BearingDeg, AccuracyM: fix.AccuracyM, Battery: fix.Battery, Mock: fix.Mock, Busy: fix.Busy,
		Zone: zone, Stale: age > f.staleAfter.Milliseconds(),
	}, ok
}

// Driver returns a driver's newest fix, however old, or ErrUnknownDriver.
func (f *Fleet) Driver(ctx context.Context, id string) (Position, error) {
	ps, err := f.Positions(ctx, []string{id})
	if err != nil {
		return Position{}, err
	}
	if len(ps) == 0 {
		return Position{}, fmt.Errorf("%w: %q", ErrUnknownDriver, id)
	}
	return ps[0], nil
}

// Positions returns the newest fixes of drivers, however old, in the order of
// ids. Unknown drivers are left out.
func (f *Fleet) Positions(ctx context.Context, ids []string) ([]Position, error) {
	zones, err := zonesOf(ctx, f.engine, ids)
	if err != nil {
		return nil, err
	}
	drivers := make([]driver, len(ids))
	lasts := make([]string, len(ids))
	var open []int32
	for i, z := range zones {
		drivers[i].id = ids[i]
		if drivers[i].zone = z.Str; z.OK {
			open = append(open, int32(i))
		}
	}
	for hop := 0; hop <= maxHops && len(open) > 0; hop++ {
		found, err := f.lastsOf(ctx, drivers, open)
		if err != nil {
			return nil, err
		}
		moved := open[:0]
		for j, i := range open {
			lasts[i] = found[j].Str
			if to := signpost(lasts[i]); to != "" {
				drivers[i].zone = to
				moved = append(moved, i)
			}
		}
		open = moved
	}
	now := f.nowMS()
	out := make([]Position, 0, len(ids))
	for i, d := range drivers {
		if p, ok := f.position(d.id, d.zone, lasts[i], now); ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// InZone returns at most limit live drivers of a zone, newest fix first. Of more than
// limit, the newest are chosen to within seenEvery.
func (f *Fleet) InZone(ctx context.Context, zone string, limit int) ([]Position, error) {
	k := newZoneKeys(zone)
	now := f.nowMS()
	members, err := f.engine.ZRangeByScore(ctx, k.seen, cache.ScoreRange{
		Min: float64(now - f.staleAfter.Milliseconds() - seenEvery), Max: math.Inf(1), Reverse: true, Limit: limit,
	})
	if err != nil {
		return nil, fmt.Errorf("drivers of zone %s: %w", zone, err)
	}
	live, err := f.ofMembers(ctx, k, members, now)
	live = slices.DeleteFunc(live, func(p Position) bool { return p.Stale })
	slices.SortStableFunc(live, func(a, b Position) int { return cmp.Compare(b.TS, a.TS) })
	return live, err
}

// MovedSince returns drivers of a zone whose newest fix is of sinceMS or later, by
// event time, in pages: of about limit drivers each, or without a bound if limit is 0.
// The first page is that of cursor 0, and next is the following one's; it is 0 behind
// the last. A driver who moves meanwhile may be there twice.
//
// A fix may have been under way for long. Whoever wants those too asks from some time
// ago, and drops, by driver, what is not newer than what it has.
func (f *Fleet) MovedSince(ctx context.Context, zone string, sinceMS, cursor int64, limit int) (moved []Position, next int64, err error) {
	k := newZoneKeys(zone)
	from := max(cursor, sinceMS-seenEvery)
	members, err := f.engine.ZRangeByScore(ctx, k.seen, cache.ScoreRange{Min: float64(from), Max: math.Inf(1), Limit: limit})
	if err == nil && limit > 0 && len(members) == limit {
		members, err = f.completeTies(ctx, k.seen, members)
		next = int64(members[len(members)-1].Score) + 1
	}
	if err != nil {
		return nil, 0, fmt.Errorf("moved in zone %s: %w", zone, err)
	}
	moved, err = f.ofMembers(ctx, k, members, f.nowMS())
	return slices.DeleteFunc(moved, func(p Position) bool { return p.TS < sinceMS }), next, err
}

// completeTies replaces the members of the last millisecond by all of it.
func (f *Fleet) completeTies(ctx context.Context, key string, members []cache.Member) ([]cache.Member, error) {
	last := math.Floor(members[len(members)-1].Score)
	ties, err := f.engine.ZRangeByScore(ctx, key, cache.ScoreRange{Min: last, Max: last + 1, MaxOpen: true})
	n := len(members)
	for n > 0 && members[n-1].Score >= last {
		n--
	}
	return append(members[:n], ties...), err
}

// ofMembers reads the newest fixes of members of a zone, in their order.
func (f *Fleet) ofMembers(ctx context.Context, k *zoneKeys, members []cache.Member, now int64) ([]Position, error) {
	if len(members) == 0 {
		return nil, nil
	}
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.Name
	}
	return f.inZone(ctx, k, ids, now)
}

// inZone reads the newest fixes of drivers of a zone, in the order of ids.
func (f *Fleet) inZone(ctx context.Context, k *zoneKeys, ids []string, now int64) ([]Position, error) {
	lasts, err := f.engine.HMGet(ctx, k.last, ids...)
	if err != nil {
		return nil, fmt.Errorf("newest fixes in zone %s: %w", k.id, err)
	}
	out := make([]Position, 0, len(ids))
	for i, last := range lasts {
		if p, ok := f.position(ids[i], k.id, last.Str, now); ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// ZoneSummary is a zone with the number of its live drivers.
type ZoneSummary struct {
	Zone    string
	Name    string // empty for geohash cells
	Drivers int64
}

// ZoneSummaries returns the zones of the file in its order, then the geohash
// cells in use. A driver who went stale is counted until the next sweep.
func (f *Fleet) ZoneSummaries(ctx context.Context) ([]ZoneSummary, error) {
	active, err := f.recentZones(ctx)
	if err != nil {
		return nil, err
	}
	zones := f.Zones()
	out := make([]ZoneSummary, 0, len(zones.zones)+len(active))
	for _, z := range zones.zones {
		out = append(out, ZoneSummary{Zone: z.ID, Name: z.Name})
	}
	for _, zone := range sortedKeys(active) {
		if _, ok := zones.byID[zone]; !ok {
			out = append(out, ZoneSummary{Zone: zone})
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for i := range out {
		if _, ok := active[out[i].Zone]; !ok {
			continue
		}
		group.Go(func() (err error) {
			out[i].Drivers, err = f.engine.ZCard(ctx, newZoneKeys(out[i].Zone).zone)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("zone summaries: %w", err)
	}
	return out, nil
}
