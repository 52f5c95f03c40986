package redis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/cache/redis"
	"hyperlocal/internal/testenv"
)

func openCluster(t *testing.T) *redis.Engine {
	t.Helper()
	return open(t, "redis-cluster://"+testenv.Cluster(t), enginetest.Patience)
}

// A batch of scripts over many slots reaches all nodes, whether they know the
// scripts or not, and calls of one tag keep their order.
func TestClusterRunAll(t *testing.T) {
	e := openCluster(t)
	base := enginetest.Tag(t, e)
	var calls []cache.Call
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		tag := base + name
		defer func() { require.NoError(t, enginetest.Clear(t.Context(), e, tag)) }()
		for _, value := range []string{"1", "2"} {
			calls = append(calls, cache.Call{
				Script: setAndCount, Args: []string{value},
				Keys: []string{enginetest.Key(tag, "k"), enginetest.Key(tag, "n")},
			})
		}
	}
	for i, r := range e.RunAll(t.Context(), calls) {
		require.NoError(t, r.Err)
		require.Equal(t, cache.Int(int64(i%2+1)), r.Value)
	}
	for i := 1; i < len(calls); i += 2 {
		v, err := e.Get(t.Context(), calls[i].Keys[0])
		require.NoError(t, err)
		require.Equal(t, "2", v.Str, "the later of one tag is the last")
	}
	stats, err := e.Stats(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, stats.Keys, int64(len(calls)), "of all nodes")
}

func TestClusterCursor(t *testing.T) {
	e := openCluster(t)
	for _, bad := range []string{"0", "x-0-0", "0-x-0", "0-0-x", "0-0-0-0", "0-0"} {
		_, _, err := e.Scan(t.Context(), bad, "", 10)
		require.Error(t, err, "%q", bad)
	}
	// A cursor of another shape of the cluster begins anew.
	tag := enginetest.Tag(t, e)
	_, err := e.Set(t.Context(), enginetest.Key(tag, "k"), "v", cache.SetOptions{})
	require.NoError(t, err)
	found := 0
	for cursor := "00000000-2-5"; ; {
		keys, next, err := e.Scan(t.Context(), cursor, "*{"+tag+"}*", 1000)
		require.NoError(t, err)
		require.LessOrEqual(t, len(next), 40, "bounded")
		if found += len(keys); next == "" {
			break
		}
		cursor = next
	}
	require.Equal(t, 1, found)
}
