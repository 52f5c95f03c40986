package memory_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/cache/memory"
)

func TestConformance(t *testing.T) {
	for name, dir := range map[string]func(t testing.TB) string{
		"without a directory": func(testing.TB) string { return "" },
		"with a journal":      func(t testing.TB) string { return t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			enginetest.Run(t, func(t testing.TB) (cache.Engine, enginetest.Features) {
				const buffer = 64
				var advanced atomic.Int64
				e, err := memory.Open(memory.Options{
					Dir:                dir(t),
					Now:                func() time.Time { return time.Now().Add(time.Duration(advanced.Load())) },
					SubscriptionBuffer: buffer,
				})
				require.NoError(t, err)
				return e, enginetest.Features{
					Advance:            func(d time.Duration) { advanced.Add(int64(d)) },
					SubscriptionBuffer: buffer,
				}
			})
		})
	}
}
