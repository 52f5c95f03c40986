package memory

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func TestMatchGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"**", "", true},
		{"a*c", "abbc", true}, {"a*c", "ac", true}, {"a*c", "acb", false}, {"*a*b*", "xxaxxbxx", true},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"?", "", false},
		{"h[ae]llo", "hello", true}, {"h[ae]llo", "hillo", false}, {"h[^e]llo", "hallo", true}, {"h[^e]llo", "hello", false},
		{"h[a-c]llo", "hbllo", true}, {"h[c-a]llo", "hbllo", true}, {"h[a-c]llo", "hdllo", false},
		{`\*`, "*", true}, {`\*`, "a", false}, {`a\`, `a\`, true}, {`[\]]`, "]", true}, {`[\]a]`, "b", false},
		{"[a", "a", true}, {"[a", "b", false}, {"[", "[", false}, {"[]", "a", false}, {"[^]", "a", true}, {"[^", "a", true},
		{"[a-]", "-", false}, {"[a-]]", "b", false}, {"drivers:zone:{*}", "drivers:zone:{z1}", true},
		{"*:{tag}", "k:{tag}", true}, {"*\xff", "a\xff", true},
	} {
		require.Equal(t, c.want, matchGlob(c.pattern, c.s), "%q %q", c.pattern, c.s)
	}
}

// Only the last star is retried: no pattern takes exponential time.
func TestMatchGlobIsNotExponential(t *testing.T) {
	require.False(t, matchGlob(strings.Repeat("a*", 500)+"b", strings.Repeat("a", 5000)))
}

func FuzzMatchGlob(f *testing.F) {
	for _, s := range []string{"", "*", "a?b", "[a-z]", `[^\]]`, "[", `\`, "*a*[b"} {
		f.Add(s, "a]b")
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 12 || len(s) > 12 {
			return
		}
		require.Equal(t, matchSlowly(pattern, s), matchGlob(pattern, s))
	})
}

// matchSlowly tries every length for every star.
func matchSlowly(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return matchSlowly(pattern[1:], s) || s != "" && matchSlowly(pattern, s[1:])
	case s == "":
		return false
	}
	n, ok := matchOne(pattern, s[0])
	return ok && matchSlowly(pattern[n:], s[1:])
}

// Keys that stay are seen, each once, whatever comes and goes meanwhile.
func TestScanWhileKeysComeAndGo(t *testing.T) {
	e := open(t, Options{})
	set := func(key string) {
		_, err := e.Set(ctx, key, "", cache.SetOptions{})
		require.NoError(t, err)
	}
	const stay = 3000
	for i := range stay {
		set(fmt.Sprint("stay:", i))
		set(fmt.Sprint("one:", i, "{tag}"))
	}
	for _, count := range []int{1, 10, 1000, 0} {
		seen := map[string]int{}
		cursor, pages := "", 0
		for {
			keys, next, err := e.Scan(ctx, cursor, "[so]*", count)
			require.NoError(t, err)
			for _, k := range keys {
				seen[k]++
			}
			pages++
			for i := range 7 {
				set(fmt.Sprint("guest:", pages, i, "{tag}"))
				_, err := e.Del(ctx, fmt.Sprint("guest:", pages-3, i, "{tag}"))
				require.NoError(t, err)
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		require.Len(t, seen, 2*stay)
		for k, n := range seen {
			require.Equal(t, 1, n, k)
		}
		require.LessOrEqual(t, pages, shardCount*(scanMaxPasses+2))
	}
}

func TestScanRefusesForeignCursors(t *testing.T) {
	e := open(t, Options{})
	for _, cursor := range []string{"0", "17", "64-0", "-1-0", "1-x", "1-0 ", "01-0", "1-00"} {
		_, _, err := e.Scan(context.Background(), cursor, "*", 10)
		require.Error(t, err, cursor)
	}
}
