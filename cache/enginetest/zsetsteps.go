package enginetest

import (
	"context"
	"fmt"

	"pgregory.net/rapid"

	"hyperlocal/cache"
)

var (
	drawScore = rapid.SampledFrom([]float64{0, 1, -1, 2.5, 1e15, inf, negInf})
	// Conditions are rare, so that they do not exclude each other most of the time.
	drawConditions = rapid.Custom(func(t *rapid.T) cache.ZAddOptions {
		rare := rapid.SampledFrom([]bool{false, false, false, true})
		return cache.ZAddOptions{
			NX: rare.Draw(t, "nx"), XX: rare.Draw(t, "xx"), GT: rare.Draw(t, "gt"), LT: rare.Draw(t, "lt"), CH: rapid.Bool().Draw(t, "ch"),
		}
	})
	drawRank = rapid.SampledFrom([]int64{0, 1, 2, 5, -1, -2, -4, -9})
)

func drawRange(t *rapid.T) cache.ScoreRange {
	return cache.ScoreRange{
		Min:     drawScore.Draw(t, "min"),
		Max:     drawScore.Draw(t, "max"),
		MinOpen: rapid.Bool().Draw(t, "minOpen"),
		MaxOpen: rapid.Bool().Draw(t, "maxOpen"),
		Reverse: rapid.Bool().Draw(t, "reverse"),
		Offset:  rapid.IntRange(-1, 3).Draw(t, "offset"),
		Limit:   rapid.IntRange(-1, 3).Draw(t, "limit"),
	}
}

func zsetSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	key := keys.Draw(t, "key")
	several := rapid.SliceOfN(drawName, 1, 4).Draw(t, "members")
	switch rapid.IntRange(0, 6).Draw(t, "operation") {
	case 0, 1:
		ms := make([]cache.Member, len(several))
		for i, n := range several {
			ms[i] = cache.Member{Name: n, Score: drawScore.Draw(t, "score")}
		}
		if rapid.Bool().Draw(t, "conditional") {
			opt := drawConditions.Draw(t, "conditions")
			return on(fmt.Sprintf("ZAddIf %q %+v %+v", key, opt, ms), func(ctx context.Context, e cache.Engine) (int64, error) { return e.ZAddIf(ctx, key, opt, ms...) })
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
		name, delta, opt := drawName.Draw(t, "member"), drawScore.Draw(t, "delta"), drawConditions.Draw(t, "conditions")
		return on(fmt.Sprintf("ZIncrBy %q %q %v %+v", key, name, delta, opt), func(ctx context.Context, e cache.Engine) (*float64, error) {
			score, ok, err := e.ZIncrBy(ctx, key, name, delta, opt)
			if !ok {
				return nil, err
			}
			return &score, err
		})
	case 5:
		return on(fmt.Sprintf("ZCard %q", key), func(ctx context.Context, e cache.Engine) (int64, error) { return e.ZCard(ctx, key) })
	}
	r := drawRange(t)
	return on(fmt.Sprintf("ZRangeByScore %q %+v", key, r), func(ctx context.Context, e cache.Engine) ([]cache.Member, error) { return e.ZRangeByScore(ctx, key, r) })
}

// rankSteps are the steps that ask where members stand.
func rankSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	key, r := keys.Draw(t, "key"), drawRange(t)
	start, stop := drawRank.Draw(t, "start"), drawRank.Draw(t, "stop")
	switch rapid.IntRange(0, 5).Draw(t, "operation") {
	case 0:
		name := drawName.Draw(t, "member")
		return on(fmt.Sprintf("ZRank %q %q %v", key, name, r.Reverse), func(ctx context.Context, e cache.Engine) (*int64, error) {
			rank, ok, err := e.ZRank(ctx, key, name, r.Reverse)
			if !ok {
				return nil, err
			}
			return &rank, err
		})
	case 1:
		return on(fmt.Sprintf("ZCount %q %+v", key, r), func(ctx context.Context, e cache.Engine) (int64, error) { return e.ZCount(ctx, key, r) })
	case 2:
		return on(fmt.Sprintf("ZRemRangeByScore %q %+v", key, r), func(ctx context.Context, e cache.Engine) (int64, error) { return e.ZRemRangeByScore(ctx, key, r) })
	case 3:
		return on(fmt.Sprintf("ZRemRangeByRank %q %d %d", key, start, stop), func(ctx context.Context, e cache.Engine) (int64, error) {
			return e.ZRemRangeByRank(ctx, key, start, stop)
		})
	}
	return on(fmt.Sprintf("ZRange %q %d %d %v", key, start, stop, r.Reverse), func(ctx context.Context, e cache.Engine) ([]cache.Member, error) {
		return e.ZRange(ctx, key, start, stop, r.Reverse)
	})
}
