package memory

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func TestInspect(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, policy := range []Policy{NoEviction, AllKeysLRU, AllKeysLFU} {
		t.Run(policy.String(), func(t *testing.T) {
			now := now
			e := open(t, Options{MaxMemory: 1 << 30, Policy: policy, Now: func() time.Time { return now }})
			_, err := e.Set(ctx, "k", strings.Repeat("v", 5000), cache.SetOptions{})
			require.NoError(t, err)
			now = now.Add(10 * time.Second)

			n, ok, err := e.MemoryUsage(ctx, "k")
			require.NoError(t, err)
			require.True(t, ok)
			require.Greater(t, n, int64(5000))
			require.Less(t, n, int64(6000))

			for range 2 { // the second time shows that looking is no use
				idle, ok, err := e.IdleTime(ctx, "k")
				require.Equal(t, policy != AllKeysLRU, errors.Is(err, errors.ErrUnsupported))
				require.Equal(t, policy == AllKeysLRU, ok)
				if ok {
					require.Equal(t, 10*time.Second, idle)
				}
				uses, ok, err := e.Frequency(ctx, "k")
				require.Equal(t, policy != AllKeysLFU, errors.Is(err, errors.ErrUnsupported))
				require.Equal(t, policy == AllKeysLFU, ok)
				if ok {
					require.EqualValues(t, lfuInitial, uses)
				}
			}
			_, ok, err = e.MemoryUsage(ctx, "missing")
			require.NoError(t, err)
			require.False(t, ok)
		})
	}
}
