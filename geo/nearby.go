package geo

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"hyperlocal/cache"
)

// MaxRadiusM bounds NearbyQuery.RadiusM, in metres.
const MaxRadiusM = 100_000

// NearbyQuery asks for drivers around a place.
type NearbyQuery struct {
	Lat, Lon float64       // WGS 84 degrees, latitude within ±MaxLat
	RadiusM  float64       // more than 0, at most MaxRadiusM
	Limit    int           // the nearest so many; at least 1
	MaxAge   time.Duration // of a fix, by event time; never more than FleetOptions.StaleAfter, which is the default
}

// FieldError says which part of a question cannot be answered, by its name on
// the wire, and why.
type FieldError struct{ Field, Detail string }

// Error names the field and what is wrong with it.
func (e *FieldError) Error() string { return e.Field + ": " + e.Detail }

func (q *NearbyQuery) check() error {
	switch {
	case !(math.Abs(q.Lat) <= MaxLat):
		return &FieldError{badLat.Field, badLat.Detail}
	case !(math.Abs(q.Lon) <= 180):
		return &FieldError{badLon.Field, badLon.Detail}
	case !(q.RadiusM > 0 && q.RadiusM <= MaxRadiusM):
		return &FieldError{"radius_m", "must be above 0 and at most 100000"}
	case q.Limit < 1:
		return &FieldError{"limit", "must be at least 1"}
	}
	return nil
}

// Nearby returns the live drivers within a circle, nearest first. Distances are
// from the fixes themselves. An error is a *FieldError or wraps the engine's.
func (f *Fleet) Nearby(ctx context.Context, q NearbyQuery) ([]Position, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if q.MaxAge <= 0 || q.MaxAge > f.staleAfter {
		q.MaxAge = f.staleAfter
	}
	zones, err := f.activeAround(ctx, q)
	if err != nil {
		return nil, err
	}
	now := f.nowMS()
	found := make([][]Position, len(zones))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for i, zone := range zones {
		group.Go(func() (err error) {
			found[i], err = f.nearbyInZone(ctx, newZoneKeys(zone), q, now)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("nearby: %w", err)
	}
	all := newestOnly(slices.Concat(found...))
	slices.SortFunc(all, func(a, b Position) int {
		return cmp.Or(cmp.Compare(a.DistanceM, b.DistanceM), cmp.Compare(a.DriverID, b.DriverID))
	})
	return all[:min(q.Limit, len(all))], nil
}

// activeAround returns the zones that may hold drivers within the circle.
func (f *Fleet) activeAround(ctx context.Context, q NearbyQuery) ([]string, error) {
	const fewEnough = 8 // to ask them all, rather than which of them are in use
	zones := f.zones.Covering(q.Lat, q.Lon, q.RadiusM)
	if len(zones) <= fewEnough {
		return zones, nil
	}
	active, err := f.recentZones(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(zones, func(zone string) bool {
		_, ok := active[zone]
		return !ok
	}), nil
}

// nearbyInZone returns the zone's drivers within the circle: at least the
// nearest q.Limit of them, in no particular order.
func (f *Fleet) nearbyInZone(ctx context.Context, k *zoneKeys, q NearbyQuery, now int64) ([]Position, error) {
	// The engine measures on a larger sphere and from the centre of a cell; what
	// it finds too much is dropped below.
	search := cache.GeoQuery{Lat: q.Lat, Lon: q.Lon, RadiusM: q.RadiusM*1.0005 + 1}
	for search.Count = q.Limit + q.Limit/4 + 8; ; search.Count *= 4 {
		hits, err := f.engine.GeoSearch(ctx, k.zone, search)
		if err != nil || len(hits) == 0 {
			return nil, err
		}
		ids := make([]string, len(hits))
		for i, h := range hits {
			ids[i] = h.Name
		}
		found, err := f.inZone(ctx, k, ids, now)
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(p Position) bool {
			return p.AgeMS > q.MaxAge.Milliseconds()
		})
		for i := range found {
			found[i].DistanceM = Distance(q.Lat, q.Lon, found[i].Lat, found[i].Lon)
		}
		found = slices.DeleteFunc(found, func(p Position) bool { return p.DistanceM > q.RadiusM })
		if len(found) >= q.Limit || len(hits) < search.Count {
			return found, nil
		}
	}
}

// newestOnly keeps each driver's newest position: one may stand in two zones
// for a moment.
func newestOnly(ps []Position) []Position {
	at := make(map[string]int, len(ps))
	out := ps[:0]
	for _, p := range ps {
		if i, ok := at[p.DriverID]; ok {
			if p.TS > out[i].TS {
				out[i] = p
			}
			continue
		}
		at[p.DriverID] = len(out)
		out = append(out, p)
	}
	return out
}
