package resp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/memory"
)

func TestInfo(t *testing.T) {
	_, addr := startMemory(t, Options{Settings: map[string]string{"appendonly": "yes", "maxmemory": "1048576"}})
	p := dial(t, addr)
	p.do("SET", "k", "v")
	p.do("GET", "k")
	all := p.do("INFO").text
	for _, section := range []string{"Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "Cluster", "Keyspace"} {
		require.Contains(t, all, "# "+section+"\r\n")
	}
	for _, line := range []string{
		"redis_version:7.0.15", "connected_clients:1", "aof_enabled:1", "maxmemory:1048576", "role:master",
		"total_commands_processed:3", "db0:keys=1,expires=0,avg_ttl=0",
	} {
		require.Contains(t, all, line+"\r\n")
	}
	require.Equal(t, "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n", p.do("INFO", "replication").text)
	require.Equal(t, 2, strings.Count(p.do("INFO", "KEYSPACE", "cluster", "nosuch").text, "# "))
	p.do("HELLO", "3")
	require.EqualValues(t, '=', p.do("INFO", "server").kind)
	require.Equal(t, `:"1"`, p.do("DBSIZE").String())
	require.Len(t, p.do("TIME").list, 2)
	require.Equal(t, `%[$"maxmemory" $"1048576"]`, p.do("CONFIG", "GET", "maxmemory").String())
	require.Equal(t, `%[]`, p.do("CONFIG", "GET", "requirepass").String())
}

func TestObject(t *testing.T) {
	for policy, want := range map[memory.Policy][2]string{
		memory.NoEviction: {string(errNotTracked), string(errNotLFU)},
		memory.AllKeysLRU: {"0", string(errNotLFU)},
		memory.AllKeysLFU: {string(errNotTracked), "5"},
	} {
		e, err := memory.Open(memory.Options{MaxMemory: 1 << 30, Policy: policy})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, e.Close()) })
		_, err = e.Set(t.Context(), "k", "v", cache.SetOptions{})
		require.NoError(t, err)
		_, addr := start(t, e, Options{})
		p := dial(t, addr)
		require.Equal(t, want[0], p.do("OBJECT", "IDLETIME", "k").text)
		require.Equal(t, want[1], p.do("OBJECT", "FREQ", "k").text)
		require.Equal(t, `$"raw"`, p.do("OBJECT", "ENCODING", "k").String())
		require.Equal(t, `:"1"`, p.do("OBJECT", "REFCOUNT", "k").String())
		require.EqualValues(t, ':', p.do("MEMORY", "USAGE", "k").kind)
		for _, args := range [][]string{{"OBJECT", "ENCODING", "x"}, {"OBJECT", "FREQ", "x"}, {"OBJECT", "REFCOUNT", "x"}, {"MEMORY", "USAGE", "x"}} {
			require.Equal(t, `$null`, p.do(args...).String())
		}
	}
}
