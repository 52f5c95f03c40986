package geo

import (
	"strconv"
	"sync/atomic"
)

// The keys of a zone. {Z} makes the zone their hash tag.
//
//	drivers:zone:{Z}                   zset  driver → geohash score, as GEOADD's
//	drivers:seen:{Z}                   zset  driver → time of its newest fix, ms, or up to seenEvery before; see setApart
//	drivers:last:{Z}                   hash  driver → its newest fix, compact
//	drivers:gone:{Z}                   zset  driver → when its last may be forgotten, ms
//	drivers:buckets:{Z}                zset  start → start: the open buckets
//	drivers:bucket:{Z}:<start>         hash  driver → its fixes, packed
//	drivers:sealeds:{Z}                zset  <start>:<part> → start: the sealed buckets
//	drivers:sealed:{Z}:<start>:<part>  hash  as a bucket, immutable; late parts end in :late
//	drivers:part:{Z}                   string, the greatest part given out
//	drivers:newest:{Z}                 string, the newest start that was ever sealed
//	flush:{Z}:<job>                    string, which server does this job of the flusher
//
// Beside them: drivers:zones, a zset of zone → when it was last active, ms, and
// drivers:where:{w<n>}, hashes of driver → its zone; see where.go.
type zoneKeys struct {
	id string

	zone, seen, last, gone string
	buckets, sealeds       string
	part, newest           string

	// bucket remembers the key that the next fix will most likely need.
	bucket atomic.Pointer[bucketKey]
	// active is when this process last told drivers:zones of the zone, ms.
	active atomic.Int64
}

type bucketKey struct {
	start int64
	key   string
}

// KeyPrefixes are how the keys of this package begin. They are the truth about
// the fleet: buckets until the database has them, and where everybody is now.
func KeyPrefixes() []string { return []string{"drivers:", "flush:{"} }

const zonesKey = "drivers:zones"

func newZoneKeys(zone string) *zoneKeys {
	tag := "{" + zone + "}"
	return &zoneKeys{
		id:      zone,
		zone:    "drivers:zone:" + tag,
		seen:    "drivers:seen:" + tag,
		last:    "drivers:last:" + tag,
		gone:    "drivers:gone:" + tag,
		buckets: "drivers:buckets:" + tag,
		sealeds: "drivers:sealeds:" + tag,
		part:    "drivers:part:" + tag,
		newest:  "drivers:newest:" + tag,
	}
}

// bucketKey returns the key of the open bucket that starts at start.
func (k *zoneKeys) bucketKey(start int64) string {
	if b := k.bucket.Load(); b != nil && b.start == start {
		return b.key
	}
	b := &bucketKey{start, "drivers:bucket:{" + k.id + "}:" + strconv.FormatInt(start, 10)}
	k.bucket.Store(b)
	return b.key
}

// sealedKey returns the key of a sealed bucket by its member in sealeds.
func (k *zoneKeys) sealedKey(member string) string {
	return "drivers:sealed:{" + k.id + "}:" + member
}

// flushJob is what of a zone's flushing one server at a time should do.
type flushJob string

const (
	writeNew flushJob = "write"
	drainOld flushJob = "drain"
	spillOld flushJob = "spill"
)

// leaseKey returns the key of which server does a job.
func (k *zoneKeys) leaseKey(job flushJob) string { return "flush:{" + k.id + "}:" + string(job) }
