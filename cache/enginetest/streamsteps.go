package enginetest

import (
	"context"
	"fmt"

	"pgregory.net/rapid"

	"hyperlocal/cache"
)

var (
	drawID    = rapid.SampledFrom([]string{"0-0", "0-1", "1", "1-1", "2-5", "2-*", "3", "3-3", "9-0", maxID, "x", "", "1-"})
	drawBound = rapid.SampledFrom([]string{"-", "+", "0", "1", "1-1", "(1-1", "2", "(2", "2-5", "(2-5", "3", "9-9", "x", ""})
	drawAfter = rapid.SampledFrom([]string{"$", "0", "0-1", "1", "1-1", "2-5", "3", maxID, "x", "-", "+", "(1", ""})
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
)

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
