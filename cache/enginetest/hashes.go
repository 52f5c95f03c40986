package enginetest

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
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
	t.Run("HSetNX", func(t *testing.T) {
		own := h.key("nx")
		require.True(t, must(h.HSetNX(h.ctx, own, "f", "one"))(t))
		require.False(t, must(h.HSetNX(h.ctx, own, "f", "two"))(t))
		require.True(t, must(h.HSetNX(h.ctx, own, "", ""))(t))
		require.Equal(t, map[string]string{"f": "one", "": ""}, must(h.HGetAll(h.ctx, own))(t))
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
	t.Run("HScan", func(t *testing.T) {
		testHScan(t, h)
	})
}

func testHScan(t *testing.T, h *host) {
	k := h.key("scanned")
	require.Empty(t, must(scanHash(h.ctx, h, k, "", 10))(t), "a missing key has no fields")
	want := map[string]string{"": "nameless", "a*": "star"}
	for i := range 1000 {
		want["field"+strconv.Itoa(i)] = strconv.Itoa(i)
	}
	for name, value := range want {
		must(h.HSet(h.ctx, k, cache.Field{Name: name, Value: value}))(t)
	}
	for _, count := range []int{-1, 0, 7, 5000} {
		require.Equal(t, want, must(scanHash(h.ctx, h, k, "", count))(t), "count %d", count)
		require.Equal(t, want, must(scanHash(h.ctx, h, k, "*", count))(t), "count %d", count)
	}
	require.Equal(t, map[string]string{"a*": "star"}, must(scanHash(h.ctx, h, k, `a\*`, 10))(t))
	require.Len(t, must(scanHash(h.ctx, h, k, "field1?", 10))(t), 10)
	_, _, err := h.HScan(h.ctx, k, "no cursor", "", 10)
	require.Error(t, err)

	// What stays is found though others come and go between the pages.
	seen := map[string]bool{}
	for cursor, round := "", 0; ; round++ {
		page, next, err := h.HScan(h.ctx, k, cursor, "field*", 50)
		require.NoError(t, err)
		for _, f := range page {
			seen[f.Name] = true
		}
		if next == "" {
			break
		}
		cursor = next
		for i := range 40 {
			must(h.HSet(h.ctx, k, cache.Field{Name: fmt.Sprint("passing", round, "-", i)}))(t)
			must(h.HDel(h.ctx, k, fmt.Sprint("passing", round-1, "-", i)))(t)
		}
	}
	for name := range want {
		require.True(t, seen[name] || !strings.HasPrefix(name, "field"), name)
	}
}

// scanHash goes through all pages of a hash.
func scanHash(ctx context.Context, e cache.Engine, key, match string, count int) (map[string]string, error) {
	all := map[string]string{}
	for cursor := ""; ; {
		page, next, err := e.HScan(ctx, key, cursor, match, count)
		if err != nil {
			return nil, err
		}
		for _, f := range page {
			all[f.Name] = f.Value
		}
		if next == "" {
			return all, nil
		}
		cursor = next
	}
}
