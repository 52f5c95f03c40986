//go:build linux

package main

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"

	"hyperlocal/cache"
)

const (
	nearRadiusM = 2000.0
	nearCount   = 10
)

// nearestInCity asks anywhere in a city whose drivers are all in one set.
func nearestInCity(o options) traffic {
	zones := oneCity(o.members)
	return nearest(zones, zones[0].area, 20_000, 300)
}

// nearestInZone asks in a zone of 10,000 so large that about 1,000 of them are
// within the radius, and not so near its border that they are fewer.
func nearestInZone(o options) traffic {
	const drivers, within = 10_000, 1000
	sideM := math.Sqrt(math.Pi * nearRadiusM * nearRadiusM * drivers / within)
	zones := []zone{{area: square(0, 0, sideM), size: min(drivers, o.members)}}
	return nearest(zones, square(nearRadiusM, nearRadiusM, sideM-2*nearRadiusM), 20_000, 600)
}

func nearest(zones []zone, from area, ours, redis int) traffic {
	key := zones[0].keys()[0]
	return traffic{
		fill: func(ctx context.Context, e cache.Engine) error { return fillDrivers(ctx, e, zones) },
		ours: ours, redis: redis,
		prepare: func(r *rand.Rand, n int) work {
			asks := make([]cache.GeoQuery, n)
			for i := range asks {
				asks[i] = cache.GeoQuery{RadiusM: nearRadiusM, Count: nearCount}
				asks[i].Lat, asks[i].Lon = from.place(r)
			}
			return work{
				ops: n,
				ours: func(ctx context.Context, e cache.Engine) error {
					for i := range asks {
						if _, err := e.GeoSearch(ctx, key, asks[i]); err != nil {
							return err
						}
					}
					return nil
				},
				redis: func(p *pipeline) {
					for _, q := range asks {
						p.add("GEOSEARCH", key, "FROMLONLAT", coordinate(q.Lon), coordinate(q.Lat),
							"BYRADIUS", coordinate(q.RadiusM), "m", "ASC", "COUNT", strconv.Itoa(q.Count), "WITHDIST", "WITHCOORD")
					}
				},
			}
		},
	}
}
