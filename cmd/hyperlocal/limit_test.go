package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// redisClient is a connection that speaks lines, which is all that these tests
// need.
type redisClient struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dialRedis(t *testing.T, addr string) *redisClient {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return &redisClient{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// ask sends commands together and returns their replies of one line each.
func (c *redisClient) ask(commands ...string) []string {
	c.t.Helper()
	_, err := c.conn.Write([]byte(strings.Join(commands, "\r\n") + "\r\n"))
	require.NoError(c.t, err)
	replies := make([]string, len(commands))
	for i := range replies {
		reply, err := c.in.ReadString('\n')
		require.NoError(c.t, err)
		replies[i] = strings.TrimSpace(reply)
	}
	return replies
}

// fill sets n keys with a time to live and returns the last reply.
func (c *redisClient) fill(n int) string {
	c.t.Helper()
	commands := make([]string, n)
	for i := range commands {
		commands[i] = fmt.Sprintf("SET session:%d %0200d EX 600", i, i)
	}
	return c.ask(commands...)[n-1]
}

const outOfMemory = "-OOM command not allowed when used memory > 'maxmemory'."

// At its limit the server refuses pings in so many words, answers what reads,
// does its background work, and takes pings again when there is room.
func TestMemoryLimitRefuses(t *testing.T) {
	addr := freeAddr(t)
	args := append([]string{"--data-dir", t.TempDir(), "--resp-addr", addr, "--max-memory", "1MiB"}, quick...)
	p := startServer(t, args...)
	c := dialRedis(t, addr)
	const lat, lon = 12.9716, 77.5946
	p.do("POST", "/v1/locations", ping("early", lat, lon, time.Now())).ok(http.StatusOK, nil)
	require.Equal(t, outOfMemory, c.fill(4000))

	refusal := p.do("POST", "/v1/locations", ping("late", lat, lon, time.Now()))
	refusal.refused(http.StatusInsufficientStorage, "")
	require.NotEmpty(t, refusal.header.Get("Retry-After"))
	var near struct{ Drivers []driverJSON }
	p.do("GET", fmt.Sprintf("/v1/drivers/nearby?lat=%v&lon=%v&radius_m=500", lat, lon), nil).ok(http.StatusOK, &near)
	require.Len(t, near.Drivers, 1)
	p.do("GET", "/readyz", nil).ok(http.StatusOK, nil)
	eventually(t, func() bool { return p.metric("hyperlocal_flush_rows_total") == 1 }, 30*time.Second, 50*time.Millisecond,
		"making room works without room")

	commands := make([]string, 100)
	for i := range commands {
		commands[i] = fmt.Sprint("DEL session:", i)
	}
	c.ask(commands...)
	p.do("POST", "/v1/locations", ping("late", lat, lon, time.Now())).ok(http.StatusOK, nil)
	require.Zero(t, p.interrupt())
}

// With a policy, what others keep in the engine makes room, and nothing of the
// product's own does.
func TestMemoryLimitEvicts(t *testing.T) {
	addr := freeAddr(t)
	p := startServer(t, "--data-dir", t.TempDir(), "--resp-addr", addr, "--max-memory", "1MiB", "--eviction", "allkeys-lru")
	c := dialRedis(t, addr)
	require.Equal(t, "+OK", c.fill(4000))
	now := time.Now()
	for i := range 40 {
		pings := make([]any, 25)
		for j := range pings {
			pings[j] = ping(fmt.Sprintf("driver-%d", 25*i+j), 12.9+float64(i)*0.005, 77.5+float64(j)*0.005, now)
		}
		p.do("POST", "/v1/locations", pings).ok(http.StatusOK, nil)
	}
	require.Positive(t, p.metric("hyperlocal_engine_evicted_total"))
	require.Less(t, p.metric("hyperlocal_engine_bytes"), 1.1*(1<<20))
	for i := range 40 {
		var d driverJSON
		p.do("GET", fmt.Sprintf("/v1/drivers/driver-%d", 25*i), nil).ok(http.StatusOK, &d)
	}
	require.Equal(t, "+OK", c.fill(4000))
	var near struct{ Drivers []driverJSON }
	p.do("GET", "/v1/drivers/nearby?lat=13&lon=77.56&radius_m=50000&limit=1000", nil).ok(http.StatusOK, &near)
	require.Len(t, near.Drivers, 1000, "none has gone")
	require.Zero(t, p.interrupt())
}
