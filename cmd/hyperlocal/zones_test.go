package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The zone file is read again by SIGHUP and by an admin's call, a bad one changes
// nothing, and a driver is in the new zone with the next ping.
func TestZonesAreReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zones.geojson")
	write := func(zone string) {
		require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"id":%q},
			"geometry":{"type":"Polygon","coordinates":[[[77,12],[78,12],[78,13],[77,13],[77,12]]]}}]}`, zone), 0o600))
	}
	write("first")
	p := startServer(t, "--zones", path, "--admin-token", "secret")
	sent := time.Now().Add(-20 * time.Second)
	zoneOf := func() string {
		sent = sent.Add(time.Second)
		p.do("POST", "/v1/locations", ping("d", 12.5, 77.5, sent)).ok(200, nil)
		var d driverJSON
		p.do("GET", "/v1/drivers/d", nil).ok(200, &d)
		return d.Zone
	}
	reload := func(token string) reply { return p.do("POST", "/v1/admin/zones/reload", nil, "Authorization", token) }
	require.Equal(t, "first", zoneOf())

	write("second")
	require.Equal(t, "first", zoneOf())
	reload("Bearer wrong").refused(http.StatusUnauthorized, "Authorization")
	var answer struct{ Zones int }
	reload("Bearer secret").ok(200, &answer)
	require.Equal(t, 1, answer.Zones)
	require.Equal(t, "second", zoneOf())

	require.NoError(t, os.WriteFile(path, []byte(`{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":null}]}`), 0o600))
	bad := reload("Bearer secret")
	bad.refused(http.StatusUnprocessableEntity, "")
	require.Contains(t, string(bad.body), "feature 0")
	require.Equal(t, "second", zoneOf())
	require.Equal(t, 1.0, p.metric("hyperlocal_zone_reload_failures_total"))

	write("third")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	eventually(t, func() bool { return p.metric("hyperlocal_zone_reloads_total") == 2 }, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, "third", zoneOf())
	p.do("GET", "/v1/zones.geojson", nil).ok(200, nil)
}

// A server that starts or stops outlives a SIGHUP, too.
func TestHangupEndsNoServer(t *testing.T) {
	addr, out := freeAddr(t), &lockedBuffer{}
	cmd := command("serve", "--addr", addr, "--data-dir", t.TempDir(), "--shutdown-timeout", "3m")
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		_ = conn.Close() // that there is somebody is enough
		return true
	}, 60*time.Second, time.Millisecond)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for signals := 0; ; signals++ {
		select {
		case err := <-ended:
			require.NoError(t, err, "%s", out)
			return
		case <-tick.C:
			signal := syscall.SIGHUP
			if signals == 1000 {
				signal = syscall.SIGINT
			}
			_ = cmd.Process.Signal(signal) // it may have ended
		}
	}
}

func TestNoAdminWithoutAToken(t *testing.T) {
	p := startServer(t)
	p.do("POST", "/v1/admin/zones/reload", nil, "Authorization", "Bearer ").refused(http.StatusForbidden, "")
}
