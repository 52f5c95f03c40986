package enginetest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

var (
	inf    = math.Inf(1)
	negInf = math.Inf(-1)
)

func testSortedSets(t *testing.T, h *host) {
	k, none := h.key("zset"), h.key("none")

	t.Run("missing", func(t *testing.T) {
		_, ok, err := h.ZScore(h.ctx, none, "m")
		require.NoError(t, err)
		require.False(t, ok)
		require.Zero(t, must(h.ZCard(h.ctx, none))(t))
		require.Zero(t, must(h.ZRem(h.ctx, none, "m"))(t))
		require.Empty(t, must(h.ZRangeByScore(h.ctx, none, cache.ScoreRange{Min: negInf, Max: inf}))(t))
	})
	t.Run("ZAdd", func(t *testing.T) {
		require.EqualValues(t, 2, must(h.ZAdd(h.ctx, k, cache.Member{Name: "a", Score: 1}, cache.Member{Name: "b", Score: 2}))(t))
		require.EqualValues(t, 1, must(h.ZAdd(h.ctx, k, cache.Member{Name: "a", Score: 5}, cache.Member{Name: "c", Score: 0}))(t))
		require.EqualValues(t, 1, must(h.ZAdd(h.ctx, k, cache.Member{Name: "d", Score: 3}, cache.Member{Name: "d", Score: 4}))(t))
		require.EqualValues(t, 4, must(h.ZCard(h.ctx, k))(t))
		require.Equal(t, []cache.Member{{Name: "c", Score: 0}, {Name: "b", Score: 2}, {Name: "d", Score: 4}, {Name: "a", Score: 5}},
			allMembers(t, h, k))
		require.Zero(t, must(h.ZAdd(h.ctx, none))(t), "no members: nothing to do")
		require.Zero(t, must(h.Exists(h.ctx, none))(t))
	})
	t.Run("scores come back bit by bit", func(t *testing.T) {
		for _, score := range []float64{
			0, 1, -1, 0.1, -0.1, 1.0 / 3, 1e-300, 1e300, math.MaxFloat64, math.SmallestNonzeroFloat64,
			1<<52 + 1, 1<<53 - 1, 3479099956230698, inf, negInf,
		} {
			must(h.ZAdd(h.ctx, k, cache.Member{Name: "s", Score: score}))(t)
			back, ok, err := h.ZScore(h.ctx, k, "s")
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, score, back)
		}
	})
	t.Run("NaN is no score", func(t *testing.T) {
		before := allMembers(t, h, k)
		_, err := h.ZAdd(h.ctx, k, cache.Member{Name: "good", Score: 1}, cache.Member{Name: "bad", Score: math.NaN()})
		require.ErrorIs(t, err, cache.ErrScoreNaN)
		require.Equal(t, before, allMembers(t, h, k), "nothing of a refused call is written")
	})
	t.Run("ZRem, to the last member", func(t *testing.T) {
		require.EqualValues(t, 1, must(h.ZRem(h.ctx, k, "s", "s", "nobody"))(t))
		require.Zero(t, must(h.ZRem(h.ctx, k))(t))
		require.EqualValues(t, 4, must(h.ZRem(h.ctx, k, "a", "b", "c", "d"))(t))
		require.Zero(t, must(h.Exists(h.ctx, k))(t), "an empty sorted set does not exist")
	})
}

func allMembers(t testing.TB, h *host, key string) []cache.Member {
	t.Helper()
	return must(h.ZRangeByScore(h.ctx, key, cache.ScoreRange{Min: negInf, Max: inf}))(t)
}

func memberNames(ms []cache.Member) []string {
	var out []string
	for _, m := range ms {
		out = append(out, m.Name)
	}
	return out
}

// names makes nil of an empty list, since hosts may return either.
func names(s []string) []string {
	if len(s) == 0 {
		return nil
	}
	return s
}
