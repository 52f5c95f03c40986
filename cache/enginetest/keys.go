package enginetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func testKeys(t *testing.T, h *host) {
	a, b, c := h.key("a"), h.key("b"), h.key("c")
	must(h.Set(h.ctx, a, "1", cache.SetOptions{}))(t)
	must(h.HSet(h.ctx, b, fields("f", "v")...))(t)

	require.EqualValues(t, 2, must(h.Exists(h.ctx, a, b, c))(t))
	require.EqualValues(t, 3, must(h.Exists(h.ctx, a, a, b))(t), "a key named twice counts twice")
	require.EqualValues(t, 1, must(h.Del(h.ctx, a, a, c))(t), "a key goes once")
	require.EqualValues(t, 1, must(h.Exists(h.ctx, a, b))(t))

	require.Zero(t, must(h.Del(h.ctx))(t), "no keys: nothing to do")
	require.Zero(t, must(h.Exists(h.ctx))(t))

	other := h.sub(t)
	d := other.key("d")
	must(h.Set(h.ctx, d, "1", cache.SetOptions{}))(t)
	require.EqualValues(t, 2, must(h.Exists(h.ctx, b, d))(t), "keys of several tags in one call")
	require.EqualValues(t, 2, must(h.Del(h.ctx, b, d))(t))
}

func testExpiry(t *testing.T, h *host) {
	// What must still be there lives for an hour, and what must be gone for
	// milliseconds: a slow machine changes no outcome.
	const long, short = time.Hour, 2 * time.Millisecond
	key := h.key("k")

	t.Run("TTL", func(t *testing.T) {
		require.Equal(t, cache.NoKey, must(h.TTL(h.ctx, key))(t))
		require.False(t, must(h.Expire(h.ctx, key, long, 0))(t), "a missing key cannot expire")
		must(h.IncrBy(h.ctx, key, 1))(t)
		require.Equal(t, cache.NoTTL, must(h.TTL(h.ctx, key))(t))
		require.True(t, must(h.Expire(h.ctx, key, long, 0))(t))
		require.InDelta(t, long, must(h.TTL(h.ctx, key))(t), float64(time.Minute))
	})
	t.Run("later than a Duration holds", func(t *testing.T) {
		far := h.key("far")
		must(h.IncrBy(h.ctx, far, 1))(t)
		require.True(t, must(h.ExpireAt(h.ctx, far, time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), 0))(t))
		require.Greater(t, must(h.TTL(h.ctx, far))(t), 290*365*24*time.Hour)
	})
	t.Run("writes keep it", func(t *testing.T) {
		must(h.IncrBy(h.ctx, key, 1))(t)
		require.Positive(t, must(h.TTL(h.ctx, key))(t))
	})
	t.Run("Set removes it", func(t *testing.T) {
		must(h.Set(h.ctx, key, "5", cache.SetOptions{}))(t)
		require.Equal(t, cache.NoTTL, must(h.TTL(h.ctx, key))(t))
	})
	t.Run("a Set that does not write keeps it", func(t *testing.T) {
		require.True(t, must(h.Expire(h.ctx, key, long, 0))(t))
		require.False(t, must(h.Set(h.ctx, key, "6", cache.SetOptions{NX: true}))(t))
		require.Positive(t, must(h.TTL(h.ctx, key))(t))
	})
	t.Run("gone afterwards", func(t *testing.T) {
		must(h.Set(h.ctx, h.key("string"), "v", cache.SetOptions{TTL: short}))(t)
		must(h.HSet(h.ctx, h.key("hash"), fields("f", "v")...))(t)
		must(h.ZAdd(h.ctx, h.key("zset"), cache.Member{Name: "m", Score: 1}))(t)
		must(h.XAdd(h.ctx, h.key("stream"), "9-9", cache.Trim{}, fields("f", "v")...))(t)
		for _, name := range []string{"hash", "zset", "stream"} {
			require.True(t, must(h.Expire(h.ctx, h.key(name), short, 0))(t))
		}
		h.Advance(short + time.Millisecond)
		for _, name := range []string{"string", "hash", "zset", "stream"} {
			require.Zero(t, must(h.Exists(h.ctx, h.key(name)))(t), name)
			require.Equal(t, "none", must(h.Type(h.ctx, h.key(name)))(t), name)
			require.Equal(t, cache.NoKey, must(h.TTL(h.ctx, h.key(name)))(t), name)
			require.Zero(t, must(h.Del(h.ctx, h.key(name)))(t), name)
		}
		keys := scanAll(t, h, h.key("*"), 100)
		require.NotContains(t, keys, h.key("string"))
	})
	t.Run("a new key does not inherit it", func(t *testing.T) {
		for _, name := range []string{"hash", "zset", "stream", "string"} {
			k := h.key("again-" + name)
			must(h.Set(h.ctx, k, "old", cache.SetOptions{TTL: short}))(t)
		}
		h.Advance(short + time.Millisecond)
		require.EqualValues(t, 1, must(h.HSet(h.ctx, h.key("again-hash"), fields("f", "v")...))(t))
		require.EqualValues(t, 1, must(h.ZAdd(h.ctx, h.key("again-zset"), cache.Member{Name: "m"}))(t))
		must(h.XAdd(h.ctx, h.key("again-stream"), "1-1", cache.Trim{}, fields("f", "v")...))(t)
		require.EqualValues(t, 1, must(h.IncrBy(h.ctx, h.key("again-string"), 1))(t))
		for _, name := range []string{"hash", "zset", "stream", "string"} {
			require.Equal(t, cache.NoTTL, must(h.TTL(h.ctx, h.key("again-"+name)))(t), name)
		}
	})
	t.Run("NX writes over what has expired", func(t *testing.T) {
		k := h.key("lease")
		require.True(t, must(h.Set(h.ctx, k, "one", cache.SetOptions{NX: true, TTL: short}))(t))
		h.Advance(short + time.Millisecond)
		require.False(t, must(h.Set(h.ctx, k, "two", cache.SetOptions{XX: true}))(t))
		require.True(t, must(h.Set(h.ctx, k, "two", cache.SetOptions{NX: true, TTL: long}))(t))
		require.Equal(t, got("two"), must(h.Get(h.ctx, k))(t))
	})
	t.Run("zero and less remove at once", func(t *testing.T) {
		for _, ttl := range []time.Duration{0, -1, -time.Second} {
			must(h.Set(h.ctx, key, "v", cache.SetOptions{}))(t)
			require.True(t, must(h.Expire(h.ctx, key, ttl, 0))(t))
			require.Zero(t, must(h.Exists(h.ctx, key))(t))
		}
	})
	t.Run("less than a millisecond is not zero", func(t *testing.T) {
		must(h.Set(h.ctx, key, "v", cache.SetOptions{TTL: time.Microsecond}))(t)
		h.Advance(short)
		require.Zero(t, must(h.Exists(h.ctx, key))(t))
	})
	t.Run("a negative TTL of Set is refused", func(t *testing.T) {
		must(h.Set(h.ctx, key, "old", cache.SetOptions{}))(t)
		_, err := h.Set(h.ctx, key, "v", cache.SetOptions{TTL: -time.Second})
		require.Error(t, err)
		require.Equal(t, got("old"), must(h.Get(h.ctx, key))(t))
	})
}

