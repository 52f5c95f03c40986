package memory_test

import (
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/cache/memory"
)

// Clients write while keys expire, go to make room, and snapshots replace the
// journal; what the engine holds in the end is what it finds on its disk.
func TestHammer(t *testing.T) {
	full := hammer(t, 0)
	empty, err := enginetest.Memory(t).Stats(t.Context())
	require.NoError(t, err)
	limited := hammer(t, (empty.Bytes+full.Bytes)/2)
	require.Zero(t, full.Evicted)
	require.Positive(t, limited.Evicted)
}

// hammer returns the statistics before the engine is closed. A limit of 0 is none.
func hammer(t *testing.T, limit int64) cache.Stats {
	const clients, calls = 8, 1000
	var advanced atomic.Int64
	opt := memory.Options{
		Dir:          t.TempDir(),
		Now:          func() time.Time { return time.Unix(1_700_000_000, advanced.Load()) },
		Logger:       slog.New(slog.DiscardHandler),
		CompactBytes: 4 << 10,
		MaxMemory:    limit,
		Policy:       memory.AllKeysLRU,
	}
	e, err := memory.Open(opt)
	require.NoError(t, err)

	stop := make(chan struct{})
	var clock sync.WaitGroup
	clock.Go(func() {
		const step = 10 * time.Minute // times to live are drawn in hours
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				advanced.Add(int64(step))
			case <-stop:
				return
			}
		}
	})
	views := make([]cache.Engine, clients)
	for i := range views {
		views[i] = e
		if i%2 == 0 {
			views[i] = e.Durable(cache.Always)
		}
	}
	tags := enginetest.Hammer(t, calls, views...)
	close(stop)
	clock.Wait()

	snapshots, err := filepath.Glob(filepath.Join(opt.Dir, "snapshot-*"))
	require.NoError(t, err)
	require.NotEmpty(t, snapshots, "the journal has been replaced meanwhile")
	stats, err := e.Stats(t.Context())
	require.NoError(t, err)
	before := dumps(t, e, tags)
	require.NoError(t, e.Close())
	opt.MaxMemory = 0 // nothing is to go now
	again, err := memory.Open(opt)
	require.NoError(t, err)
	defer again.Close()
	for i, after := range dumps(t, again, tags) {
		require.Empty(t, before[i].Diff(after))
	}
	return stats
}

func dumps(t *testing.T, e cache.Engine, tags []string) []enginetest.Snapshot {
	t.Helper()
	var all []enginetest.Snapshot
	for _, tag := range tags {
		snap, err := enginetest.Dump(t.Context(), e, tag)
		require.NoError(t, err)
		all = append(all, snap)
	}
	return all
}
