package enginetest

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

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
		{"without the lower end", cache.ScoreRange{Min: 1, Max: 2, MinOpen: true}, order[7:8]},
		{"without the upper end", cache.ScoreRange{Min: 1, Max: 2, MaxOpen: true}, order[2:7]},
		{"without both, backwards", cache.ScoreRange{Min: -0.5, Max: 2, MinOpen: true, MaxOpen: true, Reverse: true}, reverse[2:7]},
		{"without the infinite ones", cache.ScoreRange{Min: negInf, Max: inf, MinOpen: true, MaxOpen: true}, order[1:8]},
		{"one score, open", cache.ScoreRange{Min: 1, Max: 1, MinOpen: true}, nil},
		{"open, offset and limit", cache.ScoreRange{Min: -0.5, Max: 2, MinOpen: true, Offset: 1, Limit: 2}, order[3:5]},
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
			if c.r.Offset == 0 && c.r.Limit == 0 {
				require.EqualValues(t, len(c.want), must(h.ZCount(h.ctx, k, c.r))(t))
			}
		})
	}
	t.Run("NaN is no end", func(t *testing.T) {
		_, err := h.ZRangeByScore(h.ctx, k, cache.ScoreRange{Min: math.NaN(), Max: 1})
		require.ErrorIs(t, err, cache.ErrScoreNaN)
		_, err = h.ZRangeByScore(h.ctx, k, cache.ScoreRange{Min: 1, Max: math.NaN()})
		require.ErrorIs(t, err, cache.ErrScoreNaN)
		_, err = h.ZCount(h.ctx, k, cache.ScoreRange{Min: 1, Max: math.NaN()})
		require.ErrorIs(t, err, cache.ErrScoreNaN)
		_, err = h.ZRemRangeByScore(h.ctx, k, cache.ScoreRange{Min: math.NaN(), Max: 1})
		require.ErrorIs(t, err, cache.ErrScoreNaN)
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

func testRanks(t *testing.T, h *host) {
	k, none := h.key("zset"), h.key("none")
	order := []string{"low", "a", "b", "two", "high"}
	fill := func(t *testing.T) {
		t.Helper()
		must(h.ZAdd(h.ctx, k, cache.Member{Name: "b", Score: 1}, cache.Member{Name: "a", Score: 1},
			cache.Member{Name: "two", Score: 2}, cache.Member{Name: "low", Score: negInf}, cache.Member{Name: "high", Score: inf}))(t)
	}
	fill(t)
	t.Run("ZRank", func(t *testing.T) {
		for i, name := range order {
			rank, ok, err := h.ZRank(h.ctx, k, name, false)
			require.NoError(t, err)
			require.True(t, ok)
			require.EqualValues(t, i, rank, name)
			rank, ok, err = h.ZRank(h.ctx, k, name, true)
			require.NoError(t, err)
			require.True(t, ok)
			require.EqualValues(t, len(order)-1-i, rank, name)
		}
		for _, key := range []string{k, none} {
			_, ok, err := h.ZRank(h.ctx, key, "nobody", key == k)
			require.NoError(t, err)
			require.False(t, ok)
		}
	})
	ranges := []struct {
		start, stop int64
		want        []string
	}{
		{0, -1, order}, {0, 99, order}, {-99, 99, order}, {1, 2, order[1:3]}, {-2, -1, order[3:]}, {-2, 99, order[3:]},
		{2, 1, nil}, {5, 9, nil}, {9, 99, nil}, {0, -6, nil}, {-1, -2, nil}, {math.MinInt64, math.MinInt64, nil},
		{math.MinInt64, math.MaxInt64, order},
	}
	t.Run("ZRange", func(t *testing.T) {
		all := allMembers(t, h, k)
		require.Equal(t, all[1:3], must(h.ZRange(h.ctx, k, 1, 2, false))(t))
		for _, r := range ranges {
			require.Equal(t, r.want, names(memberNames(must(h.ZRange(h.ctx, k, r.start, r.stop, false))(t))), "%+v", r)
			back := must(h.ZRange(h.ctx, k, r.start, r.stop, true))(t)
			require.Len(t, back, len(r.want))
			for i := range back {
				start := r.start
				if start < 0 {
					start = max(0, start+int64(len(order)))
				}
				require.Equal(t, order[len(order)-1-int(start)-i], back[i].Name, "%+v", r)
			}
		}
		require.Empty(t, must(h.ZRange(h.ctx, none, 0, -1, false))(t))
	})
	t.Run("ZRemRangeByRank", func(t *testing.T) {
		for _, r := range ranges {
			fill(t)
			require.EqualValues(t, len(r.want), must(h.ZRemRangeByRank(h.ctx, k, r.start, r.stop))(t), "%+v", r)
			require.EqualValues(t, len(order)-len(r.want), must(h.ZCard(h.ctx, k))(t))
			left := memberNames(allMembers(t, h, k))
			for _, name := range r.want {
				require.NotContains(t, left, name)
			}
		}
		require.Zero(t, must(h.Exists(h.ctx, k))(t), "the last member takes the key along")
		require.Zero(t, must(h.ZRemRangeByRank(h.ctx, none, 0, -1))(t))
	})
	t.Run("ZRemRangeByScore", func(t *testing.T) {
		fill(t)
		require.Zero(t, must(h.ZRemRangeByScore(h.ctx, k, cache.ScoreRange{Min: 2, Max: 1}))(t))
		require.Zero(t, must(h.ZRemRangeByScore(h.ctx, k, cache.ScoreRange{Min: 1, Max: 2, MinOpen: true, MaxOpen: true}))(t))
		all := cache.ScoreRange{Min: 1, Max: 2, MaxOpen: true, Reverse: true, Offset: 1, Limit: 1}
		require.EqualValues(t, 2, must(h.ZRemRangeByScore(h.ctx, k, all))(t), "offset and limit do not apply")
		require.Equal(t, []string{"low", "two", "high"}, memberNames(allMembers(t, h, k)))
		require.EqualValues(t, 3, must(h.ZRemRangeByScore(h.ctx, k, cache.ScoreRange{Min: negInf, Max: inf}))(t))
		require.Zero(t, must(h.Exists(h.ctx, k))(t))
		require.Zero(t, must(h.ZRemRangeByScore(h.ctx, k, all))(t))
		require.Zero(t, must(h.ZCount(h.ctx, k, all))(t))
	})
	t.Run("many members", func(t *testing.T) {
		many := h.key("many")
		members := make([]cache.Member, 1000)
		for i := range members {
			members[i] = cache.Member{Name: fmt.Sprintf("m%03d", i), Score: float64(i / 3)}
		}
		must(h.ZAdd(h.ctx, many, members...))(t)
		require.Equal(t, members[497:503], must(h.ZRange(h.ctx, many, 497, 502, false))(t))
		rank, _, err := h.ZRank(h.ctx, many, "m700", false)
		require.NoError(t, err)
		require.EqualValues(t, 700, rank)
		require.EqualValues(t, 300, must(h.ZCount(h.ctx, many, cache.ScoreRange{Min: 100, Max: 200, MinOpen: true}))(t))
		require.EqualValues(t, 300, must(h.ZRemRangeByScore(h.ctx, many, cache.ScoreRange{Min: 100, Max: 200, MinOpen: true}))(t))
		require.EqualValues(t, 600, must(h.ZRemRangeByRank(h.ctx, many, 50, -51))(t))
		require.Equal(t, append(members[:50:50], members[950:]...), allMembers(t, h, many))
	})
}
