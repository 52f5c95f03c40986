package geo

import "math"

// EarthRadiusM is the mean radius of the Earth (IUGG R1), in metres. On a
// sphere of it the distance between two places is within about 0.5 % of that
// on the WGS 84 ellipsoid.
const EarthRadiusM = 6_371_008.8

const (
	degree = math.Pi / 180
	// metresPerDegree is the length of one degree of a great circle.
	metresPerDegree = EarthRadiusM * degree
)

// Distance returns the metres between two places along a great circle, by the
// haversine formula. Places are WGS 84 degrees.
func Distance(lat1, lon1, lat2, lon2 float64) float64 {
	sLat := math.Sin((lat2 - lat1) * degree / 2)
	sLon := math.Sin((lon2 - lon1) * degree / 2)
	h := sLat*sLat + math.Cos(lat1*degree)*math.Cos(lat2*degree)*sLon*sLon
	return 2 * EarthRadiusM * math.Asin(math.Sqrt(min(h, 1)))
}

// Bearing returns the course at the first place towards the second along a
// great circle, in degrees clockwise from north, at least 0 and below 360. It
// is 0 between equal places.
func Bearing(lat1, lon1, lat2, lon2 float64) float64 {
	sinLat1, cosLat1 := math.Sincos(lat1 * degree)
	sinLat2, cosLat2 := math.Sincos(lat2 * degree)
	sinLon, cosLon := math.Sincos((lon2 - lon1) * degree)
	b := math.Atan2(sinLon*cosLat2, cosLat1*sinLat2-sinLat1*cosLat2*cosLon) / degree
	return math.Mod(b+360, 360)
}
