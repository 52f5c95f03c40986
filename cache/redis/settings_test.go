package redis

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the caller says counts more than the URL, and the URL more than nothing.
func TestSettingsFill(t *testing.T) {
	target, err := parseURL("redis://h?timeout=500ms&pool=64")
	require.NoError(t, err)
	for _, c := range []struct{ given, want Options }{
		{Options{}, Options{Timeout: 500 * time.Millisecond, PoolSize: 64}},
		{Options{Timeout: time.Second, PoolSize: 5}, Options{Timeout: time.Second, PoolSize: 5}},
	} {
		target.fill(&c.given)
		require.Equal(t, c.want.Timeout, c.given.Timeout)
		require.Equal(t, c.want.PoolSize, c.given.PoolSize)
	}
}

func TestTLSFiles(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.pem")
	text := filepath.Join(t.TempDir(), "text.pem")
	require.NoError(t, os.WriteFile(text, []byte("no certificate"), 0o600))
	for _, s := range []settings{{caFile: none}, {caFile: text}, {certFile: none, keyFile: none}, {certFile: text, keyFile: text}} {
		_, err := (&target{tls: true, addrs: []string{"h:1"}, settings: s}).tlsConfig()
		require.ErrorIs(t, err, ErrURL)
	}
	config, err := (&target{tls: true, addrs: []string{"h:1"}}).tlsConfig()
	require.NoError(t, err)
	require.Equal(t, "h", config.ServerName)
}
