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
	Lat, Lon  float64       // WGS 84 degrees, latitude within ±MaxLat
	RadiusM   float64       // at most MaxRadiusM; 0: the nearest wherever they are
	Limit     int           // the nearest so many; at least 1
	MaxAge    time.Duration // of a fix, by event time; never more than FleetOptions.StaleAfter, which is the default
	Available bool          // leave out those who are busy
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
	case !(q.RadiusM >= 0 && q.RadiusM <= MaxRadiusM):
		return &FieldError{"radius_m", "must be above 0 and at most 100000, or not be there"}
	case q.Limit < 1:
		return &FieldError{"limit", "must be at least 1"}
	}
	return nil
}

// Nearby returns the live drivers within a circle, or wherever they are, nearest
// first. Distances are from the fixes themselves. An error is a *FieldError or wraps
// the engine's.
func (f *Fleet) Nearby(ctx context.Context, q NearbyQuery) ([]Position, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if q.MaxAge <= 0 || q.MaxAge > f.staleAfter {
		q.MaxAge = f.staleAfter
	}
	q.Lon = oneMeridian(q.Lon)
	now := f.nowMS()
	if q.RadiusM == 0 {
		return f.nearest(ctx, q, now)
	}
	zones, err := f.activeAround(ctx, q)
	if err != nil {
		return nil, err
	}
	found, err := f.nearbyInZones(ctx, zones, q, now)
	return nearestOf(found, q.Limit), err
}

// nearbyInZones returns what nearbyInZone does for each of several zones.
func (f *Fleet) nearbyInZones(ctx context.Context, zones []string, q NearbyQuery, now int64) ([]Position, error) {
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
	return slices.Concat(found...), nil
}

// nearestOf returns the nearest of positions, each driver's newest one.
func nearestOf(ps []Position, limit int) []Position {
	all := newestOnly(ps)
	slices.SortFunc(all, func(a, b Position) int {
		return cmp.Or(cmp.Compare(a.DistanceM, b.DistanceM), cmp.Compare(a.DriverID, b.DriverID))
	})
	return all[:min(limit, len(all))]
}

// nearest asks the active zones, the nearest first and some at a time, until no other
// can have a driver who is nearer than those found.
func (f *Fleet) nearest(ctx context.Context, q NearbyQuery, now int64) ([]Position, error) {
	zones, err := f.zonesByDistance(ctx, q.Lat, q.Lon)
	if err != nil {
		return nil, err
	}
	q.RadiusM = math.Pi * EarthRadiusM // as far as it gets
	var found []Position
	for len(zones) > 0 {
		n := 1
		for n < len(zones) && n < parallelReads && zones[n].metres <= q.RadiusM {
			n++
		}
		names := make([]string, n)
		for i := range names {
			names[i] = zones[i].zone
		}
		more, err := f.nearbyInZones(ctx, names, q, now)
		if err != nil {
			return nil, err
		}
		found = nearestOf(append(found, more...), len(found)+len(more))
		zones = zones[n:]
		if len(found) >= q.Limit {
			q.RadiusM = min(q.RadiusM, found[q.Limit-1].DistanceM)
			if len(zones) > 0 && zones[0].metres > q.RadiusM {
				break
			}
		}
	}
	return found[:min(q.Limit, len(found))], nil
}

// farZone is an active zone and how far it is at least, in metres.
type farZone struct {
	zone   string
	metres float64
}

func (f *Fleet) zonesByDistance(ctx context.Context, lat, lon float64) ([]farZone, error) {
	active, err := f.recentZones(ctx)
	if err != nil {
		return nil, err
	}
	zoning, now := f.zoning.Load(), f.nowMS()
	out := make([]farZone, 0, len(active))
	for zone := range active {
		far := farZone{zone: zone}
		if b, ok := zoning.boxOf(zone, now); ok {
			far.metres = b.away(lat, lon)
		}
		out = append(out, far) // one that is in no file any more may be anywhere
	}
	slices.SortFunc(out, func(a, b farZone) int {
		return cmp.Or(cmp.Compare(a.metres, b.metres), cmp.Compare(a.zone, b.zone))
	})
	return out, nil
}

// activeAround returns the zones that may hold drivers within the circle.
func (f *Fleet) activeAround(ctx context.Context, q NearbyQuery) ([]string, error) {
	const fewEnough = 8 // to ask them all, rather than which of them are in use
	zones := f.zoning.Load().covering(q.Lat, q.Lon, q.RadiusM, f.nowMS())
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

// How much more the engine may measure: by its sphere, in proportion, and from a
// driver's place to the centre of a cell near it, in metres.
const (
	engineExcess = 1.0005
	cellRadiusM  = 0.5 + indexCellMetres
)

// wideFromDeg is the latitude from which on a circle reaches so much further to the
// east and west than at its middle's latitude that the nine cells of GEOSEARCH may not
// cover it, Redis's neither.
const wideFromDeg = 75

// searchAround returns the engine's question for all who are within radiusM. Places on
// the map's upper edge have no cell there, where Redis would look about it.
func searchAround(lat, lon, radiusM float64) cache.GeoQuery {
	q := cache.GeoQuery{Lat: min(lat, MaxLat-1e-7), Lon: lon, RadiusM: radiusM*engineExcess + cellRadiusM}
	if math.Abs(lat)+q.RadiusM/metresPerDegree > wideFromDeg {
		q.RadiusM = engineExcess * math.Pi * EarthRadiusM // everywhere
	}
	return q
}

// nearbyInZone returns the zone's drivers within the circle: at least the
// nearest q.Limit of them, in no particular order.
func (f *Fleet) nearbyInZone(ctx context.Context, k *zoneKeys, q NearbyQuery, now int64) ([]Position, error) {
	// What it finds too much is dropped below.
	search := searchAround(q.Lat, q.Lon, q.RadiusM)
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
			return p.AgeMS > q.MaxAge.Milliseconds() || q.Available && p.Busy
		})
		for i := range found {
			found[i].DistanceM = Distance(q.Lat, q.Lon, found[i].Lat, found[i].Lon)
		}
		found = slices.DeleteFunc(found, func(p Position) bool { return p.DistanceM > q.RadiusM })
		slices.SortFunc(found, func(a, b Position) int { return cmp.Compare(a.DistanceM, b.DistanceM) })
		// Who was not among the hits is further than the last, as the engine measures.
		beyond := hits[len(hits)-1].DistanceM/engineExcess - cellRadiusM
		if len(hits) < search.Count || beyond > q.RadiusM || len(found) >= q.Limit && found[q.Limit-1].DistanceM <= beyond {
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
