package enginetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
	"hyperlocal/cache/redis"
	"hyperlocal/internal/testenv"
)

// Patience is the deadline of calls to a real server in tests that are not about
// time: a busy machine may let a call wait for seconds.
const Patience = 30 * time.Second

// Memory opens an engine in this process, without a journal, closed when the
// test ends.
func Memory(t testing.TB) *memory.Engine {
	t.Helper()
	e, err := memory.Open(memory.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// Redis opens an engine on the real server the tests run against, closed when
// the test ends. Without a server the test is skipped or fails, as testenv
// says. The server is shared: work under a [Tag].
func Redis(t testing.TB) *redis.Engine {
	t.Helper()
	return redisDB(t, "0")
}

// redisDB is Redis on another of the server's numbered databases.
func redisDB(t testing.TB, db string) *redis.Engine {
	t.Helper()
	e, err := redis.Open(t.Context(), "redis://"+testenv.Redis(t)+"/"+db, redis.Options{Timeout: Patience})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}