// scanAll goes through all pages and returns each key once.
func scanAll(t testing.TB, h *host, match string, count int) []string {
	t.Helper()
	seen := map[string]bool{}
	var keys []string
	for cursor, pages := "", 0; ; pages++ {
		require.Less(t, pages, 1_000_000, "a scan ends")
		page, next, err := h.Scan(h.ctx, cursor, match, count)
		require.NoError(t, err)
		for _, k := range page {
			if !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
		}
		if next == "" {
			return keys
		}
		cursor = next
	}
}

func testScan(t *testing.T, h *host) {
	t.Run("globs", func(t *testing.T) {
		own := h.sub(t)
		names := []string{"", "a", "b", "c", "ab", "abc", "a*", "a?", "a[b]", `a\`, "a-", "^", "é", "\xff"}
		for _, n := range names {
			must(own.Set(h.ctx, own.key(n), "v", cache.SetOptions{}))(t)
		}
		cases := []struct {
			glob string
			want []string
		}{
			{"*", names},
			{"a", []string{"a"}},
			{"?", []string{"a", "b", "c", "^", "\xff"}},
			{"??", []string{"ab", "a*", "a?", `a\`, "a-", "é"}},
			{"a*", []string{"a", "ab", "abc", "a*", "a?", "a[b]", `a\`, "a-"}},
			{"*b*", []string{"b", "ab", "abc", "a[b]"}},
			{"a**c", []string{"abc"}},
			{"[ab]", []string{"a", "b"}},
			{"[^ab]", []string{"c", "^", "\xff"}},
			{"[a-c]", []string{"a", "b", "c"}},
			{"[c-a]", []string{"a", "b", "c"}},
			{`a\*`, []string{"a*"}},
			{`a\?`, []string{"a?"}},
			{`a\\`, []string{`a\`}},
			{`a[*?]`, []string{"a*", "a?"}},
			{`a\[b]`, []string{"a[b]"}},
			{`[\^]`, []string{"^"}},
			{"a[]b]", nil},
			{"zz*", nil},
		}
		for _, c := range cases {
			want := make([]string, 0, len(c.want))
			for _, n := range c.want {
				want = append(want, own.key(n))
			}
			require.ElementsMatch(t, want, scanAll(t, own, own.key(c.glob), 10), "glob %q", c.glob)
		}
	})
	t.Run("every count", func(t *testing.T) {
		own := h.sub(t)
		var want []string
		for i := range 30 {
			want = append(want, own.key(fmt.Sprint(i)))
			must(own.Set(h.ctx, want[i], "v", cache.SetOptions{}))(t)
		}
		for _, count := range []int{-1, 0, 1, 7, 1000} {
			require.ElementsMatch(t, want, scanAll(t, own, own.key("*"), count), "count %d", count)
		}
	})
	t.Run("a cursor nobody returned", func(t *testing.T) {
		_, _, err := h.Scan(h.ctx, "no cursor", "*", 10)
		require.Error(t, err)
	})
	t.Run("what stays is found while others change", func(t *testing.T) {
		own := h.sub(t)
		var stable []string
		for i := range 300 {
			stable = append(stable, own.key(fmt.Sprint("stable", i)))
			must(own.Set(h.ctx, stable[i], "v", cache.SetOptions{}))(t)
		}
		stop := make(chan struct{})
		var churn sync.WaitGroup
		churn.Go(func() {
			// Grow and shrink the key space so that tables are resized.
			for round := 0; ; round++ {
				keys := make([]string, 400)
				for i := range keys {
					keys[i] = own.key(fmt.Sprint("passing", round%3, "-", i))
					if _, err := own.IncrBy(h.ctx, keys[i], 1); err != nil {
						return
					}
				}
				if _, err := own.Del(h.ctx, keys...); err != nil {
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		defer churn.Wait()
		defer close(stop)
		for range 5 {
			require.Subset(t, scanAll(t, own, own.key("*"), 20), stable)
		}
	})
}
