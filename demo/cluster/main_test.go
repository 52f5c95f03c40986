//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// TestKillingEither kills one server after the other while a follower looks at the
// map: each time it sees positions of after the kill, soon, and the server is
// replaced.
func TestKillingEither(t *testing.T) {
	c := config{
		addr: "127.0.0.1:0", program: filepath.Join(t.TempDir(), "hyperlocal"), partners: 200, dataDir: t.TempDir(),
		engine: "redis://" + testenv.OwnRedis(t), store: keyspace(t),
	}
	built, err := exec.Command("go", "build", "-o", c.program, "hyperlocal/cmd/hyperlocal").CombinedOutput()
	require.NoError(t, err, "%s", built)
	out := &output{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, c, slog.New(slog.NewTextHandler(out, nil)), out) }()
	stop := sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s", out)
		}
	})
	address := out.await(t, `live map is at http://(\S+);`, 1)[1]

	f := &follower{url: "ws://" + address + "/v1/live"}
	var following sync.WaitGroup
	following.Go(func() { f.run(ctx) })
	defer following.Wait()
	defer cancel()
	for _, name := range []string{"server-1", "server-2"} {
		f.sees(t, time.Now())
		is := name + ` is process (\d+) at (\S+)`
		first := out.await(t, is, 1)
		pid, err := strconv.Atoi(first[1])
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		killed := time.Now()
		f.sees(t, killed)
		t.Logf("%s killed: a fix of after that was seen %v later", name, time.Since(killed))
		out.await(t, is, 2)
		awaitReady(t, first[2])
	}
	require.Positive(t, f.reconnected.Load(), "the follower was with one of them")
	var order struct {
		ID string `json:"order_id"`
	}
	res, err := http.Get("http://" + address + "/demo/order")
	require.NoError(t, err)
	defer res.Body.Close()
	require.NoError(t, json.NewDecoder(res.Body).Decode(&order))
	require.NotEmpty(t, order.ID)
	stop()
}

// patience bounds a wait for what takes seconds on a busy machine; soon is when
// the map must have moved on.
const (
	patience = 2 * time.Minute
	soon     = 15 * time.Second
)

// awaitReady returns when a server that was started again answers.
func awaitReady(t *testing.T, url string) {
	t.Helper()
	require.Eventually(t, func() bool {
		res, err := http.Get(url + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, patience, 20*time.Millisecond)
}

// keyspace is a store of this test's own, dropped afterwards.
func keyspace(t *testing.T) string {
	t.Helper()
	node, name := testenv.Cassandra(t), "cluster_demo_"+strings.ReplaceAll(uuid.NewString(), "-", "")[:16]
	t.Cleanup(func() {
		cluster := gocql.NewCluster(node)
		cluster.Timeout = time.Minute
		session, err := cluster.CreateSession()
		require.NoError(t, err)
		defer session.Close()
		require.NoError(t, session.Query("DROP KEYSPACE IF EXISTS "+name).Exec())
	})
	return fmt.Sprintf("cassandra://%s/%s?timeout=20s", node, name)
}

// output is what the demo prints.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await returns the nth match of a pattern.
func (o *output) await(t *testing.T, pattern string, nth int) []string {
	t.Helper()
	var found [][]string
	require.Eventually(t, func() bool {
		found = regexp.MustCompile(pattern).FindAllStringSubmatch(o.String(), -1)
		return len(found) >= nth
	}, patience, 20*time.Millisecond, "%s", pattern)
	return found[nth-1]
}

// follower looks at a hundred partners, and comes back when it is cut off.
type follower struct {
	url         string
	newest      atomic.Int64 // time of the newest fix seen, ms
	reconnected atomic.Int64
}

// sees waits for a fix of after a moment.
func (f *follower) sees(t *testing.T, after time.Time) {
	t.Helper()
	require.Eventually(t, func() bool { return f.newest.Load() > after.UnixMilli() }, soon, 10*time.Millisecond, "the map does not move")
}

func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := f.follow(ctx); err != nil {
			f.reconnected.Add(1)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (f *follower) follow(ctx context.Context) error {
	conn, res, err := websocket.DefaultDialer.DialContext(ctx, f.url, nil)
	if err != nil {
		return err
	}
	_ = res.Body.Close() // there is none
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	topics := make([]string, 100)
	for i := range topics {
		topics[i] = fmt.Sprintf("driver:partner-%04d", i+1)
	}
	if err := conn.WriteJSON(map[string]any{"subscribe": topics}); err != nil {
		return err
	}
	for {
		var frame struct {
			Type string
			Data json.RawMessage
		}
		if err := conn.ReadJSON(&frame); err != nil {
			return err
		}
		var position struct{ TS int64 }
		if frame.Type != "position" {
			continue
		}
		if err := json.Unmarshal(frame.Data, &position); err != nil || position.TS == 0 {
			return errors.New("a position without a time")
		}
		f.newest.Store(max(f.newest.Load(), position.TS))
	}
}
