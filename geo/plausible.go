package geo

// The comparisons of two fixes of one driver. record.lua has the same ones, and
// both must round alike.

// apartSquared returns the square of the distance between two places in 1e-7 degree of
// arc, in the tangent plane: exact over some kilometres, and over thousands, where
// cars average less than half of any bound, rather too long than too short. The
// conversions keep the compiler from fusing products and sums.
func apartSquared(from, to place) float64 {
	const halfTurn, turn = 1_800_000_000, 3_600_000_000
	dLat := float64(to.lat) - float64(from.lat)
	dLon := float64(to.lon) - float64(from.lon)
	if dLon > halfTurn {
		dLon -= turn
	} else if dLon < -halfTurn {
		dLon += turn
	}
	x := (float64(from.lat) + float64(to.lat)) * 8.726646259971648e-10 // mean, radians
	q := float64(x * x)
	c := 1.0/720 - q/40320
	c = 1.0/24 - float64(q*c)
	c = 1.0/2 - float64(q*c)
	c = 1 - float64(q*c)
	east := float64(dLon * c)
	return float64(dLat*dLat) + float64(east*east)
}

const (
	// unitsPerDM is how many 1e-7 degree of arc are a decimetre, about.
	unitsPerDM = 9
	// maxSlack bounds, in dm, what a fix may be off for want of accuracy: one that
	// claims to know nothing could be anywhere.
	maxSlack = 1000
	// noiseUnknown and maxNoise are, in dm, how far a phone that does not move
	// seems to move, if it does not say how exact it is, and at most.
	noiseUnknown = 100
	maxNoise     = 1000
	// stillSpeed is the speed from which on a phone moves, in cm/s.
	stillSpeed = 50
)

// slack is how far a fix may be off, in dm.
func slack(accuracy int32) int64 {
	if accuracy == unknown16 {
		return 0
	}
	return int64(min(accuracy, maxSlack))
}

// tooFar reports whether no vehicle gets so far, squared, in the time between two
// fixes, whichever is the later one. maxSpeed is in 1e-7 degree of arc per second.
func tooFar(d2 float64, from, to place, maxSpeed int64) bool {
	dt := to.ts - from.ts
	reach := float64(maxSpeed*max(dt, -dt) + 1000*unitsPerDM*(slack(from.accuracy)+slack(to.accuracy)))
	return d2*1_000_000 > reach*reach
}

// noise is how far two fixes of one place may lie apart, in dm.
func noise(a, b int32) int32 {
	if a == unknown16 {
		a = noiseUnknown
	}
	if b == unknown16 {
		b = noiseUnknown
	}
	return min(max(a, b), maxNoise)
}

// isStill reports whether the distance of two fixes, squared, says nothing: it is
// no longer than they are inexact, and the phone measures no speed, in cm/s.
func isStill(d2 float64, from, to place, speed uint16) bool {
	near := float64(unitsPerDM * noise(from.accuracy, to.accuracy))
	return d2 <= near*near && (speed == unknown16 || speed < stillSpeed)
}
