package redis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/cache/redis"
	"hyperlocal/internal/testenv"
)

// smallBuffer is quick to fill.
const smallBuffer = 64

// The whole contract, on every way that servers stand together.
func TestEngine(t *testing.T)   { conformance(t, "redis://"+testenv.Redis(t)) }
func TestValkey(t *testing.T)   { conformance(t, "redis://"+testenv.Valkey(t)) }
func TestSentinel(t *testing.T) { conformance(t, "redis-sentinel://"+testenv.Sentinel(t)) }
func TestCluster(t *testing.T)  { conformance(t, "redis-cluster://"+testenv.Cluster(t)) }

func conformance(t *testing.T, url string) {
	enginetest.Run(t, func(t testing.TB) (cache.Engine, enginetest.Features) {
		e, err := redis.Open(t.Context(), url, redis.Options{Timeout: enginetest.Patience, SubscriptionBuffer: smallBuffer})
		require.NoError(t, err)
		return e, enginetest.Features{
			Advance:            time.Sleep, // the server's clock is the machine's
			SubscriptionBuffer: smallBuffer,
			OneTag:             strings.HasPrefix(url, "redis-cluster:"),
		}
	})
}
