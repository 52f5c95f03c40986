package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// runMain, set in the environment, makes the test binary be the server: tests
// start and kill real processes that way, with the race detector in them.
const runMain = "HYPERLOCAL_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is a server under test.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	out  *lockedBuffer
	done chan struct{}
}

// lockedBuffer collects a process's output while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// freeAddr returns a loopback address that nothing listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// command is this binary as hyperlocal with the given arguments.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), runMain+"=1")
	return cmd
}

// startServer starts a server and returns when it is ready. It is killed at the
// test's end if it still runs.
func startServer(t *testing.T, args ...string) *process {
	t.Helper()
	addr := freeAddr(t)
	p := &process{t: t, url: "http://" + addr, out: &lockedBuffer{}, done: make(chan struct{})}
	// Under the race detector, on a busy machine, the last flush takes longer.
	// A folder of its own unless args, which count more, say otherwise.
	p.cmd = command(append([]string{"serve", "--addr", addr, "--shutdown-timeout", "3m", "--data-dir", t.TempDir()}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("output of the server:\n%s", p.out)
		}
	})
	eventually(t, func() bool {
		select {
		case <-p.done:
			return true
		default:
		}
		res, err := http.Get(p.url + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 60*time.Second, 20*time.Millisecond, "server did not become ready:\n%s", p.out)
	select {
	case <-p.done:
		t.Fatalf("server ended at start:\n%s", p.out)
	default:
	}
	return p
}

// kill ends the process at once, as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// interrupt asks for a clean stop and returns the exit code.
func (p *process) interrupt() int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGINT))
	select {
	case <-p.done:
	case <-time.After(4 * time.Minute):
		p.t.Fatalf("server did not stop:\n%s", p.out)
	}
	return p.cmd.ProcessState.ExitCode()
}

// reply is a response with its body read.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// do sends a request. body may be nil, a string or []byte sent as it is, or a
// value sent as JSON.
func (p *process) do(method, path string, body any, header ...string) reply {
	p.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	case []byte:
		r = bytes.NewReader(b)
	default:
		data, err := json.Marshal(b)
		require.NoError(p.t, err)
		r = bytes.NewReader(data)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, r)
	require.NoError(p.t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(p.t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	return reply{t: p.t, status: res.StatusCode, header: res.Header, body: data}
}

// ok requires a status and decodes the body into v, unless v is nil.
func (r reply) ok(status int, v any) {
	r.t.Helper()
	require.Equal(r.t, status, r.status, "%s", r.body)
	if v != nil {
		require.NoError(r.t, json.Unmarshal(r.body, v), "%s", r.body)
	}
}

// refused requires a problem document with this status that names the field.
func (r reply) refused(status int, field string) {
	r.t.Helper()
	require.Equal(r.t, status, r.status, "%s", r.body)
	require.Equal(r.t, "application/problem+json", r.header.Get("Content-Type"))
	var p struct {
		Type, Title, Field, Detail string
		Status                     int
	}
	require.NoError(r.t, json.Unmarshal(r.body, &p), "%s", r.body)
	require.Equal(r.t, status, p.Status)
	require.NotEmpty(r.t, p.Title)
	require.Contains(r.t, p.Type, "urn:hyperlocal:problem:")
	require.Equal(r.t, field, p.Field, "%s", r.body)
}

// ping is a fix in the form of the API.
func ping(driver string, lat, lon float64, ts time.Time) map[string]any {
	return map[string]any{"driver_id": driver, "lat": lat, "lon": lon, "ts": ts.UnixMilli()}
}

// metric reads one sample of /metrics, by name and labels as printed there. A sample
// with labels is there from the first time that it counts something.
func (p *process) metric(name string) float64 {
	p.t.Helper()
	for line := range strings.Lines(string(p.do("GET", "/metrics", nil).body)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			var v float64
			_, err := fmt.Sscan(rest, &v)
			require.NoError(p.t, err)
			return v
		}
	}
	require.Contains(p.t, name, "{", "no such metric")
	return 0
}

// eventually is require.Eventually in the test's own goroutine, which done may end.
func eventually(t *testing.T, done func() bool, within, every time.Duration, otherwise ...any) {
	t.Helper()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for deadline := time.Now().Add(within); !done(); <-ticker.C {
		if time.Now().After(deadline) {
			require.Fail(t, fmt.Sprintf("not within %v", within), otherwise...)
		}
	}
}
