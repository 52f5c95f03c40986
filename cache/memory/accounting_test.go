package memory

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Stats.Bytes is what the limit goes by. For every shape of data it must be
// within 15 % of what the heap holds, after filling and after most has gone.
func TestAccounting(t *testing.T) {
	const tolerance = 0.15
	for name, fill := range shapes {
		t.Run(name, func(t *testing.T) {
			e := open(t, Options{MaxMemory: 1 << 40, Policy: AllKeysLFU})
			before, empty := heapInUse(), stats(t, e).Bytes
			fill(t, e)
			requireAccounted(t, e, before-empty, tolerance)
			removeMost(e)
			requireAccounted(t, e, before-empty, tolerance)
		})
	}
}

// removeMost removes nine of ten keys.
func removeMost(e *Engine) {
	for i := range e.shards {
		s := &e.shards[i]
		s.mu.Lock()
		n := 0
		for it := range s.keys.all() {
			if n++; n%10 != 0 {
				s.remove(it)
			}
		}
		s.count()
		s.mu.Unlock()
	}
}

// requireAccounted compares what the engine says with the heap, of which base
// is not the engine's.
func requireAccounted(t *testing.T, e *Engine, base int64, tolerance float64) {
	t.Helper()
	heap, said := heapInUse()-base, stats(t, e).Bytes
	t.Logf("heap %d bytes, accounted %d: %+.1f %%", heap, said, 100*(float64(said)/float64(heap)-1))
	const noise = 64 << 10 // what the runtime and the test itself come and go with
	require.InDelta(t, heap, said, max(noise, tolerance*float64(heap)))
	runtime.KeepAlive(e)
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
