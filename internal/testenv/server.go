//go:build unix

package testenv

import (
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a redis-server process of the test's own, to be killed. It ends with
// the test.
type Server struct {
	Addr string

	args []string
	cmd  *exec.Cmd
}

// patience bounds the wait for a server that was just started.
const patience = 30 * time.Second

// OwnRedis starts a redis-server of the test's own, with further arguments, and
// returns its host:port. It keeps nothing on disk and ends with the test.
func OwnRedis(t testing.TB, args ...string) string {
	t.Helper()
	Redis(t) // skips or fails where there are no services
	return startServer(t, args...).Addr
}

// OwnServer is OwnRedis for a test that stops it.
func OwnServer(t testing.TB, args ...string) *Server {
	t.Helper()
	Redis(t)
	return startServer(t, args...)
}

// startServer runs a redis-server that keeps nothing on disk, on a free port.
func startServer(t testing.TB, args ...string) *Server {
	t.Helper()
	addr := freeAddr(t)
	return run(t, addr, append([]string{
		"--bind", addr.IP.String(), "--port", strconv.Itoa(addr.Port), "--save", "", "--dir", t.TempDir(),
		"--repl-diskless-sync-delay", "0",
	}, args...))
}

func run(t testing.TB, addr *net.TCPAddr, args []string) *Server {
	t.Helper()
	s := &Server{Addr: addr.String(), args: args}
	s.Start(t)
	t.Cleanup(s.Kill)
	return s
}

// Start runs the server again after Kill, with nothing of what it held.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, s.Addr)
}

// Kill is what a crash does: SIGKILL, and no goodbye to the clients.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // by its handle: nothing else is meant
	_ = s.cmd.Wait()
}

// Freeze stops the server without breaking a connection, and Thaw lets it go on.
func (s *Server) Freeze() error { return s.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (s *Server) Thaw() error { return s.cmd.Process.Signal(syscall.SIGCONT) }

// Ask sends the server a command and returns what redis-cli prints.
func (s *Server) Ask(args ...string) (string, error) {
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return "", err
	}
	out, err := exec.Command("redis-cli", append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must is Ask that wants an answer without "ERR".
func (s *Server) must(t testing.TB, args ...string) string {
	t.Helper()
	out, err := s.Ask(args...)
	if err != nil || strings.HasPrefix(out, "ERR") {
		t.Fatalf("%s to %s: %s: %v", strings.Join(args, " "), s.Addr, out, err)
	}
	return out
}

func freeAddr(t testing.TB) *net.TCPAddr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}

// until waits for what servers do in their own time.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("within %v there was not: %s", patience, what)
		}
	}
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
