package zset

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
	"hyperlocal/cache/memory/internal/dict"
)

type member struct {
	name  string
	score float64
}

func sorted(model map[string]float64) []member {
	all := make([]member, 0, len(model))
	for name, score := range model {
		all = append(all, member{name, score})
	}
	slices.SortFunc(all, func(a, b member) int { return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.name, b.name)) })
	return all
}

func collect(all *[]member) func([]byte, float64) bool {
	return func(name []byte, score float64) bool {
		*all = append(*all, member{string(name), score})
		return true
	}
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few scores make long runs of equal ones, many make blocks.
		spread := rapid.SampledFrom([]int{1, 3, 2000}).Draw(t, "scores")
		scores := rapid.Map(rapid.IntRange(-1, spread), func(i int) float64 {
			if i < 0 {
				return math.Inf(1)
			}
			return float64(i)
		})
		names := rapid.Map(rapid.IntRange(0, 700), func(i int) string { return fmt.Sprint("m", i) })
		var s Set
		model := map[string]float64{}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				for range rapid.IntRange(1, 100).Draw(t, "times") {
					name, score := names.Draw(t, "name"), scores.Draw(t, "score")
					_, there := model[name]
					require.Equal(t, !there, s.Put(name, score))
					model[name] = score
				}
			},
			"put many": func(t *rapid.T) {
				members := make([]cache.Member, rapid.IntRange(0, 200).Draw(t, "members"))
				before := len(model)
				for i := range members {
					members[i] = cache.Member{Name: names.Draw(t, "name"), Score: scores.Draw(t, "score")}
					model[members[i].Name] = members[i].Score
				}
				require.EqualValues(t, len(model)-before, s.PutMany(members))
			},
			"delete": func(t *rapid.T) {
				for range rapid.IntRange(1, 100).Draw(t, "times") {
					name := names.Draw(t, "name")
					_, there := model[name]
					require.Equal(t, there, s.Delete(name))
					delete(model, name)
				}
			},
			"delete ranks": func(t *rapid.T) {
				from := rapid.IntRange(0, s.Len()).Draw(t, "from")
				to := rapid.IntRange(from, s.Len()).Draw(t, "to")
				var gone []string
				require.Equal(t, to-from, s.DeleteRanks(from, to, func(name []byte) { gone = append(gone, string(name)) }))
				for i, m := range sorted(model)[from:to] {
					require.Equal(t, m.name, gone[i])
					delete(model, m.name)
				}
			},
			"": func(t *rapid.T) { compare(t, &s, model, scores.Draw(t, "bound")) },
		})
	})
}

func compare(t *rapid.T, s *Set, model map[string]float64, bound float64) {
	want := sorted(model)
	require.Equal(t, len(want), s.Len())
	got := []member{}
	s.Ascend(0, s.Len(), collect(&got))
	require.Equal(t, want, got)
	for i, m := range want {
		rank, ok := s.Rank(m.name)
		require.True(t, ok)
		require.Equal(t, i, rank)
		score, ok := s.Score(m.name)
		require.True(t, ok)
		require.Equal(t, m.score, score)
	}
	below := slices.IndexFunc(want, func(m member) bool { return m.score >= bound })
	upTo := slices.IndexFunc(want, func(m member) bool { return m.score > bound })
	if below < 0 {
		below = len(want)
	}
	if upTo < 0 {
		upTo = len(want)
	}
	require.Equal(t, below, s.CountBelow(bound, false))
	require.Equal(t, upTo, s.CountBelow(bound, true))
	scanned := []member{}
	s.Scores(math.Inf(-1), bound, func(ref dict.Ref, score float64) {
		scanned = append(scanned, member{string(s.Name(ref)), score})
	})
	require.Equal(t, want[:below], scanned)

	from, to := len(want)/3, len(want)*2/3
	part := []member{}
	s.Descend(from, to, collect(&part))
	slices.Reverse(part)
	require.Equal(t, want[len(want)-to:len(want)-from], part)

	paged := map[string]float64{}
	for next, more := uint64(0), true; more; {
		next, more = s.Page(next, 50, func(name []byte, score float64) { paged[string(name)] = score })
	}
	require.Equal(t, model, paged)
}

func TestBytes(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for name, fill := range map[string]func(s *Set){
		"scattered": func(s *Set) {
			for i := range 200_000 {
				s.Put(fmt.Sprintf("driver:%07d", i), float64(i*7919%200_003))
			}
		},
		"rising": func(s *Set) {
			for i := range 400_000 {
				s.Put(fmt.Sprintf("driver:%07d", i%200_000), float64(i))
			}
		},
		"much deleted": func(s *Set) {
			for i := range 200_000 {
				s.Put(fmt.Sprintf("driver:%07d", i), float64(i))
			}
			s.DeleteRanks(1000, 200_000, func([]byte) {})
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			s := new(Set)
			fill(s)
			grown := heap() - before
			t.Logf("%d members: says %d, heap grew by %d: %d bytes a member", s.Len(), s.Bytes(), grown, grown/int64(s.Len()))
			require.InEpsilon(t, grown, s.Bytes(), 0.15)
			runtime.KeepAlive(s)
		})
	}
}

func BenchmarkMove(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var s Set
			names := make([]string, n)
			for i := range names {
				names[i] = fmt.Sprintf("driver:%07d", i)
				s.Put(names[i], float64(uint64(i)*0x9e3779b97f4a7c15>>12))
			}
			b.ResetTimer()
			for i := range b.N {
				s.Put(names[i*7919%n], float64(uint64(i+n)*0x9e3779b97f4a7c15>>12))
			}
		})
	}
}
