package enginetest

import (
	"fmt"
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
		require.Error(t, err)
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

func testScoreRanges(t *testing.T, h *host) {
	// Equal scores are ordered by the members' bytes.
	k := h.key("zset")
	must(h.ZAdd(h.ctx, k,
		cache.Member{Name: "low", Score: negInf},
		cache.Member{Name: "b", Score: 1}, cache.Member{Name: "a", Score: 1},
		cache.Member{Name: "", Score: 1}, cache.Member{Name: "B", Score: 1}, cache.Member{Name: "\xff", Score: 1},
		cache.Member{Name: "two", Score: 2}, cache.Member{Name: "minus", Score: -0.5},
		cache.Member{Name: "high", Score: inf},
	))(t)
	order := []string{"low", "minus", "", "B", "a", "b", "\xff", "two", "high"}
	reverse := []string{"high", "two", "\xff", "b", "a", "B", "", "minus", "low"}

	cases := []struct {
		name string
		r    cache.ScoreRange
		want []string
	}{
		{"all", cache.ScoreRange{Min: negInf, Max: inf}, order},
		{"all backwards", cache.ScoreRange{Min: negInf, Max: inf, Reverse: true}, reverse},
		{"ends included", cache.ScoreRange{Min: 1, Max: 2}, order[2:8]},
		{"one score", cache.ScoreRange{Min: 1, Max: 1}, order[2:7]},
		{"the infinite ones", cache.ScoreRange{Min: inf, Max: inf}, order[8:]},
		{"between scores", cache.ScoreRange{Min: 1.1, Max: 1.9}, nil},
		{"ends swapped", cache.ScoreRange{Min: 2, Max: 1}, nil},
		{"limit", cache.ScoreRange{Min: 1, Max: 2, Limit: 2}, order[2:4]},
		{"offset", cache.ScoreRange{Min: 1, Max: 2, Offset: 4}, order[6:8]},
		{"offset and limit", cache.ScoreRange{Min: 1, Max: 2, Offset: 1, Limit: 3}, order[3:6]},
		{"backwards, offset and limit", cache.ScoreRange{Min: 1, Max: 2, Reverse: true, Offset: 1, Limit: 2}, reverse[2:4]},
		{"offset beyond the end", cache.ScoreRange{Min: 1, Max: 2, Offset: 99, Limit: 3}, nil},
		{"limit beyond the end", cache.ScoreRange{Min: 1, Max: 2, Offset: 5, Limit: 99}, order[7:8]},
		{"a negative limit is none", cache.ScoreRange{Min: 1, Max: 2, Limit: -1}, order[2:8]},
		{"a negative offset finds nothing", cache.ScoreRange{Min: 1, Max: 2, Offset: -1}, nil},
		{"a negative offset with a limit", cache.ScoreRange{Min: 1, Max: 2, Offset: -1, Limit: 2}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, names(c.want), names(memberNames(must(h.ZRangeByScore(h.ctx, k, c.r))(t))))
		})
	}
	t.Run("NaN is no end", func(t *testing.T) {
		_, err := h.ZRangeByScore(h.ctx, k, cache.ScoreRange{Min: math.NaN(), Max: 1})
		require.Error(t, err)
		_, err = h.ZRangeByScore(h.ctx, k, cache.ScoreRange{Min: 1, Max: math.NaN()})
		require.Error(t, err)
	})
	t.Run("many members", func(t *testing.T) {
		many := h.key("many")
		var want []string
		for i := range 1000 {
			// 389 is prime to 1000: every score once, in a scattered order.
			score := i * 389 % 1000
			must(h.ZAdd(h.ctx, many, cache.Member{Name: fmt.Sprintf("m%04d", score), Score: float64(score)}))(t)
			want = append(want, fmt.Sprintf("m%04d", i))
		}
		require.Equal(t, want, memberNames(allMembers(t, h, many)))
		require.Equal(t, want[250:260],
			memberNames(must(h.ZRangeByScore(h.ctx, many, cache.ScoreRange{Min: 200, Max: 800, Offset: 50, Limit: 10}))(t)))
	})
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
