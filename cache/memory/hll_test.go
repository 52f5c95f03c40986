package memory

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// The standard error of 16384 registers is 1.04/√16384 = 0.81 %.
func TestHyperLogLogError(t *testing.T) {
	const trials = 60
	rng := rand.New(rand.NewPCG(16384, 6))
	for _, n := range []int{100, 1000, 10_000, 40_000} {
		var squares, sum float64
		for range trials {
			h, prefix := newHyperLogLog(), strconv.FormatUint(rng.Uint64(), 36)
			for i := range n {
				r := hllPlace(prefix + strconv.Itoa(i))
				h.raise(int(r.number), r.value)
			}
			off := float64(h.count())/float64(n) - 1
			squares += off * off
			sum += off
		}
		deviation := math.Sqrt(squares / trials)
		require.Less(t, deviation, 0.0081*1.3, "%d elements", n)
		require.Less(t, math.Abs(sum/trials), 0.0081/math.Sqrt(trials)*4, "%d elements: no bias", n)
	}
}

func TestHyperLogLogRegisters(t *testing.T) {
	h := newHyperLogLog()
	want := make([]byte, hllRegisters)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		i, v := rng.IntN(hllRegisters), byte(rng.IntN(hllMaxValue+1))
		require.Equal(t, v > want[i], h.raise(i, v))
		want[i] = max(want[i], v)
	}
	for i, v := range want {
		require.Equal(t, v, h.get(i), i)
	}
	again, err := parseHLL(h.String())
	require.NoError(t, err)
	require.Equal(t, h, again)
}

// A sparse form that is cut short, too long or of an unknown code is refused.
func TestHyperLogLogSparse(t *testing.T) {
	header := hllMagic + "\x01" + string(make([]byte, hllHeader-5))
	h, err := parseHLL(header + "\x7f\xff") // 16384 zeros
	require.NoError(t, err)
	require.Equal(t, newHyperLogLog(), h)
	h, err = parseHLL(header + "\x00\xff\x7f\xfa") // one zero, four times 32, 16379 zeros
	require.NoError(t, err)
	require.Equal(t, []byte{0, 32, 32, 32, 32, 0}, []byte{h.get(0), h.get(1), h.get(2), h.get(3), h.get(4), h.get(5)})
	for _, runs := range []string{"", "\x7f", "\x7f\xfe", "\x7f\xff\x00", "\x7f\xff\x80"} {
		_, err := parseHLL(header + runs)
		require.ErrorIs(t, err, cache.ErrNotHLL, "%x", runs)
	}
}

// What a HyperLogLog takes of the journal is what an element changes of it.
func TestHyperLogLogJournal(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	for i := range 1000 {
		_, err := e.PFAdd(ctx, "hll", strconv.Itoa(i%10))
		require.NoError(t, err)
	}
	require.NoError(t, e.PFMerge(ctx, "merged", "hll"))
	want := state(t, e)
	require.NoError(t, e.Close())
	info, err := os.Stat(newest(t, dir, segmentPrefix))
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(hllDense+2000))
	e = open(t, Options{Dir: dir})
	require.Equal(t, want, state(t, e))
	n, err := e.PFCount(ctx, "merged")
	require.NoError(t, err)
	require.EqualValues(t, 10, n)
}
