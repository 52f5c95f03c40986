package enginetest

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func testSets(t *testing.T, h *host) {
	k, none := h.key("set"), h.key("none")
	t.Run("missing", func(t *testing.T) {
		require.Empty(t, must(h.SMembers(h.ctx, none))(t))
		require.Zero(t, must(h.SCard(h.ctx, none))(t))
		require.Zero(t, must(h.SRem(h.ctx, none, "a"))(t))
		require.Equal(t, []bool{false}, must(h.SMIsMember(h.ctx, none, "a"))(t))
		require.Zero(t, must(h.SAdd(h.ctx, none))(t), "no members: nothing to do")
		require.Zero(t, must(h.Exists(h.ctx, none))(t))
	})
	t.Run("add and remove", func(t *testing.T) {
		require.EqualValues(t, 2, must(h.SAdd(h.ctx, k, "a", "", "a"))(t))
		require.EqualValues(t, 1, must(h.SAdd(h.ctx, k, "a", "b"))(t))
		require.ElementsMatch(t, []string{"a", "b", ""}, must(h.SMembers(h.ctx, k))(t))
		require.Equal(t, []bool{true, false, true, true}, must(h.SMIsMember(h.ctx, k, "a", "z", "", "a"))(t))
		require.Empty(t, must(h.SMIsMember(h.ctx, k))(t))
		require.EqualValues(t, 3, must(h.SCard(h.ctx, k))(t))
		require.EqualValues(t, 1, must(h.SRem(h.ctx, k, "a", "a", "z"))(t))
		require.Zero(t, must(h.SRem(h.ctx, k))(t))
		require.EqualValues(t, 2, must(h.SRem(h.ctx, k, "", "b"))(t))
		require.Zero(t, must(h.Exists(h.ctx, k))(t), "an empty set does not exist")
	})
	t.Run("combined", func(t *testing.T) {
		x, y, z := h.key("x"), h.key("y"), h.key("z")
		must(h.SAdd(h.ctx, x, "1", "2", "3", "4"))(t)
		must(h.SAdd(h.ctx, y, "3", "4", "5"))(t)
		must(h.SAdd(h.ctx, z, "4", "5", "6"))(t)
		for _, c := range []struct {
			keys                []string
			union, inter, minus []string
		}{
			{[]string{x}, []string{"1", "2", "3", "4"}, []string{"1", "2", "3", "4"}, []string{"1", "2", "3", "4"}},
			{[]string{x, y}, []string{"1", "2", "3", "4", "5"}, []string{"3", "4"}, []string{"1", "2"}},
			{[]string{y, x, z}, []string{"1", "2", "3", "4", "5", "6"}, []string{"4"}, nil},
			{[]string{x, none}, []string{"1", "2", "3", "4"}, nil, []string{"1", "2", "3", "4"}},
			{[]string{none, x}, []string{"1", "2", "3", "4"}, nil, nil},
			{[]string{x, x}, []string{"1", "2", "3", "4"}, []string{"1", "2", "3", "4"}, nil},
			{nil, nil, nil, nil},
		} {
			require.ElementsMatch(t, c.union, must(h.SUnion(h.ctx, c.keys...))(t), "%q", c.keys)
			require.ElementsMatch(t, c.inter, must(h.SInter(h.ctx, c.keys...))(t), "%q", c.keys)
			require.ElementsMatch(t, c.minus, must(h.SDiff(h.ctx, c.keys...))(t), "%q", c.keys)
		}
	})
	t.Run("of several tags", func(t *testing.T) {
		far := h.sub(t).key("far")
		must(h.SAdd(h.ctx, k, "a", "b"))(t)
		must(h.SAdd(h.ctx, far, "b", "c"))(t)
		defer func() { must(h.Del(h.ctx, far))(t) }()
		if h.OneTag {
			for _, combine := range []func(context.Context, ...string) ([]string, error){h.SUnion, h.SInter, h.SDiff} {
				_, err := combine(h.ctx, k, far)
				require.ErrorIs(t, err, cache.ErrCrossSlot)
			}
			return
		}
		require.ElementsMatch(t, []string{"a", "b", "c"}, must(h.SUnion(h.ctx, far, k))(t))
		require.ElementsMatch(t, []string{"b"}, must(h.SInter(h.ctx, k, far))(t))
		require.ElementsMatch(t, []string{"c"}, must(h.SDiff(h.ctx, far, k))(t))
	})
	t.Run("large", func(t *testing.T) {
		large := h.key("large")
		want := make([]string, 2000)
		for i := range want {
			want[i] = strconv.Itoa(i * i)
		}
		require.EqualValues(t, len(want), must(h.SAdd(h.ctx, large, want...))(t))
		require.ElementsMatch(t, want, must(h.SMembers(h.ctx, large))(t))
		require.EqualValues(t, 1990, must(h.SRem(h.ctx, large, want[10:]...))(t))
		require.ElementsMatch(t, want[:10], must(h.SMembers(h.ctx, large))(t))
	})
}
