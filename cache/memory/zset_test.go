package memory

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

// check walks the index and compares it with a model.
func (z *sortedSet) check(t *rapid.T, model map[string]float64) {
	var want []cache.Member
	for name, score := range model {
		want = append(want, cache.Member{Name: name, Score: score})
	}
	slices.SortFunc(want, func(a, b cache.Member) int {
		return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(a.Name, b.Name))
	})
	require.Equal(t, want, z.rangeByScore(cache.ScoreRange{Min: negInf, Max: inf}))
	require.Len(t, z.index.last, len(z.index.blocks))
	for i, b := range z.index.blocks {
		require.Positive(t, b.n)
		require.Equal(t, b.entries[b.n-1], z.index.last[i])
	}
	bytes := int64(0)
	for name := range model {
		bytes += allocated(len(name))
	}
	require.Equal(t, bytes, z.bytes)
	require.Equal(t, len(model), len(z.slots)-len(z.free))
}

// Few distinct scores make ties, many names make blocks split and merge.
func TestZSetAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z, model := newSortedSet(), map[string]float64{}
		names := rapid.SampledFrom([]int{3, 40, 2000}).Draw(t, "names")
		scores := rapid.SampledFrom([]int{2, 50, 100000}).Draw(t, "scores")
		grow := rapid.IntRange(0, 1500).Draw(t, "grow")
		random := rapid.Uint64().Draw(t, "seed")
		next := func(n int) int { // a small generator: many steps per draw
			random = random*6364136223846793005 + 1442695040888963407
			return int(random>>33) % n
		}
		for step := range grow + 1500 {
			name := fmt.Sprint(next(names))
			if step > grow && next(3) > 0 {
				_, was := model[name]
				require.Equal(t, was, z.Delete(name))
				delete(model, name)
				continue
			}
			_, was := model[name]
			score := float64(next(scores))
			require.Equal(t, !was, z.Put(name, score))
			model[name] = score
		}
		z.check(t, model)

		r := cache.ScoreRange{
			Min: float64(next(scores)), Max: float64(next(scores)), Reverse: next(2) == 0,
			Offset: next(4), Limit: next(5),
		}
		var want []cache.Member
		for _, m := range z.rangeByScore(cache.ScoreRange{Min: negInf, Max: inf}) {
			if m.Score >= r.Min && m.Score <= r.Max {
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
		require.ElementsMatch(t, want, z.rangeByScore(r))
	})
}

// Scores that only rise must fill blocks, not leave them half empty.
func TestZSetRisingScoresFillBlocks(t *testing.T) {
	z := newSortedSet()
	for i := range 10 * blockCap {
		z.Put(fmt.Sprintf("%06d", i), float64(i))
	}
	require.LessOrEqual(t, len(z.index.blocks), 11)
}
