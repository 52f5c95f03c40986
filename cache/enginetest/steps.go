package enginetest

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"hyperlocal/cache"
)

// What is drawn from: few of each, so that commands meet.
var (
	drawKey   = rapid.SampledFrom([]string{"k1", "k2", "k3", "k4"})
	drawName  = rapid.SampledFrom([]string{"a", "b", "c", "", "\x00", "\xff"})
	drawValue = rapid.SampledFrom([]string{"", "v", "7", "-3", "9223372036854775807", "1.5", "007", "\x00\xff"})
	drawDelta = rapid.SampledFrom([]int64{0, 1, -1, 10, math.MaxInt64, math.MinInt64})
	drawScore = rapid.SampledFrom([]float64{0, 1, -1, 2.5, 1e15, inf, negInf})
	// No short times to live: the hosts' clocks need not agree on the moment.
	drawTTL   = rapid.SampledFrom([]time.Duration{0, -1, time.Hour, 100 * time.Hour})
	drawID    = rapid.SampledFrom([]string{"0-0", "0-1", "1", "1-1", "2-5", "2-*", "3", "3-3", "9-0", maxID, "x", "", "1-"})
	drawBound = rapid.SampledFrom([]string{"-", "+", "0", "1", "1-1", "(1-1", "2", "(2", "2-5", "(2-5", "3", "9-9", "x", ""})
	drawAfter = rapid.SampledFrom([]string{"$", "0", "0-1", "1", "1-1", "2-5", "3", maxID, "x", "-", "+", "(1", ""})
	drawCount = rapid.SampledFrom([]int{0, 0, 1, 2, 5, -1})
	drawTrim  = rapid.Custom(func(t *rapid.T) cache.Trim {
		var trim cache.Trim
		if rapid.Bool().Draw(t, "by length") {
			trim.MaxLen = drawCount.Draw(t, "maxLen")
		}
		if rapid.Bool().Draw(t, "by id") {
			trim.MinID = drawID.Draw(t, "minID")
		}
		return trim
	})
	// Places around three centres, one by the antimeridian. Nobody stands on the
	// meridian itself: Redis puts it beside the map and finds little there.
	drawPlace = rapid.Custom(func(t *rapid.T) cache.GeoMember {
		centre := rapid.SampledFrom([][2]float64{{12.97, 77.59}, {0, 179.87}, {-41.3, 174.8}}).Draw(t, "centre")
		return cache.GeoMember{
			Lat: centre[0] + rapid.Float64Range(-0.5, 0.5).Draw(t, "north"),
			Lon: wrapLon(centre[1] + rapid.Float64Range(-0.5, 0.5).Draw(t, "east")),
		}
	})
	drawRadius = rapid.SampledFrom([]float64{0, 1, 500, 20e3, 100e3, 1000e3})
)

func drawRange(t *rapid.T) cache.ScoreRange {
	return cache.ScoreRange{
		Min:     drawScore.Draw(t, "min"),
		Max:     drawScore.Draw(t, "max"),
		Reverse: rapid.Bool().Draw(t, "reverse"),
		Offset:  rapid.IntRange(-1, 3).Draw(t, "offset"),
		Limit:   rapid.IntRange(-1, 3).Draw(t, "limit"),
	}
}

func drawStep(t *rapid.T, tag string) step {
	keys := rapid.Map(drawKey, func(name string) string { return Key(tag, name) })
	families := []func(*rapid.T, *rapid.Generator[string]) step{keySteps, stringSteps, hashSteps, zsetSteps, geoSteps, streamSteps, globSteps}
	return rapid.SampledFrom(families).Draw(t, "family")(t, keys)
}

func zsetSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	key := keys.Draw(t, "key")
	several := rapid.SliceOfN(drawName, 1, 4).Draw(t, "members")
	switch rapid.IntRange(0, 5).Draw(t, "operation") {
	case 0, 1:
		ms := make([]cache.Member, len(several))
		for i, n := range several {
			ms[i] = cache.Member{Name: n, Score: drawScore.Draw(t, "score")}
		}
		return on(fmt.Sprintf("ZAdd %q %+v", key, ms), func(ctx context.Context, e cache.Engine) (int64, error) { return e.ZAdd(ctx, key, ms...) })
	case 2:
		return on(fmt.Sprintf("ZRem %q %q", key, several), func(ctx context.Context, e cache.Engine) (int64, error) { return e.ZRem(ctx, key, several...) })
	case 3:
		name := drawName.Draw(t, "member")
		return on(fmt.Sprintf("ZScore %q %q", key, name), func(ctx context.Context, e cache.Engine) (*float64, error) {
			score, ok, err := e.ZScore(ctx, key, name)
			if !ok {
				return nil, err
			}
			return &score, err
		})
	case 4:
		return on(fmt.Sprintf("ZCard %q", key), func(ctx context.Context, e cache.Engine) (int64, error) { return e.ZCard(ctx, key) })
	}
	r := drawRange(t)
	return on(fmt.Sprintf("ZRangeByScore %q %+v", key, r), func(ctx context.Context, e cache.Engine) ([]cache.Member, error) { return e.ZRangeByScore(ctx, key, r) })
}

func geoSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	key := keys.Draw(t, "key")
	if rapid.Bool().Draw(t, "add") {
		places := rapid.SliceOfN(drawPlace, 1, 8).Draw(t, "places")
		for i := range places {
			places[i].Name = fmt.Sprint("p", rapid.IntRange(0, 20).Draw(t, "name"))
		}
		return on(fmt.Sprintf("GeoAdd %q %+v", key, places), func(ctx context.Context, e cache.Engine) (int64, error) { return e.GeoAdd(ctx, key, places...) })
	}
	at := drawPlace.Draw(t, "centre of the search")
	q := cache.GeoQuery{Lat: at.Lat, Lon: at.Lon, RadiusM: drawRadius.Draw(t, "radius"), Count: rapid.IntRange(0, 4).Draw(t, "count")}
	return onLike(fmt.Sprintf("GeoSearch %q %+v", key, q),
		func(ctx context.Context, e cache.Engine) ([]cache.GeoHit, error) { return e.GeoSearch(ctx, key, q) }, sameHits)
}

// sameHits compares what is nearest first: members at the same distance may
// change places, and with a count the last may be any of those.
func sameHits(a, b []cache.GeoHit) bool {
	if len(a) != len(b) {
		return false
	}
	byName := map[string]cache.GeoHit{}
	for _, hit := range a {
		byName[hit.Name] = hit
	}
	for i, hit := range b {
		if math.Abs(hit.DistanceM-a[i].DistanceM) > distanceSlack {
			return false
		}
		twin, ok := byName[hit.Name]
		if !ok && math.Abs(hit.DistanceM-a[len(a)-1].DistanceM) > distanceSlack {
			return false
		}
		if ok && (math.Abs(twin.Lat-hit.Lat) > 1e-9 || math.Abs(twin.Lon-hit.Lon) > 1e-9) {
			return false
		}
	}
	return true
}

func streamSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	key := keys.Draw(t, "key")
	switch rapid.IntRange(0, 7).Draw(t, "operation") {
	case 0, 1:
		id, trim := drawID.Draw(t, "id"), drawTrim.Draw(t, "trim")
		fs := make([]cache.Field, rapid.IntRange(1, 3).Draw(t, "fields"))
		for i := range fs {
			fs[i] = cache.Field{Name: drawName.Draw(t, "field"), Value: drawValue.Draw(t, "value")}
		}
		return on(fmt.Sprintf("XAdd %q %q %+v %q", key, id, trim, fs), func(ctx context.Context, e cache.Engine) (string, error) {
			return e.XAdd(ctx, key, id, trim, fs...)
		})
	case 2:
		trim := drawTrim.Draw(t, "trim")
		return on(fmt.Sprintf("XTrim %q %+v", key, trim), func(ctx context.Context, e cache.Engine) (int64, error) {
			return e.XTrim(ctx, key, trim)
		})
	case 3:
		return on(fmt.Sprintf("XLen %q", key), func(ctx context.Context, e cache.Engine) (int64, error) { return e.XLen(ctx, key) })
	}
	count := drawCount.Draw(t, "count")
	if rapid.Bool().Draw(t, "read") {
		from := []cache.ReadFrom{{Key: key, After: drawAfter.Draw(t, "after")}}
		if other := keys.Draw(t, "other key"); other != key {
			from = append(from, cache.ReadFrom{Key: other, After: drawAfter.Draw(t, "after")})
		}
		return on(fmt.Sprintf("XRead %d %q", count, from), func(ctx context.Context, e cache.Engine) ([]cache.StreamEntries, error) {
			return e.XRead(ctx, count, 0, from...)
		})
	}
	from, to := drawBound.Draw(t, "from"), drawBound.Draw(t, "to")
	if rapid.Bool().Draw(t, "reverse") {
		return on(fmt.Sprintf("XRevRange %q %q %q %d", key, from, to, count), func(ctx context.Context, e cache.Engine) ([]cache.Entry, error) {
			return e.XRevRange(ctx, key, from, to, count)
		})
	}
	return on(fmt.Sprintf("XRange %q %q %q %d", key, from, to, count), func(ctx context.Context, e cache.Engine) ([]cache.Entry, error) {
		return e.XRange(ctx, key, from, to, count)
	})
}

// globSteps makes keys of a glob's own characters and looks for them by globs.
func globSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	const alphabet = `ab*?[]^-\`
	text := rapid.StringOfN(rapid.SampledFrom([]rune(alphabet)), 0, 6, -1)
	tag := cache.Tag(keys.Draw(t, "key"))
	// Names end in a letter and globs begin after the tag, so that an open
	// bracket or a backslash has no tag to swallow.
	prefix := "{" + tag + "}"
	if rapid.Bool().Draw(t, "write") {
		key := prefix + text.Draw(t, "name")
		return on(fmt.Sprintf("IncrBy %q 1", key), func(ctx context.Context, e cache.Engine) (int64, error) { return e.IncrBy(ctx, key, 1) })
	}
	glob := prefix + text.Draw(t, "glob")
	return on(fmt.Sprintf("Scan %q", glob), func(ctx context.Context, e cache.Engine) ([]string, error) {
		found := map[string]bool{}
		for cursor := ""; ; {
			page, next, err := e.Scan(ctx, cursor, glob, 1000)
			if err != nil {
				return nil, err
			}
			for _, k := range page {
				if strings.HasPrefix(k, prefix) {
					found[k] = true
				}
			}
			if next == "" {
				return slices.Sorted(maps.Keys(found)), nil
			}
			cursor = next
		}
	})
}
