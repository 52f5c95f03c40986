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
	// No short times to live: the hosts' clocks need not agree on the moment.
	drawTTL   = rapid.SampledFrom([]time.Duration{0, -1, time.Hour, 100 * time.Hour})
	drawCount = rapid.SampledFrom([]int{0, 0, 1, 2, 5, -1})
)

func drawStep(t *rapid.T, tag string) step {
	keys := rapid.Map(drawKey, func(name string) string { return Key(tag, name) })
	families := []func(*rapid.T, *rapid.Generator[string]) step{keySteps, stringSteps, hashSteps, listSteps, setSteps, hllSteps, zsetSteps, rankSteps, geoSteps, streamSteps, globSteps}
	return rapid.SampledFrom(families).Draw(t, "family")(t, keys)
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
