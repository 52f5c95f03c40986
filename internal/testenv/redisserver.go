package testenv

import (
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// OwnRedis starts a redis-server of the test's own, with further arguments, and
// returns its host:port. It keeps nothing on disk and ends with the test.
func OwnRedis(t testing.TB, args ...string) string {
	t.Helper()
	Redis(t) // skips or fails where there are no services
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	args = append([]string{
		"--bind", addr.IP.String(), "--port", strconv.Itoa(addr.Port), "--save", "", "--dir", t.TempDir(),
	}, args...)
	cmd := exec.Command("redis-server", args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // by its handle: nothing else is meant
		_ = cmd.Wait()
	})
	waitFor(t, addr.String())
	return addr.String()
}

// waitFor returns once a server takes connections.
func waitFor(t testing.TB, addr string) {
	t.Helper()
	const attempts, pause = 1000, 10 * time.Millisecond
	for range attempts {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close() // nothing was said
			return
		}
		time.Sleep(pause)
	}
	t.Fatalf("nothing listens at %s", addr)
}
