package cache

import "context"

// GeoMember is a place to add to a sorted set: WGS 84 degrees.
type GeoMember struct {
	Name     string
	Lat, Lon float64
}

// Place is a point in WGS 84 degrees; OK is false where there is none.
type Place struct {
	Lat, Lon float64
	OK       bool
}

// GeoQuery asks for the members within a circle or a box, around a point or
// around a member. Distances are metres on Redis's sphere (radius
// 6,372,797.560856 m).
type GeoQuery struct {
	Lat, Lon        float64 // centre, WGS 84 degrees
	Member          string  // in place of Lat and Lon; ErrNoMember if it is missing
	RadiusM         float64 // of the circle, if WidthM and HeightM are zero
	WidthM, HeightM float64 // of the box
	Count           int     // the nearest so many; zero: all
	Any             bool    // with Count: any so many, found sooner
	Farthest        bool    // farthest first; Count then keeps the farthest
}

// GeoHit is a member found by GeoSearch, its place being the centre of its
// 52-bit geohash cell, at most 0.6 m from where it was added.
type GeoHit struct {
	Name      string
	Lat, Lon  float64
	DistanceM float64
}

// Geo are sorted sets whose scores are 52-bit geohashes, equal to GEOADD's; all
// other operations of sorted sets apply too.
type Geo interface {
	// GeoAdd is ZAdd with geohash scores. It fails with ErrInvalidPlace for a
	// latitude beyond ±85.05112878 or a longitude beyond ±180, and then adds
	// nothing.
	GeoAdd(ctx context.Context, key string, places ...GeoMember) (int64, error)
	// GeoPos answers in the order of names.
	GeoPos(ctx context.Context, key string, names ...string) ([]Place, error)
	// GeoDist returns the metres between two members; ok is false if one is
	// missing.
	GeoDist(ctx context.Context, key, a, b string) (metres float64, ok bool, err error)
	// GeoHash answers in the order of names with the 11 characters of the
	// standard geohash.
	GeoHash(ctx context.Context, key string, names ...string) ([]Optional, error)
	// GeoSearch answers nearest first unless the query says otherwise.
	GeoSearch(ctx context.Context, key string, q GeoQuery) ([]GeoHit, error)
}
