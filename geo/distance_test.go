package geo

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The geodesics were computed on the WGS 84 ellipsoid; a sphere differs from it
// by up to about 0.5 %. Columns: lat1 lon1 azimuth1 lat2 lon2 azimuth2 distance.
func TestDistanceAgainstTheEllipsoid(t *testing.T) {
	file, err := os.Open("../testdata/geodesic/GeodTest-1-50.dat")
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	n := 0
	for ; lines.Scan(); n++ {
		var lat1, lon1, azimuth, lat2, lon2, ignored, want float64
		_, err := fmt.Sscan(strings.TrimSpace(lines.Text()), &lat1, &lon1, &azimuth, &lat2, &lon2, &ignored, &want)
		require.NoError(t, err)
		got := Distance(lat1, lon1, lat2, lon2)
		require.InEpsilon(t, want, got, 0.0056, lines.Text())
		// Near the antipode a course says little: there the ellipsoid decides.
		if want < 15_000_000 {
			require.Less(t, math.Abs(math.Remainder(Bearing(lat1, lon1, lat2, lon2)-azimuth, 360)), 0.5, lines.Text())
		}
	}
	require.NoError(t, lines.Err())
	require.Equal(t, 50, n)
}

func TestDistanceAndBearing(t *testing.T) {
	const tenthDegree = metresPerDegree / 10
	for _, c := range []struct {
		name                   string
		lat1, lon1, lat2, lon2 float64
		metres, bearing        float64
	}{
		{"nowhere", 12.97, 77.59, 12.97, 77.59, 0, 0},
		{"north", 12.9, 77.59, 13, 77.59, tenthDegree, 0},
		{"south", 13, 77.59, 12.9, 77.59, tenthDegree, 180},
		{"east on the equator", 0, 179.95, 0, -179.95, tenthDegree, 90},
		{"west on the equator", 0, -179.95, 0, 179.95, tenthDegree, 270},
		{"over the pole", 89.95, 0, 89.95, 180, tenthDegree, 0},
		{"antipodes", 0, 0, 0, 180, math.Pi * EarthRadiusM, 90},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.InDelta(t, c.metres, Distance(c.lat1, c.lon1, c.lat2, c.lon2), 1e-3)
			require.InDelta(t, c.bearing, Bearing(c.lat1, c.lon1, c.lat2, c.lon2), 1e-6)
		})
	}
}

// The recorder's cheap distance must judge as the exact one does, except within
// a hair of the limit.
func TestTooFar(t *testing.T) {
	const limit = 50.0
	perDegree := metresPerDegree
	units := int64(limit / perDegree * unitsPerDegree)
	for _, lat := range []float64{-85, -60, -12.97, 0, 12.97, 45, 60, 80, 85} {
		for _, lon := range []float64{0, 77.59, 179.99999, -179.99999} {
			for bearing := 0.0; bearing < 360; bearing += 15 {
				for _, seconds := range []float64{0.001, 1, 4, 59.999} {
					for _, speed := range []float64{limit * 0.99, limit * 1.01} {
						// Rounding to 1e-7 degree moves a place by up to 8 mm.
						if speed*seconds < 2 {
							continue
						}
						lat2, lon2 := destination(lat, lon, bearing, speed*seconds)
						from := place{ts: 0, lat: units32(lat), lon: units32(lon), accuracy: unknown16}
						to := place{ts: int64(seconds * 1000), lat: units32(lat2), lon: units32(lon2), accuracy: unknown16}
						require.Equal(t, speed > limit, tooFar(apartSquared(from, to), from, to, units), "from %v %v, course %v, %v s, %v m/s", lat, lon, bearing, seconds, speed)
					}
				}
			}
		}
	}
}

func units32(deg float64) int32 { return units(math.Remainder(deg, 360)) }

// destination returns where a great circle leads from a place.
func destination(lat, lon, bearing, metres float64) (lat2, lon2 float64) {
	d, b, phi := metres/EarthRadiusM, bearing*degree, lat*degree
	phi2 := math.Asin(math.Sin(phi)*math.Cos(d) + math.Cos(phi)*math.Sin(d)*math.Cos(b))
	dLon := math.Atan2(math.Sin(b)*math.Sin(d)*math.Cos(phi), math.Cos(d)-math.Sin(phi)*math.Sin(phi2))
	return phi2 / degree, math.Remainder(lon+dLon/degree, 360)
}
