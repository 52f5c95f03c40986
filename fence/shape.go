package fence

import "math"

const (
	// earthRadiusM is that of package geo: the mean radius (IUGG R1).
	earthRadiusM    = 6_371_008.8
	degree          = math.Pi / 180
	metresPerDegree = earthRadiusM * degree
)

// shape is what a fence covers. It never changes.
type shape struct {
	lat, lon float64 // the centre, about which places are measured, degrees
	radiusM  float64 // of a circle; 0 for a polygon
	// rings are a polygon's, in metres east and north of the centre on a plane
	// on which a degree of longitude is as long everywhere as at the centre.
	// Over the extent of a fence that is right to about one percent.
	rings  [][]point
	cosLat float64 // of the centre

	// depthM is at most the distance from the edge of some place inside: the
	// area over the length of the edge, which is half the radius of a circle.
	depthM float64
	around box
}

type point struct{ x, y float64 }

// box is an area between two latitudes and two longitudes, degrees. west may lie
// beyond -180, and east beyond 180.
type box struct{ south, west, north, east float64 }

// slackDegrees widens boxes by a centimetre, so that rounding leaves no place
// outside that the shape has inside.
const slackDegrees = 1e-7

func circleShape(lat, lon, radiusM float64) *shape {
	angle := radiusM / earthRadiusM
	dLat := angle/degree + slackDegrees
	dLon := math.Asin(math.Sin(angle)/math.Cos(lat*degree))/degree + slackDegrees // fences end far from the poles
	return &shape{
		lat: lat, lon: lon, radiusM: radiusM, cosLat: math.Cos(lat * degree), depthM: radiusM / 2,
		around: box{south: lat - dLat, west: lon - dLon, north: lat + dLat, east: lon + dLon},
	}
}

// polygonShape takes the rings of a GeoJSON polygon. Between two positions an
// edge goes the short way around the Earth, so a ring may cross the antimeridian.
func polygonShape(rings [][][]float64) (*shape, error) {
	if err := checkRings(rings); err != nil {
		return nil, err
	}
	first := rings[0][0]
	b := box{south: first[1], west: first[0], north: first[1], east: first[0]}
	unrolled := make([][]point, len(rings)) // in degrees yet, longitudes without a jump
	for i, ring := range rings {
		lon := first[0]
		for _, p := range ring {
			lon += shortWay(p[0] - lon)
			unrolled[i] = append(unrolled[i], point{lon, p[1]})
			b = box{min(b.south, p[1]), min(b.west, lon), max(b.north, p[1]), max(b.east, lon)}
		}
	}
	s := &shape{lat: (b.south + b.north) / 2, lon: (b.west + b.east) / 2}
	s.cosLat = math.Cos(s.lat * degree)
	if (b.north-b.south)*metresPerDegree > MaxExtentM || (b.east-b.west)*metresPerDegree*s.cosLat > MaxExtentM {
		return nil, invalid("polygon.coordinates", "must extend over at most %d metres", int(MaxExtentM))
	}
	area, length := 0.0, 0.0
	for i, ring := range unrolled {
		around := 0.0 // twice the ring's area
		for k := range ring {
			ring[k] = point{(ring[k].x - s.lon) * metresPerDegree * s.cosLat, (ring[k].y - s.lat) * metresPerDegree}
			if k > 0 {
				a, b := ring[k-1], ring[k]
				around += a.x*b.y - b.x*a.y
				length += math.Hypot(b.x-a.x, b.y-a.y)
			}
		}
		if i == 0 {
			area = math.Abs(around) / 2
		} else {
			area -= math.Abs(around) / 2
		}
	}
	s.rings = unrolled
	if s.depthM = area / length; !(s.depthM >= minDepthM) { // NaN for a single point
		return nil, invalid("polygon.coordinates", "has less room inside than any fix could prove")
	}
	b = box{b.south - slackDegrees, b.west - slackDegrees, b.north + slackDegrees, b.east + slackDegrees}
	s.around = b
	return s, nil
}

// shortWay brings a difference of longitudes to -180 … 180 degrees.
func shortWay(dLon float64) float64 {
	if dLon > 180 {
		return dLon - 360
	}
	if dLon < -180 {
		return dLon + 360
	}
	return dLon
}

// distance returns the metres from a place to the shape's edge: negative inside,
// positive outside.
func (s *shape) distance(lat, lon float64) float64 {
	dLon := shortWay(lon - s.lon)
	if s.radiusM > 0 {
		sLat, sLon := math.Sin((lat-s.lat)*degree/2), math.Sin(dLon*degree/2)
		h := sLat*sLat + s.cosLat*math.Cos(lat*degree)*sLon*sLon
		return 2*earthRadiusM*math.Asin(math.Sqrt(min(h, 1))) - s.radiusM
	}
	return s.fromEdges(point{dLon * metresPerDegree * s.cosLat, (lat - s.lat) * metresPerDegree})
}

// fromEdges is the distance to the nearest edge. A ray from a place inside, to
// the east, crosses edges an odd number of times.
func (s *shape) fromEdges(p point) float64 {
	nearest, inside := math.Inf(1), false
	for _, ring := range s.rings {
		for k := 1; k < len(ring); k++ {
			a, b := ring[k-1], ring[k]
			if (a.y > p.y) != (b.y > p.y) && p.x < a.x+(b.x-a.x)*(p.y-a.y)/(b.y-a.y) {
				inside = !inside
			}
			nearest = min(nearest, squaredToSegment(p, a, b))
		}
	}
	if inside {
		return -math.Sqrt(nearest)
	}
	return math.Sqrt(nearest)
}

func squaredToSegment(p, a, b point) float64 {
	dx, dy := b.x-a.x, b.y-a.y
	along := 0.0
	if squared := dx*dx + dy*dy; squared > 0 {
		along = max(0, min(1, ((p.x-a.x)*dx+(p.y-a.y)*dy)/squared))
	}
	x, y := a.x+along*dx-p.x, a.y+along*dy-p.y
	return x*x + y*y
}

// contains tells whether a place is within the box.
func (b *box) contains(lat, lon float64) bool {
	if !(lat >= b.south && lat <= b.north) {
		return false
	}
	for lon < b.west {
		lon += 360
	}
	return lon <= b.east || lon-360 >= b.west && lon-360 <= b.east
}
