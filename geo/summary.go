package geo

import (
	"cmp"
	"slices"

	"hyperlocal/persist"
)

// summarize makes the row of one driver's packed fixes of one sealed bucket.
// ok is false if there is not one whole record.
func summarize(zone, driver string, start, part int64, packed string) (row persist.TrackRow, ok bool) {
	list, accuracy := unpackBucket(start, packed)
	if len(list) == 0 {
		return persist.TrackRow{}, false
	}
	first, last := list[0], list[len(list)-1]
	return persist.TrackRow{
		DriverID: driver, Zone: zone, BucketStart: start, Part: part,
		FirstTS: first.TS, LastTS: last.TS,
		FirstLat: first.Lat, FirstLon: first.Lon,
		LastLat: last.Lat, LastLon: last.Lon,
		Fixes:         len(list),
		DistanceM:     pathLength(list),
		TopSpeedMPS:   topSpeed(list),
		MeanAccuracyM: accuracy,
		MockFixes:     mocksAmong(list),
		Path:          encodePath(list),
		Times:         encodeTimes(start, list),
		Speeds:        encodeSpeeds(list),
	}, true
}

// unpackBucket returns the fixes of a bucket's value in order of time, each time
// once, and their mean accuracy in metres, 0 if none had one.
func unpackBucket(start int64, packed string) (list []TrackFix, accuracyM float64) {
	var sum float64
	var measured int
	list = make([]TrackFix, 0, len(packed)/bucketFixSize)
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

// inOrder sorts fixes by time and keeps the first of each time.
func inOrder(list []TrackFix) []TrackFix {
	slices.SortStableFunc(list, func(a, b TrackFix) int { return cmp.Compare(a.TS, b.TS) })
	return slices.CompactFunc(list, func(a, b TrackFix) bool { return a.TS == b.TS })
}

// pathLength is the way that fixes tell of, in metres. A phone that lies still seems
// to wander about: unless it measures a speed, a fix counts only when it is further
// from the last one that counted than both are inexact together.
func pathLength(list []TrackFix) (metres float64) {
	from := 0
	for i := 1; i < len(list); i++ {
		d := Distance(list[from].Lat, list[from].Lon, list[i].Lat, list[i].Lon)
		if list[i].SpeedMPS < stillSpeed/100.0 && d <= noiseMetres(&list[from], &list[i]) {
			continue
		}
		metres += d
		from = i
	}
	return metres
}

// noiseMetres is how far two fixes of one place may lie apart at the worst.
func noiseMetres(a, b *TrackFix) float64 {
	x, y := accuracyDM(a.accuracyM), accuracyDM(b.accuracyM)
	return float64(noise(x, x)+noise(y, y)) / 10
}

func accuracyDM(m float32) int32 { return int32(scale16(m, 10)) }

// topSpeed returns the greatest speed that the phone measured, or, where it
// measured none, the greatest between two fixes.
func topSpeed(list []TrackFix) (mps float64) {
	measured := false
	for _, f := range list {
		if f.SpeedMPS >= 0 {
			measured = true
			mps = max(mps, float64(f.SpeedMPS))
		}
	}
	for i := 1; i < len(list) && !measured; i++ {
		seconds := float64(list[i].TS-list[i-1].TS) / 1000
		mps = max(mps, Distance(list[i-1].Lat, list[i-1].Lon, list[i].Lat, list[i].Lon)/seconds)
	}
	return mps
}
