package enginetest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func testHyperLogLogs(t *testing.T, h *host) {
	k, none := h.key("hll"), h.key("none")
	t.Run("missing", func(t *testing.T) {
		require.Zero(t, must(h.PFCount(h.ctx, none))(t))
		require.Zero(t, must(h.PFCount(h.ctx))(t))
		require.Zero(t, must(h.Exists(h.ctx, none))(t))
	})
	t.Run("add", func(t *testing.T) {
		require.True(t, must(h.PFAdd(h.ctx, k, "a", "b", "a"))(t))
		require.False(t, must(h.PFAdd(h.ctx, k, "b"))(t))
		require.False(t, must(h.PFAdd(h.ctx, k))(t))
		require.True(t, must(h.PFAdd(h.ctx, k, ""))(t), "the empty string is an element")
		require.EqualValues(t, 3, must(h.PFCount(h.ctx, k))(t))
		require.True(t, must(h.PFAdd(h.ctx, h.key("empty")))(t), "the key is new")
		require.Zero(t, must(h.PFCount(h.ctx, h.key("empty")))(t))
		require.Equal(t, "string", must(h.Type(h.ctx, h.key("empty")))(t))
	})
	t.Run("what GET returns is one again", func(t *testing.T) {
		for _, n := range []int{0, 1, 100, 5000} { // sparse and dense on a server
			own, copied := h.key("own"), h.key("copied")
			must(h.Del(h.ctx, own))(t)
			must(h.PFAdd(h.ctx, own, numbers(0, n)...))(t)
			v := must(h.Get(h.ctx, own))(t)
			require.True(t, strings.HasPrefix(v.Str, hllMagic))
			must(h.Set(h.ctx, copied, v.Str, cache.SetOptions{}))(t)
			count := must(h.PFCount(h.ctx, own))(t)
			require.Equal(t, count, must(h.PFCount(h.ctx, copied))(t))
			require.False(t, n > 0 && must(h.PFAdd(h.ctx, copied, numbers(0, n)...))(t), "they are in it")
			must(h.PFAdd(h.ctx, copied, numbers(n, 2*n+10)...))(t)
			must(h.PFAdd(h.ctx, own, numbers(n, 2*n+10)...))(t)
			require.Equal(t, must(h.PFCount(h.ctx, own))(t), must(h.PFCount(h.ctx, copied))(t))
		}
	})
	t.Run("sparse from a server", func(t *testing.T) {
		own := h.key("sparse")
		must(h.Set(h.ctx, own, sparse, cache.SetOptions{}))(t)
		require.EqualValues(t, 3, must(h.PFCount(h.ctx, own))(t))
		require.False(t, must(h.PFAdd(h.ctx, own, "a", "b", "c"))(t))
		require.True(t, must(h.PFAdd(h.ctx, own, "d"))(t))
		require.EqualValues(t, 4, must(h.PFCount(h.ctx, own))(t))
	})
	t.Run("union", func(t *testing.T) {
		x, y, far := h.key("x"), h.key("y"), h.sub(t).key("far")
		must(h.PFAdd(h.ctx, x, numbers(0, 600)...))(t)
		must(h.PFAdd(h.ctx, y, numbers(300, 900)...))(t)
		if h.OneTag {
			_, err := h.PFCount(h.ctx, x, far)
			require.ErrorIs(t, err, cache.ErrCrossSlot)
			require.ErrorIs(t, h.PFMerge(h.ctx, x, far), cache.ErrCrossSlot)
			far = h.key("near")
		}
		must(h.PFAdd(h.ctx, far, numbers(900, 1000)...))(t)
		together := must(h.PFCount(h.ctx, x, y, none, x, far))(t)
		require.InEpsilon(t, 1000, together, 0.05)
		must(h.Expire(h.ctx, x, ttlSlack*1000, 0))(t)
		require.NoError(t, h.PFMerge(h.ctx, x, y, none, far))
		require.Equal(t, together, must(h.PFCount(h.ctx, x))(t))
		require.Positive(t, must(h.TTL(h.ctx, x))(t), "it stays")
		require.NoError(t, h.PFMerge(h.ctx, h.key("new")))
		require.EqualValues(t, 1, must(h.Exists(h.ctx, h.key("new")))(t))
		must(h.Del(h.ctx, far))(t)
	})
	t.Run("other strings", func(t *testing.T) {
		own := h.key("string")
		for _, s := range []string{"", "text", "HYLL", hllMagic + strings.Repeat("\x00", 12), hllMagic + "\x02" + strings.Repeat("\x00", 12299)} {
			must(h.Set(h.ctx, own, s, cache.SetOptions{}))(t)
			_, err := h.PFAdd(h.ctx, own, "a")
			require.ErrorIs(t, err, cache.ErrNotHLL, "%.20q", s)
			_, err = h.PFCount(h.ctx, k, own)
			require.ErrorIs(t, err, cache.ErrNotHLL, "%.20q", s)
			require.ErrorIs(t, h.PFMerge(h.ctx, h.key("dest"), k, own), cache.ErrNotHLL)
			require.ErrorIs(t, h.PFMerge(h.ctx, own, k), cache.ErrNotHLL)
			require.Equal(t, got(s), must(h.Get(h.ctx, own))(t))
		}
		require.Zero(t, must(h.Exists(h.ctx, h.key("dest")))(t))
		_, err := h.IncrBy(h.ctx, k, 1)
		require.ErrorIs(t, err, cache.ErrNotInteger)
	})
}

// numbers spells the numbers from one up to another.
func numbers(from, to int) []string {
	all := make([]string, 0, to-from)
	for n := from; n < to; n++ {
		all = append(all, strconv.Itoa(n))
	}
	return all
}

// sparse is what Redis 7.0 keeps of the elements a, b and c.
const sparse = hllMagic + "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80`\xf3\x80P\xb1\x84K\xfb\x80BZ"

// hllMagic begins a HyperLogLog that is read as a string.
const hllMagic = "HYLL"
