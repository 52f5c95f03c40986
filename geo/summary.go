package geo

import (
	"cmp"
	"slices"

	"hyperlocal/persist"
)

// summarize makes the row of one driver's packed fixes of one sealed bucket.
// ok is false if there is not one whole record.
func summarize(zone, driver string, start, part int64, packed string) (row persist.TrackRow, ok bool) {
	var room [16]TrackFix // for a ping every two seconds, without an allocation
	list, accuracy := unpackBucket(room[:0], start, packed)
	if len(list) == 0 {
		return persist.TrackRow{}, false
	}
	spread(list, accuracy)
	metres, along := wayOf(list)
	first, last := list[0], list[len(list)-1]
	path, times, speeds := encodeFixes(start, list)
	return persist.TrackRow{
		DriverID: driver, Zone: zone, BucketStart: start, Part: part,
		FirstTS: first.TS, LastTS: last.TS,
		FirstLat: first.Lat, FirstLon: first.Lon,
		LastLat: last.Lat, LastLon: last.Lon,
		Fixes:         len(list),
		DistanceM:     metres,
		TopSpeedMPS:   topSpeed(list, along),
		MeanAccuracyM: accuracy,
		MockFixes:     mocksAmong(list),
		Path:          path,
		Times:         times,
		Speeds:        speeds,
	}, true
}

// unpackBucket returns the fixes of a bucket's value in order of time, each time
// once, and their mean accuracy in metres, 0 if none had one. It takes an empty list.
func unpackBucket(list []TrackFix, start int64, packed string) (_ []TrackFix, accuracyM float64) {
	var sum float64
	var measured int
	list = slices.Grow(list, len(packed)/bucketFixSize)
	for ; len(packed) >= bucketFixSize; packed = packed[bucketFixSize:] {
		f := decodeBody(start, packed)
		list = append(list, TrackFix{TS: f.TS, Lat: f.Lat, Lon: f.Lon, SpeedMPS: f.SpeedMPS, Mock: f.Mock, accuracyM: f.AccuracyM})
		if f.AccuracyM >= 0 {
			sum += float64(f.AccuracyM)
			measured++
		}
	}
	return inOrder(list), sum / float64(max(measured, 1))
}

// spread gives fixes the accuracy of their row, in metres, 0 if it has none. A row keeps
// no other, and its distance is to be that of the track.
func spread(list []TrackFix, accuracyM float64) {
	for i := range list {
		if list[i].accuracyM = Unknown; accuracyM > 0 {
			list[i].accuracyM = float32(accuracyM)
		}
	}
}

// inOrder sorts fixes by time and keeps the first of each time.
func inOrder(list []TrackFix) []TrackFix {
	slices.SortStableFunc(list, func(a, b TrackFix) int { return cmp.Compare(a.TS, b.TS) })
	return slices.CompactFunc(list, func(a, b TrackFix) bool { return a.TS == b.TS })
}
