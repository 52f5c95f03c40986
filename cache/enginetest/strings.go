package enginetest

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func testStrings(t *testing.T, h *host) {
	a, b := h.key("a"), h.key("b")

	t.Run("Set and Get", func(t *testing.T) {
		require.Equal(t, missing, must(h.Get(h.ctx, a))(t))
		require.True(t, must(h.Set(h.ctx, a, "one", cache.SetOptions{}))(t))
		require.Equal(t, got("one"), must(h.Get(h.ctx, a))(t))
		require.True(t, must(h.Set(h.ctx, a, "", cache.SetOptions{}))(t))
		require.Equal(t, got(""), must(h.Get(h.ctx, a))(t), "an empty string is a value")
	})
	t.Run("conditions", func(t *testing.T) {
		require.False(t, must(h.Set(h.ctx, a, "two", cache.SetOptions{NX: true}))(t))
		require.True(t, must(h.Set(h.ctx, a, "two", cache.SetOptions{XX: true}))(t))
		require.False(t, must(h.Set(h.ctx, b, "two", cache.SetOptions{XX: true}))(t))
		require.Equal(t, missing, must(h.Get(h.ctx, b))(t))
		require.True(t, must(h.Set(h.ctx, b, "two", cache.SetOptions{NX: true}))(t))
		_, err := h.Set(h.ctx, b, "three", cache.SetOptions{NX: true, XX: true})
		require.ErrorIs(t, err, cache.ErrSyntax, "both conditions contradict each other")
		require.Equal(t, got("two"), must(h.Get(h.ctx, b))(t))
	})
	t.Run("Set replaces any type", func(t *testing.T) {
		k := h.key("replaced")
		must(h.HSet(h.ctx, k, fields("f", "v")...))(t)
		require.False(t, must(h.Set(h.ctx, k, "s", cache.SetOptions{NX: true}))(t))
		require.True(t, must(h.Set(h.ctx, k, "s", cache.SetOptions{}))(t))
		require.Equal(t, got("s"), must(h.Get(h.ctx, k))(t))
	})
	t.Run("KeepTTL", func(t *testing.T) {
		k := h.key("kept")
		keep := cache.SetOptions{KeepTTL: true}
		require.True(t, must(h.Set(h.ctx, k, "1", keep))(t))
		require.Equal(t, cache.NoTTL, must(h.TTL(h.ctx, k))(t))
		must(h.Set(h.ctx, k, "2", cache.SetOptions{TTL: time.Hour}))(t)
		require.True(t, must(h.Set(h.ctx, k, "3", keep))(t))
		require.Positive(t, must(h.TTL(h.ctx, k))(t))
		_, err := h.Set(h.ctx, k, "4", cache.SetOptions{KeepTTL: true, TTL: time.Hour})
		require.ErrorIs(t, err, cache.ErrSyntax)
		require.Equal(t, got("3"), must(h.Get(h.ctx, k))(t))
	})
	t.Run("SetGet", func(t *testing.T) {
		k := h.key("exchanged")
		for _, c := range []struct {
			value string
			opt   cache.SetOptions
			old   cache.Optional
			wrote bool
		}{
			{"1", cache.SetOptions{XX: true}, missing, false},
			{"1", cache.SetOptions{NX: true}, missing, true},
			{"2", cache.SetOptions{NX: true}, got("1"), false},
			{"3", cache.SetOptions{XX: true}, got("1"), true},
			{"", cache.SetOptions{}, got("3"), true},
			{"5", cache.SetOptions{TTL: time.Hour}, got(""), true},
		} {
			old, wrote, err := h.SetGet(h.ctx, k, c.value, c.opt)
			require.NoError(t, err)
			require.Equal(t, c.old, old, "%+v", c)
			require.Equal(t, c.wrote, wrote, "%+v", c)
		}
		require.Equal(t, got("5"), must(h.Get(h.ctx, k))(t))
		require.Positive(t, must(h.TTL(h.ctx, k))(t))
		hash := h.key("no string")
		must(h.HSet(h.ctx, hash, fields("f", "v")...))(t)
		_, _, err := h.SetGet(h.ctx, hash, "v", cache.SetOptions{NX: true, XX: true})
		require.ErrorIs(t, err, cache.ErrSyntax)
	})
	t.Run("GetDel", func(t *testing.T) {
		k := h.key("taken")
		must(h.Set(h.ctx, k, "v", cache.SetOptions{}))(t)
		require.Equal(t, got("v"), must(h.GetDel(h.ctx, k))(t))
		require.Equal(t, missing, must(h.GetDel(h.ctx, k))(t))
		require.Zero(t, must(h.Exists(h.ctx, k))(t))
	})
	t.Run("GetEx", func(t *testing.T) {
		k := h.key("touched")
		require.Equal(t, missing, must(h.GetEx(h.ctx, k, cache.GetOptions{TTL: -1}))(t), "nothing to expire")
		must(h.Set(h.ctx, k, "v", cache.SetOptions{}))(t)
		require.Equal(t, got("v"), must(h.GetEx(h.ctx, k, cache.GetOptions{TTL: time.Hour}))(t))
		require.Positive(t, must(h.TTL(h.ctx, k))(t))
		require.Equal(t, got("v"), must(h.GetEx(h.ctx, k, cache.GetOptions{}))(t))
		require.Positive(t, must(h.TTL(h.ctx, k))(t), "left alone")
		for _, bad := range []cache.GetOptions{{TTL: -1}, {TTL: time.Hour, Persist: true}, {TTL: -1, Persist: true}} {
			_, err := h.GetEx(h.ctx, k, bad)
			require.ErrorIs(t, err, cache.ErrSyntax, "%+v", bad)
		}
		require.Equal(t, got("v"), must(h.GetEx(h.ctx, k, cache.GetOptions{Persist: true}))(t))
		require.Equal(t, cache.NoTTL, must(h.TTL(h.ctx, k))(t))
	})
	t.Run("MSet", func(t *testing.T) {
		first, hash, far := h.key("m1"), h.key("m2"), h.sub(t).key("m3")
		must(h.Set(h.ctx, first, "old", cache.SetOptions{TTL: time.Hour}))(t)
		must(h.HSet(h.ctx, hash, fields("f", "v")...))(t)
		require.NoError(t, h.MSet(h.ctx, fields(first, "1", hash, "2", far, "3", first, "4")...))
		require.Equal(t, []cache.Optional{got("4"), got("2"), got("3")}, must(h.MGet(h.ctx, first, hash, far))(t),
			"the last value of a key named twice, over any type")
		require.Equal(t, cache.NoTTL, must(h.TTL(h.ctx, first))(t))
		must(h.Del(h.ctx, far))(t)
		require.NoError(t, h.MSet(h.ctx))
	})
	t.Run("MGet", func(t *testing.T) {
		hash := h.key("hash")
		must(h.HSet(h.ctx, hash, fields("f", "v")...))(t)
		must(h.Set(h.ctx, a, "A", cache.SetOptions{}))(t)
		other := h.sub(t).key("other")
		must(h.Set(h.ctx, other, "O", cache.SetOptions{}))(t)
		require.Equal(t,
			[]cache.Optional{got("A"), missing, missing, got("O"), got("A")},
			must(h.MGet(h.ctx, a, h.key("nothing"), hash, other, a))(t))
		require.Empty(t, must(h.MGet(h.ctx))(t))
	})
	t.Run("IncrBy", func(t *testing.T) {
		k := h.key("n")
		require.EqualValues(t, 5, must(h.IncrBy(h.ctx, k, 5))(t))
		require.EqualValues(t, -2, must(h.IncrBy(h.ctx, k, -7))(t))
		require.Equal(t, got("-2"), must(h.Get(h.ctx, k))(t))
		require.EqualValues(t, -2, must(h.IncrBy(h.ctx, k, 0))(t))
	})
	t.Run("IncrBy to the ends of the range", func(t *testing.T) {
		k := h.key("n")
		for _, c := range []struct{ from, by int64 }{
			{math.MaxInt64, 1}, {math.MinInt64, -1}, {-1, math.MinInt64}, {1, math.MaxInt64},
		} {
			must(h.Set(h.ctx, k, strconv.FormatInt(c.from, 10), cache.SetOptions{}))(t)
			_, err := h.IncrBy(h.ctx, k, c.by)
			require.ErrorIs(t, err, cache.ErrNotInteger, "%d by %d", c.from, c.by)
			require.Equal(t, got(strconv.FormatInt(c.from, 10)), must(h.Get(h.ctx, k))(t))
		}
		must(h.Set(h.ctx, k, "-1", cache.SetOptions{}))(t)
		require.EqualValues(t, math.MaxInt64-1, must(h.IncrBy(h.ctx, k, math.MaxInt64))(t))
	})
	t.Run("IncrBy on what is no integer", func(t *testing.T) {
		k := h.key("text")
		for _, s := range notIntegers {
			must(h.Set(h.ctx, k, s, cache.SetOptions{}))(t)
			_, err := h.IncrBy(h.ctx, k, 1)
			require.ErrorIs(t, err, cache.ErrNotInteger, "%q", s)
			require.Equal(t, got(s), must(h.Get(h.ctx, k))(t), "left as it was")
		}
	})
}

// notIntegers are the strings in which arithmetic finds no number: only the
// canonical decimal form is one.
var notIntegers = []string{
	"", " ", "x", "1.5", "1e3", " 7", "7 ", "+7", "007", "-0", "--1", "-", "0x10",
	"9223372036854775808", "-9223372036854775809", "99999999999999999999999", "7\x00",
}
