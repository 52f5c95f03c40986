package sqlite

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHashSet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s hashSet
		want := map[uint64]bool{}
		// Hashes that meet in the table, and in its first and last slot.
		some := rapid.OneOf(rapid.Uint64Range(0, 20), rapid.Uint64Range(hashSlots-3, hashSlots+3), rapid.Uint64())
		for range rapid.IntRange(0, hashSlots).Draw(rt, "hashes") {
			h := some.Draw(rt, "hash")
			if s.has(h) {
				// 0 and 1 are one hash.
				require.True(rt, want[h] || h < 2 && want[1-h])
			} else {
				require.False(rt, want[h])
			}
			s.add(nil, h)
			want[h] = true
			require.True(rt, s.has(h))
		}
		for h := range want {
			require.True(rt, s.has(h))
		}
		s.clear(nil)
		for h := range want {
			require.False(rt, s.has(h))
		}
	})
}
