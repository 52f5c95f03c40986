package glob

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatch(t *testing.T) {
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
		require.Equal(t, c.want, Match(c.pattern, c.s), "%q %q", c.pattern, c.s)
	}
}

// Only the last star is retried: no pattern takes exponential time.
func TestMatchIsNotExponential(t *testing.T) {
	require.False(t, Match(strings.Repeat("a*", 500)+"b", strings.Repeat("a", 5000)))
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"", "*", "a?b", "[a-z]", `[^\]]`, "[", `\`, "*a*[b"} {
		f.Add(s, "a]b")
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 12 || len(s) > 12 {
			return
		}
		require.Equal(t, matchSlowly(pattern, s), Match(pattern, s))
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
