package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// TestTwoServers runs two servers on one Redis and one Cassandra, and kills one.
// What was said to it holds at the other, and its jobs go on there: a follower
// that comes back misses no status, a reservation expires, every fix is in the
// track once.
func TestTwoServers(t *testing.T) {
	args := append([]string{"--engine", "redis://" + testenv.OwnRedis(t), "--store",
		fmt.Sprintf("cassandra://%s/two_servers_%08x", testenv.Cassandra(t), rand.Uint32())}, quick...)
	a := startServer(t, args...)
	eventually(t, func() bool { return strings.Count(a.out.String(), "has the lease now") == 5 }, 30*time.Second, 10*time.Millisecond)
	b := startServer(t, args...)
	fill(t, a)
	newOrder(b, "o1").ok(201, nil)

	// Verdicts hold across both.
	first := time.Now().Add(-8 * time.Second)
	verdict := func(p *process, s int) string {
		var v verdictsJSON
		p.do("POST", "/v1/locations", ping("rider", 12.97, 77.59+float64(s)*0.0001, first.Add(time.Duration(s)*time.Second))).ok(200, &v)
		require.Len(t, v.Verdicts, 1)
		for name := range v.Verdicts {
			return name
		}
		return ""
	}
	require.Equal(t, "accepted", verdict(a, 2))
	require.Equal(t, "duplicate", verdict(b, 2))
	require.Equal(t, "late", verdict(b, 0))
	require.Equal(t, "accepted", verdict(b, 4))
	require.Equal(t, "late", verdict(a, 3))

	// A status published on one reaches a follower of the other.
	follower := follow(t, a, "0")
	follower.requireStatus("placed", "1")
	steps := happyPath
	step := func() {
		b.do("POST", "/v1/orders/o1/status", map[string]any{"status": steps[0], "driver_id": "rider"}).ok(200, nil)
		steps = steps[1:]
	}
	for i := range 2 {
		step()
		follower.requireStatus(happyPath[i], fmt.Sprint(i+2))
	}
	b.do("POST", "/v1/stores/S1/reservations", map[string]any{"order_id": "o9", "ttl_s": 2,
		"lines": []any{map[string]any{"product_id": "product:103", "units": 5}}}).ok(201, nil)

	a.kill()
	step()
	step()
	follower = follow(t, b, "3")
	follower.requireStatus(happyPath[2], "4")
	follower.requireStatus(happyPath[3], "5")
	require.Equal(t, "accepted", verdict(b, 6))
	eventually(t, func() bool {
		var s struct{ Stock map[string]int }
		b.do("GET", "/v1/stores/S1/stock?product=product:103", nil).ok(200, &s)
		return s.Stock["product:103"] == 5
	}, 2*time.Second+2*leaseFor, 50*time.Millisecond, "nobody does what the killed server did")
	require.Equal(t, 5, strings.Count(b.out.String(), "has the lease now"))
	require.Contains(t, b.out.String(), "token=2")
	var track struct{ Fixes []any }
	eventually(t, func() bool {
		b.do("GET", "/v1/drivers/rider/track", nil).ok(200, &track)
		return len(track.Fixes) >= 5
	}, 60*time.Second, 50*time.Millisecond)
	require.Len(t, track.Fixes, 5)
}

// followed is a WebSocket that follows the order o1.
type followed struct {
	t  *testing.T
	ws *websocket.Conn
}

func follow(t *testing.T, p *process, since string) followed {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(p.url, "http", "ws", 1)+"/v1/live", nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ws.Close() })
	require.NoError(t, ws.WriteJSON(map[string]any{"subscribe": []string{"order:o1"}, "since": map[string]string{"order:o1": since}}))
	return followed{t, ws}
}

// requireStatus waits for the next status.
func (f followed) requireStatus(status, id string) {
	f.t.Helper()
	for {
		require.NoError(f.t, f.ws.SetReadDeadline(time.Now().Add(20*time.Second)))
		var frame struct {
			ID, Type string
			Data     struct{ Status string }
		}
		require.NoError(f.t, f.ws.ReadJSON(&frame))
		if frame.Type == "status" {
			require.Equal(f.t, status, frame.Data.Status)
			require.Equal(f.t, id, frame.ID)
			return
		}
	}
}
