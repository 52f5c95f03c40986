package geo

import (
	"errors"
	"fmt"
	"math"
)

// The text formats of a row's Path, Times and Speeds; docs/track-format.md is
// their specification. All are sequences of variable-length numbers, five bits
// to a character from '?' (63) to '~' (126), as in Google's encoded polyline
// algorithm format, which Path is.

// ErrTrackFormat says that a row's path, times or speeds cannot be read.
var ErrTrackFormat = errors.New("track format")

const (
	firstChar   = 63
	chunkBits   = 5
	chunkMask   = 1<<chunkBits - 1
	moreChunks  = 1 << chunkBits
	maxVarBits  = 63
	polylineOne = 1e5 // units per degree
	mockedSpeed = 1 << 16
)

func appendNumber(b []byte, v uint64) []byte {
	for v >= moreChunks {
		b = append(b, byte(v&chunkMask|moreChunks)+firstChar)
		v >>= chunkBits
	}
	return append(b, byte(v)+firstChar)
}

// readNumber returns the first number of s and what follows it.
func readNumber(s string) (v uint64, rest string, err error) {
	for i, shift := 0, 0; i < len(s); i, shift = i+1, shift+chunkBits {
		c := s[i] - firstChar
		if s[i] < firstChar || c > moreChunks|chunkMask {
			return 0, "", fmt.Errorf("%w: character %q", ErrTrackFormat, s[i])
		}
		if shift >= maxVarBits-chunkBits {
			return 0, "", fmt.Errorf("%w: a number is too long", ErrTrackFormat)
		}
		v |= uint64(c&chunkMask) << shift
		if c < moreChunks {
			return v, s[i+1:], nil
		}
	}
	return 0, "", fmt.Errorf("%w: it ends within a number", ErrTrackFormat)
}

// Signed numbers are folded so that small ones of either sign stay small.
func fold(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unfold(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// encodeFixes writes fixes, which are in order of time, for a bucket that starts at
// start, ms. The texts are parts of one string.
func encodeFixes(start int64, fixes []TrackFix) (path, times, speeds string) {
	var room [512]byte
	b := appendPath(room[:0], fixes)
	timesAt := len(b)
	b = appendTimes(b, start, fixes)
	speedsAt := len(b)
	text := string(appendSpeeds(b, fixes))
	return text[:timesAt], text[timesAt:speedsAt], text[speedsAt:]
}

// appendPath writes places as an encoded polyline of precision 5.
func appendPath(b []byte, fixes []TrackFix) []byte {
	var lat, lon int64
	for _, f := range fixes {
		nextLat, nextLon := int64(math.Round(f.Lat*polylineOne)), int64(math.Round(f.Lon*polylineOne))
		b = appendNumber(b, fold(nextLat-lat))
		b = appendNumber(b, fold(nextLon-lon))
		lat, lon = nextLat, nextLon
	}
	return b
}

// appendTimes writes ascending times as differences, the first from start, ms.
func appendTimes(b []byte, start int64, fixes []TrackFix) []byte {
	for _, f := range fixes {
		b = appendNumber(b, uint64(f.TS-start))
		start = f.TS
	}
	return b
}

// appendSpeeds writes speeds in cm/s plus one, and zero for an unknown one; of a fix
// that is made up, mockedSpeed more.
func appendSpeeds(b []byte, fixes []TrackFix) []byte {
	for _, f := range fixes {
		speed := uint64(0)
		if f.SpeedMPS >= 0 {
			speed = uint64(f.SpeedMPS*100+0.5) + 1
		}
		if f.Mock {
			speed += mockedSpeed
		}
		b = appendNumber(b, speed)
	}
	return b
}

// decodeFixes reads what the three encoders wrote, appending to fixes. The
// bounds on its input are those of its texts: each fix takes at least four
// characters.
func decodeFixes(fixes []TrackFix, start int64, path, times, speeds string) ([]TrackFix, error) {
	var lat, lon int64
	for path != "" {
		var dLat, dLon, dt, speed uint64
		var err error
		for _, read := range []struct {
			from *string
			to   *uint64
		}{{&path, &dLat}, {&path, &dLon}, {&times, &dt}, {&speeds, &speed}} {
			if *read.to, *read.from, err = readNumber(*read.from); err != nil {
				return nil, err
			}
		}
		mock := speed >= mockedSpeed
		if mock {
			speed -= mockedSpeed
		}
		if speed >= mockedSpeed {
			return nil, fmt.Errorf("%w: a speed is out of range", ErrTrackFormat)
		}
		lat, lon, start = lat+unfold(dLat), lon+unfold(dLon), start+int64(dt)
		fix := TrackFix{TS: start, Lat: float64(lat) / polylineOne, Lon: float64(lon) / polylineOne, SpeedMPS: Unknown, Mock: mock, accuracyM: Unknown}
		if speed > 0 {
			fix.SpeedMPS = float32(speed-1) / 100
		}
		fixes = append(fixes, fix)
	}
	if times != "" || speeds != "" {
		return nil, fmt.Errorf("%w: more times or speeds than places", ErrTrackFormat)
	}
	return fixes, nil
}
