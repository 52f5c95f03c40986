package memory

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

// Ranges by score are those of all members that lie between the ends.
func TestRangeByScoreAgainstFilter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := newSortedSet()
		scores := rapid.IntRange(0, 30)
		for i := range rapid.IntRange(0, 400).Draw(t, "members") {
			z.Put(fmt.Sprint(i), float64(scores.Draw(t, "score")))
		}
		r := cache.ScoreRange{
			Min: float64(scores.Draw(t, "min")), Max: float64(scores.Draw(t, "max")),
			MinOpen: rapid.Bool().Draw(t, "min open"), MaxOpen: rapid.Bool().Draw(t, "max open"),
			Reverse: rapid.Bool().Draw(t, "reverse"),
			Offset:  rapid.IntRange(0, 5).Draw(t, "offset"), Limit: rapid.IntRange(0, 5).Draw(t, "limit"),
		}
		var want []cache.Member
		for _, m := range z.slice(0, z.Len(), false) {
			above := m.Score > r.Min || m.Score == r.Min && !r.MinOpen
			if above && (m.Score < r.Max || m.Score == r.Max && !r.MaxOpen) {
				want = append(want, m)
			}
		}
		if r.Reverse {
			slices.Reverse(want)
		}
		want = want[min(r.Offset, len(want)):]
		if r.Limit > 0 {
			want = want[:min(r.Limit, len(want))]
		}
		if len(want) == 0 {
			want = nil
		}
		require.Equal(t, want, z.rangeByScore(r))
	})
}
