// Package geo keeps the fleet's present and past: where every driver is, and
// where each has been.
//
// # Present
//
// [Fleet.Record] gives every fix a [Verdict] and moves the present of its
// zone: a place in drivers:zone:{Z}, a time in drivers:seen:{Z}, the whole fix
// in drivers:last:{Z}. A zone comes from a file of polygons ([LoadZones]), or
// is a geohash cell of five characters outside them. The zone is the unit of
// sharding and of atomicity: one script per zone and batch.
//
// # Past
//
// Every fix that joined history lies in drivers:bucket:{Z}:<start>, by event
// time, until [Flusher] has sealed the bucket, written it as rows and removed
// it. [LoadTrack] plays a driver's rows back.
//
// # Invariants
//
//  1. Within a zone the present is the fix with the greatest time ever
//     accepted there; a late fix never moves it. This survives a driver's
//     going stale, because drivers:last outlives drivers:seen by
//     [Limits.MaxAge], past which no older fix is accepted.
//  2. A fix that joined history lies in exactly one of: an open bucket, a
//     sealed bucket, a row. Sealed buckets never change, so a row's key
//     (driver, bucket, zone, part) names one content for ever and writing it
//     again is harmless, by whichever server.
//  3. A driver may for a moment stand in two zones, when a change of zone was
//     cut short or two servers disagreed. Readers prefer the newest fix, and
//     the next change of zone or the sweeper mends it.
//
// # Concurrency
//
// Every exported method may be called from any goroutine, and any number of
// servers may work on one engine. No lock is held while another is taken.
package geo
