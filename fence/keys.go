package fence

import (
	"strconv"
	"strings"

	"hyperlocal/cache"
)

// The engine's keys. A fence's id is the hash tag of its own keys.
const (
	keyFences   = "fences:{all}:fences"  // hash: fence → JSON; those that callers put
	keyChanges  = "fences:{all}:changes" // stream: ids of fences put or removed, numbered
	keyOccupied = "fences:occupied"      // sorted set: fence with states, perhaps → when that was last noted, ms
)

func keyDrivers(id string) string { return "fence:{" + id + "}:drivers" } // hash: driver → state
func keyEvents(id string) string  { return "fence:{" + id + "}:events" }  // stream, the newest keepEvents

// KeyPrefixes are how the keys of this package begin. Nothing else has the
// fences that callers put.
func KeyPrefixes() []string { return []string{"fence:{", "fences:"} }

// Channel is the channel on which a fence's events are published, as JSON:
//
//	{"fence_id":"F1","seq":4,"kind":"enter","driver_id":"d7","ts":1700000000000,"lat":12.970000,"lon":77.590000}
//
// Lat and lon are the fix that decided, ts is its time. Of a driver who was not
// heard of, an exit after long or a dwelling has "silent":true, the newest place known
// and the server's time.
func Channel(id string) string { return "fence_events:{" + id + "}" }

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// seqOf is the number of a stream's entry.
func seqOf(e cache.Entry) int64 {
	number, _, _ := strings.Cut(e.ID, "-")
	n, _ := strconv.ParseInt(number, 10, 64) // the engine wrote it
	return n
}
