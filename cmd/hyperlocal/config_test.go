package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
)

func load(t *testing.T, args ...string) (config, error) {
	t.Helper()
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	serveFlags(f)
	require.NoError(t, f.Parse(args))
	return loadConfig(f)
}

func TestConfigDefaults(t *testing.T) {
	c, err := load(t)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", c.Addr, "not reachable from outside unless told")
	require.Equal(t, "memory", c.Engine)
	require.Equal(t, "sqlite:data/hyperlocal.db", c.Store)
	require.Equal(t, time.Minute, c.StaleAfter)
	require.False(t, c.Demo)
	limit, _, err := c.memoryLimit()
	require.NoError(t, err)
	require.Zero(t, limit)
}

func TestConfigMemoryLimit(t *testing.T) {
	for size, want := range map[string]int64{"512MiB": 512 << 20, "4GB": 4_000_000_000, "1.5 gib": 3 << 29, "2097152": 2 << 20} {
		c, err := load(t, "--max-memory", size, "--eviction", "volatile-ttl")
		require.NoError(t, err)
		limit, policy, err := c.memoryLimit()
		require.NoError(t, err)
		require.Equal(t, want, limit)
		require.Equal(t, memory.VolatileTTL, policy)
	}
}

func TestConfigOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hyperlocal.yaml")
	require.NoError(t, os.WriteFile(path, []byte("stale-after: 10s\nbucket: 10s\nlive-tick: 1s\nallowed-origins: [https://a, https://b]\n"), 0o600))
	t.Setenv("HYPERLOCAL_CONFIG", path)
	t.Setenv("HYPERLOCAL_BUCKET", "20s")
	t.Setenv("HYPERLOCAL_LIVE_TICK", "2s")
	t.Setenv("HYPERLOCAL_TEST_ANYTHING", "not a setting")

	c, err := load(t, "--live-tick", "3s", "--data-dir", "/d")
	require.NoError(t, err)
	require.Equal(t, 10*time.Second, c.StaleAfter, "the file over the default")
	require.Equal(t, 20*time.Second, c.Bucket, "the environment over the file")
	require.Equal(t, 3*time.Second, c.LiveTick, "the flag over all")
	require.Equal(t, []string{"https://a", "https://b"}, c.AllowedOrigins)
	require.Equal(t, "sqlite:/d/hyperlocal.db", c.Store)
}

// Only a proxy that is trusted is believed.
func TestConfigAddresses(t *testing.T) {
	t.Setenv("HYPERLOCAL_TRUSTED_PROXIES", "10.0.0.0/8,127.0.0.1/32")
	c, err := load(t)
	require.NoError(t, err)
	plain, err := load(t, "--trusted-proxies", "")
	require.NoError(t, err)
	for _, x := range []struct {
		config               config
		remote, header, want string
	}{
		{plain, "127.0.0.1:1", "198.51.100.7", "127.0.0.1"},
		{c, "203.0.113.1:1", "198.51.100.7", "203.0.113.1"},
		{c, "127.0.0.1:1", "192.0.2.1, 198.51.100.7, 10.1.2.3", "198.51.100.7"},
		{c, "127.0.0.1:1", "", "127.0.0.1"},
		{c, "192.168.0.1:1", "198.51.100.7", "192.168.0.1"},
	} {
		limits, err := x.config.pingLimits()
		require.NoError(t, err)
		r := &http.Request{RemoteAddr: x.remote, Header: http.Header{}}
		if x.header != "" {
			r.Header.Set("X-Forwarded-For", x.header)
		}
		require.Equal(t, x.want, limits.AddressOf(r), x)
	}
}

func TestConfigRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  string
		want string
	}{
		"address without port": {args: []string{"--addr", "localhost"}, want: "--addr"},
		"bucket of an hour":    {args: []string{"--bucket", "1h"}, want: "--bucket"},
		"no size":              {args: []string{"--max-memory", "much"}, want: "--max-memory"},
		"negative size":        {args: []string{"--max-memory", "-1GB"}, want: "--max-memory"},
		"size out of range":    {args: []string{"--max-memory", "1000000EB"}, want: "--max-memory"},
		"too small":            {args: []string{"--max-memory", "512"}, want: "at least 1MiB"},
		"limit of a server":    {args: []string{"--max-memory", "1GB", "--engine", "redis://localhost"}, want: "maxmemory-policy"},
		"unknown policy":       {args: []string{"--max-memory", "1GB", "--eviction", "random"}, want: "allkeys-lru"},
		"policy without limit": {args: []string{"--eviction", "allkeys-lru"}, want: "needs --max-memory"},
		"no rate":              {args: []string{"--driver-rate", "0.001"}, want: "--driver-rate"},
		"burst of years":       {args: []string{"--address-rate", "1", "--address-burst", "100000000"}, want: "--address-burst"},
		"no network":           {args: []string{"--trusted-proxies", "10.0.0.1"}, want: "--trusted-proxies"},
		"no time for a body":   {args: []string{"--body-timeout", "0s"}, want: "--body-timeout"},
		"no fix":               {args: []string{"--fence-fixes", "0"}, want: "--fence-fixes"},
		"unknown durability":   {args: []string{"--engine-durability", "much"}, want: "server or wait"},
		"no replicas":          {args: []string{"--engine-durability", "wait"}, want: "no replicas"},
		"negative partners":    {args: []string{"--demo-partners", "-1"}, want: "--demo-partners"},
		"file missing":         {args: []string{"--config", "/nowhere.yaml"}, want: "/nowhere.yaml"},
		"misspelt variable":    {env: "HYPERLOCAL_STALE_AFTR", want: `"stale-aftr"`},
	} {
		t.Run(name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv(c.env, "1s")
			}
			_, err := load(t, c.args...)
			require.ErrorContains(t, err, c.want)
		})
	}
}
