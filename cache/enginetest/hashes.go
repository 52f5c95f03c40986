package enginetest

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func testHashes(t *testing.T, h *host) {
	k, none := h.key("hash"), h.key("none")

	t.Run("missing", func(t *testing.T) {
		require.Equal(t, missing, must(h.HGet(h.ctx, none, "f"))(t))
		require.Equal(t, []cache.Optional{missing, missing}, must(h.HMGet(h.ctx, none, "f", "g"))(t))
		all := must(h.HGetAll(h.ctx, none))(t)
		require.NotNil(t, all)
		require.Empty(t, all)
		require.Zero(t, must(h.HLen(h.ctx, none))(t))
		require.Zero(t, must(h.HDel(h.ctx, none, "f"))(t))
	})
	t.Run("HSet", func(t *testing.T) {
		require.EqualValues(t, 2, must(h.HSet(h.ctx, k, fields("a", "1", "b", "2")...))(t))
		require.EqualValues(t, 1, must(h.HSet(h.ctx, k, fields("b", "3", "c", "")...))(t), "only c is new")
		require.EqualValues(t, 1, must(h.HSet(h.ctx, k, fields("d", "1", "d", "2")...))(t), "new once")
		require.Equal(t, map[string]string{"a": "1", "b": "3", "c": "", "d": "2"}, must(h.HGetAll(h.ctx, k))(t),
			"the last value of a field named twice")
		require.EqualValues(t, 4, must(h.HLen(h.ctx, k))(t))
		require.Zero(t, must(h.HSet(h.ctx, none))(t), "no fields: nothing to do")
		require.Zero(t, must(h.Exists(h.ctx, none))(t))
	})
	t.Run("HGet and HMGet", func(t *testing.T) {
		require.Equal(t, got("3"), must(h.HGet(h.ctx, k, "b"))(t))
		require.Equal(t, got(""), must(h.HGet(h.ctx, k, "c"))(t), "an empty value is a value")
		require.Equal(t, missing, must(h.HGet(h.ctx, k, ""))(t))
		require.Equal(t, []cache.Optional{got("2"), missing, got("1"), got("2")},
			must(h.HMGet(h.ctx, k, "d", "z", "a", "d"))(t), "in the order asked")
		require.Empty(t, must(h.HMGet(h.ctx, k))(t))
	})
	t.Run("an empty field name", func(t *testing.T) {
		require.EqualValues(t, 1, must(h.HSet(h.ctx, k, fields("", "nameless")...))(t))
		require.Equal(t, got("nameless"), must(h.HGet(h.ctx, k, ""))(t))
		require.EqualValues(t, 1, must(h.HDel(h.ctx, k, ""))(t))
	})
	t.Run("HDel, to the last field", func(t *testing.T) {
		require.EqualValues(t, 1, must(h.HDel(h.ctx, k, "a", "a", "z"))(t))
		require.Zero(t, must(h.HDel(h.ctx, k))(t))
		require.EqualValues(t, 3, must(h.HDel(h.ctx, k, "b", "c", "d"))(t))
		require.Zero(t, must(h.Exists(h.ctx, k))(t), "an empty hash does not exist")
	})
	t.Run("HIncrBy", func(t *testing.T) {
		require.EqualValues(t, -3, must(h.HIncrBy(h.ctx, k, "n", -3))(t))
		require.EqualValues(t, 4, must(h.HIncrBy(h.ctx, k, "n", 7))(t))
		require.Equal(t, got("4"), must(h.HGet(h.ctx, k, "n"))(t))
		for _, s := range notIntegers {
			must(h.HSet(h.ctx, k, fields("text", s)...))(t)
			_, err := h.HIncrBy(h.ctx, k, "text", 1)
			require.ErrorIs(t, err, cache.ErrNotInteger, "%q", s)
			require.Equal(t, got(s), must(h.HGet(h.ctx, k, "text"))(t))
		}
		must(h.HSet(h.ctx, k, fields("max", strconv.Itoa(math.MaxInt64))...))(t)
		_, err := h.HIncrBy(h.ctx, k, "max", 1)
		require.ErrorIs(t, err, cache.ErrNotInteger)
	})
	t.Run("large", func(t *testing.T) {
		// Beyond the sizes at which hosts change how they keep a hash.
		large := h.key("large")
		want := map[string]string{}
		for i := range 2000 {
			want["field"+strconv.Itoa(i)] = strconv.Itoa(i * i)
		}
		for name, value := range want {
			must(h.HSet(h.ctx, large, cache.Field{Name: name, Value: value}))(t)
		}
		require.Equal(t, want, must(h.HGetAll(h.ctx, large))(t))
		require.EqualValues(t, len(want), must(h.HLen(h.ctx, large))(t))
	})
}
