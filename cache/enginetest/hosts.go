package enginetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/redis"
	"hyperlocal/internal/testenv"
)

// Redis opens an engine on the real server the tests run against, closed when
// the test ends. Without a server the test is skipped or fails, as testenv
// says. The server is shared: work under a [Tag].
func Redis(t testing.TB) *redis.Engine {
	t.Helper()
	e, err := redis.Open(t.Context(), "redis://"+testenv.Redis(t), redis.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}
