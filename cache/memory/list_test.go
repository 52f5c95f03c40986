package memory

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A list in a snapshot may be newer than where the log is replayed from. Whatever
// has happened since, the removal of the key included, replay must end in the
// same list.
func TestListReplayOntoNewer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		db := newDatabase(Options{}.withDefaults())
		const key = "list"
		var log []string
		saved, from := "", 0
		steps := rapid.IntRange(1, 60).Draw(rt, "steps")
		saveAt := rapid.IntRange(0, steps-1).Draw(rt, "save at")
		for i := range steps {
			u := db.shardOf(key).begin(true, 0, 0)
			n := rapid.IntRange(1, 4).Draw(rt, "n")
			values := make([]string, n)
			for j := range values {
				values[j] = fmt.Sprint(i, ".", j)
			}
			var err error
			switch rapid.IntRange(0, 5).Draw(rt, "operation") {
			case 0:
				_, err = u.lpush(key, values)
			case 1, 2:
				_, err = u.rpush(key, values)
			case 3:
				_, err = u.pop(key, n, rapid.Bool().Draw(rt, "last"))
			case 4:
				err = u.ltrim(key, int64(n-2), -int64(n))
			case 5:
				if n == 1 {
					u.del(key)
				}
			}
			require.NoError(rt, err)
			log = append(log, string(u.effects.b))
			if i == saveAt {
				if it := u.keys.find(key); it != nil {
					var w effects
					it.value.save(&w, key, func() {})
					saved = string(w.b)
				}
				from = rapid.IntRange(0, i+1).Draw(rt, "replay from")
			}
		}
		replayed := newDatabase(Options{}.withDefaults())
		for _, record := range append([]string{saved}, log[from:]...) {
			if record != "" {
				require.NoError(rt, replayed.replay(record))
			}
		}
		require.Equal(rt, state(t, &Engine{database: db}), state(t, &Engine{database: replayed}))
	})
}

// The ring holds what it should whatever was done to its ends, and gives memory
// back.
func TestListAgainstSlice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newList()
		l.first = rapid.SampledFrom([]int64{0, -3, 1 << 40}).Draw(rt, "first")
		var want []string
		for i := range rapid.IntRange(1, 80).Draw(rt, "steps") {
			values := make([]string, rapid.IntRange(1, 20).Draw(rt, "values"))
			for j := range values {
				values[j] = fmt.Sprint(i, ".", j)
			}
			switch rapid.IntRange(0, 3).Draw(rt, "operation") {
			case 0:
				l.put(l.end(), values)
				want = append(want, values...)
			case 1:
				l.put(l.first-int64(len(values)), values)
				want = append(values, want...)
			default:
				first := rapid.IntRange(0, len(want)).Draw(rt, "from")
				end := rapid.IntRange(first, len(want)).Draw(rt, "to")
				l.cut(l.first+int64(first), l.first+int64(end))
				want = slices.Clone(want[first:end])
			}
			var bytes int64
			for _, v := range want {
				bytes += allocated(len(v))
			}
			require.Equal(rt, bytes, l.bytes)
			require.LessOrEqual(rt, len(l.ring), max(minRing, 4*l.n))
			require.Equal(rt, fmt.Sprint(want), fmt.Sprint(l.between(l.first, l.end())))
		}
	})
}
