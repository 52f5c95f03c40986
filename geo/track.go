package geo

import (
	"context"
	"fmt"
	"sort"

	"hyperlocal/persist"
)

// TrackFix is one fix of a driver's past.
type TrackFix struct {
	TS       int64   // ms since 1970
	Lat, Lon float64 // WGS 84 degrees, to 1e-5
	SpeedMPS float32 // to 0.01; Unknown if the phone gave none
	Mock     bool    // the phone said that an app made the position up

	accuracyM float32 // the mean of its row, or Unknown
}

// Track is a driver's path: every fix from From to To, both included, in order
// of time, each time once.
type Track struct {
	DriverID string
	From, To int64 // ms since 1970
	// DistanceM is the length of the path in metres, without what a phone that lies
	// still seems to move.
	DistanceM float64
	Fixes     []TrackFix
}

// MockFixes is how many of the fixes an app made up, by the phone's word.
func (t *Track) MockFixes() int { return mocksAmong(t.Fixes) }

func mocksAmong(fixes []TrackFix) (n int) {
	for i := range fixes {
		if fixes[i].Mock {
			n++
		}
	}
	return n
}

// LoadTrack plays a driver's path back out of the durable record. A fix is in
// it once its bucket has been flushed. An unknown driver's track is empty. An
// error wraps the store's, or ErrTrackFormat.
func LoadTrack(ctx context.Context, tracks persist.Tracks, driverID string, from, to int64) (Track, error) {
	rows, err := tracks.TrackRows(ctx, driverID, from, to)
	if err != nil {
		return Track{}, fmt.Errorf("track of %s: %w", driverID, err)
	}
	return TrackOf(driverID, from, to, rows)
}

// TrackOf is LoadTrack of rows that were read before, all of them the driver's.
func TrackOf(driverID string, from, to int64, rows []persist.TrackRow) (t Track, err error) {
	var list []TrackFix
	for _, r := range rows {
		if list, err = appendFixes(list, r); err != nil {
			return Track{}, err
		}
	}
	list = inOrder(list)
	first := sort.Search(len(list), func(i int) bool { return list[i].TS >= from })
	end := sort.Search(len(list), func(i int) bool { return list[i].TS > to })
	t = Track{DriverID: driverID, From: from, To: to, Fixes: list[first:max(first, end)]}
	t.DistanceM, _ = wayOf(t.Fixes)
	return t, nil
}

// RowFixes returns the fixes of one row of the durable record in order of time.
func RowFixes(r persist.TrackRow) ([]TrackFix, error) { return appendFixes(nil, r) }

func appendFixes(list []TrackFix, r persist.TrackRow) ([]TrackFix, error) {
	before := len(list)
	list, err := decodeFixes(list, r.BucketStart, r.Path, r.Times, r.Speeds)
	if err != nil {
		return nil, fmt.Errorf("track of %s, bucket %d of zone %s, part %d: %w", r.DriverID, r.BucketStart, r.Zone, r.Part, err)
	}
	spread(list[before:], r.MeanAccuracyM)
	return list, nil
}
