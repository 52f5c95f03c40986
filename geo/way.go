package geo

import "math"

// A phone that lies still seems to wander about, and one that moves seems to go in
// zigzag. So fixes that may be of one place are one point of the way, their middle.

// stayRadius is how far from the middle a fix of one place may lie, in accuracies. An
// accuracy is the radius of about two thirds of all fixes: 1 in 25,000 lies further.
const stayRadius = 3

// point is a place at a time.
type point struct{ lat, lon, ms float64 }

func pointOf(f *TrackFix) point { return point{f.Lat, f.Lon, float64(f.TS)} }

// stay is some fixes in a row that may be of one place.
type stay struct {
	first *TrackFix
	fixes float64
	off   point // sum of the differences from the first
}

func stayOf(f *TrackFix) stay { return stay{first: f, fixes: 1} }

func (s *stay) middle() point {
	if s.fixes == 1 {
		return pointOf(s.first)
	}
	return point{
		lat: s.first.Lat + s.off.lat/s.fixes,
		lon: wrapLon(s.first.Lon + s.off.lon/s.fixes),
		ms:  float64(s.first.TS) + s.off.ms/s.fixes,
	}
}

// joins adds the next fix and reports true, unless the phone moved.
func (s *stay) joins(f *TrackFix) bool {
	if f.SpeedMPS >= stillSpeed/100.0 {
		return false
	}
	m := s.middle()
	if Distance(m.lat, m.lon, f.Lat, f.Lon) > stayRadius*noiseMetres(s.first, f) {
		return false
	}
	s.fixes++
	s.off.lat += f.Lat - s.first.Lat
	s.off.lon += math.Remainder(f.Lon-s.first.Lon, 360)
	s.off.ms += float64(f.TS - s.first.TS)
	return true
}

// noiseMetres is how far two fixes of one place usually lie apart.
func noiseMetres(a, b *TrackFix) float64 {
	return float64(noise(accuracyDM(a.accuracyM), accuracyDM(b.accuracyM))) / 10
}

func accuracyDM(m float32) int32 { return int32(scale16(m, 10)) }

// wayOf returns the length of the way that fixes tell of, in metres, and the greatest
// speed between two points of it: from the first fix by the middles of the stays
// between to the last one. The fixes of a single stay tell of none.
func wayOf(list []TrackFix) (metres, mps float64) {
	if len(list) == 0 {
		return 0, 0
	}
	from, now, first := pointOf(&list[0]), stayOf(&list[0]), true
	to := func(p point) {
		d := Distance(from.lat, from.lon, p.lat, p.lon)
		metres += d
		mps = max(mps, d/(p.ms-from.ms)*1000)
		from = p
	}
	for i := 1; i < len(list); i++ {
		if now.joins(&list[i]) {
			continue
		}
		if !first {
			to(now.middle())
		}
		now, first = stayOf(&list[i]), false
	}
	if !first {
		to(pointOf(&list[len(list)-1]))
	}
	return metres, mps
}

// topSpeed returns the greatest speed that the phone measured, or else along, the
// greatest along the way.
func topSpeed(list []TrackFix, along float64) float64 {
	measured := Unknown
	for i := range list {
		measured = max(measured, list[i].SpeedMPS)
	}
	if measured >= 0 {
		return float64(measured)
	}
	return along
}
