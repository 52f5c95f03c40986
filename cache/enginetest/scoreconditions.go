package enginetest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func testScoreConditions(t *testing.T, h *host) {
	k, none := h.key("zset"), h.key("none")
	nx, xx, gt, lt := cache.ZAddOptions{NX: true}, cache.ZAddOptions{XX: true}, cache.ZAddOptions{GT: true}, cache.ZAddOptions{LT: true}
	ch := func(o cache.ZAddOptions) cache.ZAddOptions { o.CH = true; return o }
	m := func(name string, score float64) cache.Member { return cache.Member{Name: name, Score: score} }

	t.Run("ZAddIf", func(t *testing.T) {
		for _, c := range []struct {
			opt   cache.ZAddOptions
			add   []cache.Member
			count int64
			want  []cache.Member
		}{
			{cache.ZAddOptions{}, []cache.Member{m("a", 1), m("b", 2)}, 2, []cache.Member{m("a", 1), m("b", 2)}},
			{nx, []cache.Member{m("a", 9), m("c", 3)}, 1, []cache.Member{m("a", 1), m("b", 2), m("c", 3)}},
			{xx, []cache.Member{m("a", 0), m("d", 4)}, 0, []cache.Member{m("a", 0), m("b", 2), m("c", 3)}},
			{ch(xx), []cache.Member{m("a", 1), m("b", 2), m("d", 4)}, 1, []cache.Member{m("a", 1), m("b", 2), m("c", 3)}},
			{gt, []cache.Member{m("a", 1), m("b", 1), m("c", 4)}, 0, []cache.Member{m("a", 1), m("b", 2), m("c", 4)}},
			{ch(gt), []cache.Member{m("a", 2), m("b", 1), m("d", 1)}, 2, []cache.Member{m("d", 1), m("a", 2), m("b", 2), m("c", 4)}},
			{ch(lt), []cache.Member{m("a", 3), m("b", 1), m("e", 5)}, 2, []cache.Member{m("b", 1), m("d", 1), m("a", 2), m("c", 4), m("e", 5)}},
			{cache.ZAddOptions{XX: true, GT: true, CH: true}, []cache.Member{m("b", 6), m("f", 6)}, 1,
				[]cache.Member{m("d", 1), m("a", 2), m("c", 4), m("e", 5), m("b", 6)}},
			{ch(cache.ZAddOptions{}), []cache.Member{m("d", 2), m("d", 2), m("d", 1)}, 2,
				[]cache.Member{m("d", 1), m("a", 2), m("c", 4), m("e", 5), m("b", 6)}},
			{nx, []cache.Member{m("g", 1), m("g", 7)}, 1,
				[]cache.Member{m("d", 1), m("g", 1), m("a", 2), m("c", 4), m("e", 5), m("b", 6)}},
		} {
			require.Equal(t, c.count, must(h.ZAddIf(h.ctx, k, c.opt, c.add...))(t), "%+v %v", c.opt, c.add)
			require.Equal(t, c.want, allMembers(t, h, k), "%+v %v", c.opt, c.add)
		}
		require.Zero(t, must(h.ZAddIf(h.ctx, none, xx, m("a", 1)))(t))
		require.Zero(t, must(h.Exists(h.ctx, none))(t), "what makes no member makes no key")
	})
	t.Run("ZIncrBy", func(t *testing.T) {
		s := h.key("sums")
		for _, c := range []struct {
			name  string
			delta float64
			opt   cache.ZAddOptions
			score float64
			ok    bool
		}{
			{"a", 1.5, cache.ZAddOptions{}, 1.5, true},
			{"a", -3, cache.ZAddOptions{}, -1.5, true},
			{"a", 0, cache.ZAddOptions{}, -1.5, true},
			{"a", 1, nx, 0, false},
			{"b", 1, xx, 0, false},
			{"b", 2, nx, 2, true},
			{"b", 1, ch(xx), 3, true},
			{"b", -1, gt, 0, false},
			{"b", 0, gt, 0, false},
			{"b", 1, gt, 4, true},
			{"b", 1, lt, 0, false},
			{"b", -1, lt, 3, true},
			{"c", -7, gt, -7, true}, // a new one has no score that could have risen
			{"d", inf, cache.ZAddOptions{}, inf, true},
			{"d", inf, cache.ZAddOptions{}, inf, true},
		} {
			score, ok, err := h.ZIncrBy(h.ctx, s, c.name, c.delta, c.opt)
			require.NoError(t, err)
			require.Equal(t, c.ok, ok, "%+v", c)
			require.Equal(t, c.score, score, "%+v", c)
		}
		before := allMembers(t, h, s)
		require.Equal(t, []cache.Member{m("c", -7), m("a", -1.5), m("b", 3), m("d", inf)}, before)
		for _, delta := range []float64{negInf, math.NaN()} {
			_, _, err := h.ZIncrBy(h.ctx, s, "d", delta, cache.ZAddOptions{})
			require.ErrorIs(t, err, cache.ErrScoreNaN)
		}
		require.Equal(t, before, allMembers(t, h, s))
		_, ok, err := h.ZIncrBy(h.ctx, none, "a", 1, xx)
		require.NoError(t, err)
		require.False(t, ok)
		require.Zero(t, must(h.Exists(h.ctx, none))(t))
	})
	t.Run("what excludes each other", func(t *testing.T) {
		for _, opt := range []cache.ZAddOptions{
			{NX: true, XX: true}, {NX: true, GT: true}, {NX: true, LT: true}, {GT: true, LT: true}, {XX: true, GT: true, LT: true},
		} {
			_, err := h.ZAddIf(h.ctx, none, opt, m("a", 1))
			require.ErrorIs(t, err, cache.ErrSyntax, "%+v", opt)
			_, _, err = h.ZIncrBy(h.ctx, none, "a", 1, opt)
			require.ErrorIs(t, err, cache.ErrSyntax, "%+v", opt)
		}
		_, err := h.ZAddIf(h.ctx, none, gt, m("a", 1), m("b", math.NaN()))
		require.ErrorIs(t, err, cache.ErrScoreNaN)
		require.Zero(t, must(h.Exists(h.ctx, none))(t))
	})
}
