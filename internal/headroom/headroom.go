// Package headroom bounds how much memory the Go heap may take beyond what is
// alive in it. The runtime's default lets it grow to twice that before it
// collects, which for a process that holds gigabytes of data is gigabytes of
// nothing. Where most of what is alive has no pointers, collecting more often
// costs little, and where it has many, the room is made larger again.
package headroom

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// minRoom is the room of a heap of up to a gigabyte, bytes: collecting it each time
	// a few megabytes of requests have come and gone would be most of the work, and
	// requests that meet a collection take some milliseconds longer. At one every second,
	// as a flush to Cassandra has it in half the room, their 99th percentile shows that.
	minRoom = 96 << 20
	// minPercent is the least room of a large one, of what is alive.
	minPercent = 10
	maxPercent = 100
	// The collector's part of the work: above dear the room grows, below cheap
	// it shrinks.
	dear, cheap = 0.05, 0.03

	every = 250 * time.Millisecond
)

// Keep adjusts the collector until ctx is done, and then gives it back its
// default. It does nothing if the environment's GOGC says what is wanted.
func Keep(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(maxPercent))
	r := room{}
	set := r.adjust(look())
	debug.SetGCPercent(set)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// Setting it stops the process for a moment, and a longer one while a thread of
		// low priority is kept waiting, so it is not done for little.
		if p := r.adjust(look()); differs(p, set) {
			set = p
			debug.SetGCPercent(set)
		}
	}
}

// differs tells whether a percentage is another one by an eighth.
func differs(a, b int) bool { return 8*max(a-b, b-a) > b }

// usage is what the process has used so far, as of its last collection.
type usage struct {
	alive           uint64  // bytes
	collecting, own float64 // seconds of CPU
}

func look() usage {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/user:cpu-seconds"},
	}
	metrics.Read(s)
	return usage{alive: s[0].Value.Uint64(), collecting: s[1].Value.Float64(), own: s[2].Value.Float64()}
}

// room is what the heap may grow by between collections, in percent of what is
// alive.
type room struct {
	percent int
	last    usage
}

// adjust returns the new percentage.
func (r *room) adjust(u usage) int {
	least := minPercent
	if u.alive < minRoom*100/minPercent {
		least = min(maxPercent, int(100*minRoom/max(u.alive, 1)))
	}
	collecting, own := u.collecting-r.last.collecting, u.own-r.last.own
	r.last = u
	switch share := collecting / max(collecting+own, 1e-9); {
	case share > dear:
		r.percent = min(maxPercent, r.percent+r.percent/2)
	case share < cheap:
		r.percent /= 2
	}
	r.percent = max(r.percent, least)
	return r.percent
}
