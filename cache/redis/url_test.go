package redis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	cases := []struct {
		url  string
		want target
	}{
		{"redis://localhost", target{addrs: []string{"localhost:6379"}}},
		{"redis://localhost/", target{addrs: []string{"localhost:6379"}}},
		{"valkey://10.0.0.1:7000/2", target{addrs: []string{"10.0.0.1:7000"}, db: 2}},
		{"redis://[::1]:7000", target{addrs: []string{"[::1]:7000"}}},
		{"redis://[::1]", target{addrs: []string{"[::1]:6379"}}},
		{"redis://:secret@h", target{addrs: []string{"h:6379"}, password: "secret"}},
		{"redis://app:p%40ss%2F@h", target{addrs: []string{"h:6379"}, username: "app", password: "p@ss/"}},
		{"rediss://app:x@h:1/15", target{tls: true, addrs: []string{"h:1"}, username: "app", password: "x", db: 15}},
		{
			"redis-sentinel://app:x@s1,s2:26380/primary/1",
			target{kind: kindSentinel, addrs: []string{"s1:26379", "s2:26380"}, username: "app", password: "x", masterSet: "primary", db: 1},
		},
		{"rediss-sentinel://s1/primary", target{kind: kindSentinel, tls: true, addrs: []string{"s1:26379"}, masterSet: "primary"}},
		{"redis://h?timeout=500ms&pool=64", target{addrs: []string{"h:6379"}, settings: settings{timeout: 500 * time.Millisecond, pool: 64}}},
		{"rediss://h/1?tls_ca=%2Fca.pem&tls_cert=c&tls_key=k&tls_name=n", target{
			tls: true, addrs: []string{"h:6379"}, db: 1,
			settings: settings{caFile: "/ca.pem", certFile: "c", keyFile: "k", serverName: "n"},
		}},
		{"redis-sentinel://s/p?sentinel_user=u&sentinel_password=%26", target{
			kind: kindSentinel, addrs: []string{"s:26379"}, masterSet: "p", settings: settings{sentinelUser: "u", sentinelPassword: "&"},
		}},
		{"redis-cluster://a,b:7001,c", target{kind: kindCluster, addrs: []string{"a:6379", "b:7001", "c:6379"}}},
	}
	for _, c := range cases {
		have, err := parseURL(c.url)
		require.NoError(t, err, c.url)
		require.Equal(t, c.want, have, c.url)
	}
}

func TestParseURLRefuses(t *testing.T) {
	for _, url := range []string{
		"", "localhost:6379", "http://h", "redis:h", "redis://", "redis://:6379", "redis://h:0", "redis://h:65536",
		"redis://h:x", "redis://a,b", "redis://h/x", "redis://h/-1", "redis://h/0/1", "redis://h?db=1", "redis://h#1",
		"redis://::1", "redis://%zz@h", "redis-sentinel://s1", "redis-sentinel://s1/", "redis-cluster://h/1",
		"redis-cluster://a,,b", "redis-sentinel://s1/primary/x",
		"redis://h?timeout=0", "redis://h?timeout=1h", "redis://h?timeout=5", "redis://h?pool=0", "redis://h?pool=x", "redis://h?pool",
		"redis://h?pool=1&pool=2", "redis://h?tls_ca=x", "rediss://h?tls_cert=x", "rediss://h?tls_ca=%zz", "redis://h?sentinel_user=x",
	} {
		_, err := parseURL(url)
		require.ErrorIs(t, err, ErrURL, "%q", url)
	}
}

func TestURLErrorsKeepThePassword(t *testing.T) {
	for _, url := range []string{
		"redis://app:topsecret@h:x", "redis://app:topsecret%zz@h", "redis://app:topsecret@h/x", "http://app:topsecret@h",
		"redis://app:top@secret@h:x", "redis://app:topsecret @h",
	} {
		_, err := parseURL(url)
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "secret")
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{
		"redis://localhost", "rediss://u:p@h:1/2", "redis://[::1]:7000/0", "redis-sentinel://a,b:1/set/3",
		"redis-cluster://a,b", "redis://%41@h", "://", "redis://@/", "redis://[",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		parsed, err := parseURL(raw)
		if err != nil {
			require.ErrorIs(t, err, ErrURL)
			return
		}
		require.NotEmpty(t, parsed.addrs)
		require.GreaterOrEqual(t, parsed.db, 0)
		require.Equal(t, parsed.kind == kindSentinel, parsed.masterSet != "")
	})
}
