package geo

import (
	"cmp"
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"hyperlocal/persist"
)

// A phone that is not sure that its backlog arrived sends it again. The engine knows
// what is in open buckets, but of a fix whose bucket was sealed it cannot say whether
// it is late or repeated: it goes into another part of the bucket. That part is marked
// late when it is sealed. Before it is written the database is asked what the driver
// has of that bucket and zone, and what an earlier part has is left out.
//
// A fix is never lost by it: it is left out for the sake of a row that is in the
// database already, and of the parts that hold it the earliest never leaves it out.
// And who writes the same part again, now or on another server, leaves out the same,
// because earlier parts come first: they are written in order, and while there are
// spill files, which may hold some, late parts wait.
//
// Not known to be repeated is what another server has in its spill files, what comes
// again just after a planned stop, which seals buckets before they are closed, and what
// comes again when its place has become another zone's.

// repeatReads is how many buckets of drivers are read at a time.
const repeatReads = 8

// dropRepeats takes out of late parcels the fixes that an earlier part has.
// Nothing may be left of a parcel.
func (fl *Flusher) dropRepeats(ctx context.Context, parcels []parcel) error {
	late := map[string][]int{} // by driver
	for i, p := range parcels {
		if p.bucket.late {
			late[p.driver] = append(late[p.driver], i)
		}
	}
	if len(late) == 0 {
		return nil
	}
	held, err := fl.timesHeld(ctx, parcels)
	if err != nil {
		return err
	}
	for _, p := range parcels { // they will be in the database together
		if _, asked := late[p.driver]; asked {
			held.add(p.driver, p.row(), packedTimes(p.bucket.start, p.packed))
		}
	}
	for driver, at := range late {
		for _, i := range at {
			p := &parcels[i]
			p.packed = held.without(driver, p.row(), p.packed)
		}
	}
	return nil
}

// timesHeld asks the store for the times of the rows that late parcels are other
// parts of. A fix that comes again is of the same place, and so of the same zone.
func (fl *Flusher) timesHeld(ctx context.Context, parcels []parcel) (heldTimes, error) {
	held, mu := heldTimes{}, sync.Mutex{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(repeatReads)
	for _, p := range parcels {
		if !p.bucket.late {
			continue
		}
		group.Go(func() error {
			rows, err := fl.store.BucketRows(ctx, p.zone, p.bucket.start, p.driver)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, r := range rows {
				held.addRow(r)
			}
			return nil
		})
	}
	return held, group.Wait()
}

// rowID tells a driver's rows apart. Earlier parts come first.
type rowID struct {
	part  int64
	zone  string
	start int64
}

func (r rowID) before(o rowID) bool {
	return cmp.Or(cmp.Compare(r.part, o.part), cmp.Compare(r.zone, o.zone), cmp.Compare(r.start, o.start)) < 0
}

// heldTimes are the first row that has a time, by driver and time.
type heldTimes map[string]map[int64]rowID

func (h heldTimes) add(driver string, id rowID, times []int64) {
	held := h[driver]
	if held == nil {
		held = map[int64]rowID{}
		h[driver] = held
	}
	for _, ts := range times {
		if first, known := held[ts]; !known || id.before(first) {
			held[ts] = id
		}
	}
}

func (h heldTimes) addRow(r persist.TrackRow) {
	list, err := RowFixes(r)
	if err != nil {
		return // whoever reads the track is told; here it holds nothing
	}
	times := make([]int64, len(list))
	for i, f := range list {
		times[i] = f.TS
	}
	h.add(r.DriverID, rowID{r.Part, r.Zone, r.BucketStart}, times)
}

// without returns a row's packed fixes without those that a row before it has.
func (h heldTimes) without(driver string, id rowID, packed string) string {
	kept := make([]byte, 0, len(packed))
	for ; len(packed) >= bucketFixSize; packed = packed[bucketFixSize:] {
		if first := h[driver][decodeBody(id.start, packed).TS]; !first.before(id) {
			kept = append(kept, packed[:bucketFixSize]...)
		}
	}
	return string(kept)
}

func packedTimes(start int64, packed string) (times []int64) {
	for ; len(packed) >= bucketFixSize; packed = packed[bucketFixSize:] {
		times = append(times, decodeBody(start, packed).TS)
	}
	return times
}
