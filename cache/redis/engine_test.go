package redis_test

import (
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

func TestEngine(t *testing.T) {
	url := "redis://" + testenv.Redis(t)
	enginetest.Run(t, func(t testing.TB) (cache.Engine, enginetest.Features) {
		e, err := redis.Open(t.Context(), url, redis.Options{Timeout: enginetest.Patience, SubscriptionBuffer: smallBuffer})
		require.NoError(t, err)
		return e, enginetest.Features{
			Advance:            time.Sleep, // the server's clock is the machine's
			SubscriptionBuffer: smallBuffer,
		}
	})
}
