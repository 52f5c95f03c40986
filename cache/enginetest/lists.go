package enginetest

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func testLists(t *testing.T, h *host) {
	k, none := h.key("list"), h.key("none")
	all := func(t *testing.T, key string) []string {
		t.Helper()
		return must(h.LRange(h.ctx, key, 0, -1))(t)
	}
	t.Run("missing", func(t *testing.T) {
		require.Empty(t, all(t, none))
		require.Zero(t, must(h.LLen(h.ctx, none))(t))
		require.Nil(t, must(h.LPop(h.ctx, none, 1))(t))
		require.Nil(t, must(h.RPop(h.ctx, none, 0))(t))
		require.NoError(t, h.LTrim(h.ctx, none, 0, 1))
		require.Zero(t, must(h.LPush(h.ctx, none))(t), "no values: nothing to do")
		require.Zero(t, must(h.Exists(h.ctx, none))(t))
	})
	t.Run("push", func(t *testing.T) {
		require.EqualValues(t, 2, must(h.RPush(h.ctx, k, "c", "d"))(t))
		require.EqualValues(t, 4, must(h.LPush(h.ctx, k, "b", ""))(t), "the last stands first")
		require.Equal(t, []string{"", "b", "c", "d"}, all(t, k))
		require.EqualValues(t, 4, must(h.LLen(h.ctx, k))(t))
		require.EqualValues(t, 4, must(h.RPush(h.ctx, k))(t))
	})
	t.Run("pop", func(t *testing.T) {
		require.Equal(t, []string{""}, must(h.LPop(h.ctx, k, 1))(t))
		require.Equal(t, []string{"d", "c"}, must(h.RPop(h.ctx, k, 2))(t), "the last one first")
		values := must(h.LPop(h.ctx, k, 0))(t)
		require.NotNil(t, values)
		require.Empty(t, values)
		_, err := h.LPop(h.ctx, k, -1)
		require.ErrorIs(t, err, cache.ErrSyntax)
		_, err = h.RPop(h.ctx, none, -1)
		require.ErrorIs(t, err, cache.ErrSyntax)
		require.Equal(t, []string{"b"}, must(h.RPop(h.ctx, k, 5))(t), "as many as there are")
		require.Zero(t, must(h.Exists(h.ctx, k))(t), "an empty list does not exist")
	})
	t.Run("ranges", func(t *testing.T) {
		own := h.key("ranges")
		ends := []int64{math.MinInt64, -7, -6, -5, -4, -1, 0, 1, 3, 4, 5, 6, math.MaxInt64}
		whole := []string{"a", "b", "c", "d", "e"}
		for _, start := range ends {
			for _, stop := range ends {
				must(h.Del(h.ctx, own))(t)
				must(h.RPush(h.ctx, own, whole...))(t)
				want := whole[:0:0]
				for i, v := range whole {
					at, back := int64(i), int64(i-len(whole))
					from := start < 0 && back >= start || start >= 0 && at >= start
					if from && (stop < 0 && back <= stop || stop >= 0 && at <= stop) {
						want = append(want, v)
					}
				}
				got := must(h.LRange(h.ctx, own, start, stop))(t)
				require.Equal(t, fmt.Sprint(want), fmt.Sprint(got), "%d to %d", start, stop)
				require.NoError(t, h.LTrim(h.ctx, own, start, stop))
				require.Equal(t, fmt.Sprint(want), fmt.Sprint(all(t, own)), "trim %d to %d", start, stop)
				require.EqualValues(t, min(len(want), 1), must(h.Exists(h.ctx, own))(t))
			}
		}
	})
	t.Run("a queue that grows and shrinks", func(t *testing.T) {
		own := h.key("queue")
		var want []string
		for round := range 40 {
			for i := range round * 3 {
				v := fmt.Sprint(round, ".", i)
				must(h.RPush(h.ctx, own, v))(t)
				want = append(want, v)
			}
			n := len(want) / 2
			got := must(h.LPop(h.ctx, own, n))(t)
			require.Equal(t, fmt.Sprint(want[:n]), fmt.Sprint(got))
			want = want[n:]
		}
		require.Equal(t, want, all(t, own))
	})
}
