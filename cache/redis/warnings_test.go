//go:build unix

package redis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

func TestWarnings(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want []string // a part of each sentence
	}{
		{"as it must be", []string{"--appendonly", "yes"}, nil},
		{"synced at each write", []string{"--appendonly", "yes", "--appendfsync", "always"}, nil},
		{"as Redis is by default", nil, []string{"appendonly is off"}},
		{"a cache", []string{"--maxmemory-policy", "allkeys-lru"}, []string{"maxmemory-policy is allkeys-lru", "appendonly is off"}},
		{
			"answers to repeated requests would go", []string{"--appendonly", "yes", "--maxmemory-policy", "volatile-ttl"},
			[]string{"maxmemory-policy is volatile-ttl"},
		},
		{"never synced", []string{"--appendonly", "yes", "--appendfsync", "no"}, []string{"appendfsync is no"}},
		{
			"without CONFIG", []string{"--appendonly", "yes", "--rename-command", "CONFIG", ""},
			[]string{"CONFIG is refused"},
		},
		{
			"without CONFIG, but a cache", []string{"--maxmemory-policy", "allkeys-lfu", "--rename-command", "CONFIG", ""},
			[]string{"maxmemory-policy is allkeys-lfu", "appendonly is off"},
		},
		{"without INFO", []string{"--rename-command", "INFO", ""}, []string{"INFO is refused"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, "redis://"+testenv.OwnRedis(t, tt.args...), time.Second)
			got := e.Warnings(t.Context())
			require.Len(t, got, len(tt.want), "%q", got)
			for i, part := range tt.want {
				require.Contains(t, got[i], part)
			}
		})
	}
}

func TestWarningsOfACluster(t *testing.T) {
	e := open(t, "redis-cluster://"+testenv.Cluster(t), 2*time.Second)
	got := e.Warnings(t.Context())
	require.NotEmpty(t, got, "a test's cluster keeps nothing on disk")
	for _, warning := range got {
		require.Regexp(t, "^primary [123] of 3: appendonly is off", warning)
	}
}
