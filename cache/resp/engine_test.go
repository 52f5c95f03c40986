package resp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/cache/memory"
	"hyperlocal/cache/redis"
)

// TestEngineOverRESP runs the contract's own suite on cache/redis connected to
// this server: the product's client library, over the wire, on the memory
// engine. Scripts are Lua there, which is not here.
func TestEngineOverRESP(t *testing.T) {
	enginetest.Run(t, func(t testing.TB) (cache.Engine, enginetest.Features) {
		const buffer = 64
		held, err := memory.Open(memory.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, held.Close()) })
		_, addr := start(t, held, Options{Password: "secret"})
		e, err := redis.Open(t.Context(), "redis://:secret@"+addr, redis.Options{
			Timeout: enginetest.Patience, SubscriptionBuffer: buffer,
		})
		require.NoError(t, err)
		return e, enginetest.Features{Advance: time.Sleep, SubscriptionBuffer: buffer, NoScripts: true}
	})
}
