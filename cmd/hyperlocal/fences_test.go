package main

import (
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// A partner comes to the store and then near the customer: who follows the order hears
// of both, and a fence on the way has its events.
func TestMilestonesReachFollowers(t *testing.T) {
	p := startServer(t)
	fill(t, p)
	const storeLat, storeLon, dropLat, dropLon = 12.97, 77.59, 12.99, 77.59
	p.do("PUT", "/v1/fences/bridge", map[string]any{"circle": map[string]any{"lat": 12.98, "lon": 77.59, "radius_m": 150}}).ok(200, nil)
	p.do("POST", "/v1/orders", map[string]any{
		"order_id": "o1", "store_id": "S1", "drop": map[string]any{"lat": dropLat, "lon": dropLon},
		"lines": []any{map[string]any{"product_id": "product:101", "units": 1}},
	}).ok(201, nil)
	step := func(status string) {
		p.do("POST", "/v1/orders/o1/status", map[string]any{"status": status, "driver_id": "asha"}).ok(200, nil)
	}
	step("accepted")

	conn, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"/v1/live", nil)
	require.NoError(t, err)
	defer res.Body.Close()
	defer conn.Close()
	require.NoError(t, conn.WriteJSON(map[string]any{"subscribe": []string{"order:o1", "fence:bridge"}}))
	await := func(what string) {
		t.Helper()
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
		for {
			var frame struct {
				Type string
				Data struct{ Milestone, Kind string }
			}
			require.NoError(t, conn.ReadJSON(&frame), what)
			if frame.Data.Milestone == what || frame.Data.Kind == what {
				return
			}
		}
	}
	at := time.Now().Add(-3 * time.Hour)
	stand := func(lat, lon float64) {
		t.Helper()
		at = at.Add(time.Minute) // long enough to have driven there
		for range 4 {
			at = at.Add(4 * time.Second)
			one := ping("asha", lat, lon, at)
			one["accuracy_m"] = 5
			p.do("POST", "/v1/locations", one).ok(200, nil)
		}
	}
	// The orders that wait are read every so often.
	eventually(t, func() bool { return p.metric(`hyperlocal_fences{of="orders"}`) == 1 }, 20*time.Second, 50*time.Millisecond)
	stand(storeLat, storeLon)
	await("arrived_at_store")
	step("being_prepared")
	step("picked_up")
	stand(12.98, 77.59)
	await("enter")
	// What the order waits for now is read every so often, too.
	eventually(t, func() bool {
		stand(dropLat, dropLon)
		return p.metric(`hyperlocal_order_milestones_total{kind="near_customer"}`) == 1
	}, 20*time.Second, 300*time.Millisecond)
	await("exit")
	await("near_customer")
	var events struct{ Events []struct{ Kind string } }
	p.do("GET", "/v1/fences/bridge/events", nil).ok(200, &events)
	require.Len(t, events.Events, 2)
}

// A server that starts again has the fences and who is within them: nobody enters
// twice, and the numbers of events go on.
func TestFencesOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	at := time.Now().Add(-time.Hour)
	stand := func(p *process, lat float64) {
		t.Helper()
		at = at.Add(time.Minute)
		for range 4 {
			at = at.Add(4 * time.Second)
			one := ping("asha", lat, 77.59, at)
			one["accuracy_m"] = 5
			p.do("POST", "/v1/locations", one).ok(200, nil)
		}
	}
	type event struct {
		Seq  int
		Kind string
	}
	events := func(p *process) []event {
		t.Helper()
		var got struct{ Events []event }
		p.do("GET", "/v1/fences/gate/events", nil).ok(200, &got)
		return got.Events
	}
	gate := map[string]any{"circle": map[string]any{"lat": 12.97, "lon": 77.59, "radius_m": 150.0}, "name": "the gate"}

	p := startServer(t, "--data-dir", dir)
	p.do("PUT", "/v1/fences/gate", gate).ok(200, nil)
	stand(p, 12.97)
	require.Equal(t, []event{{1, "enter"}}, events(p))
	require.Zero(t, p.interrupt())

	p = startServer(t, "--data-dir", dir)
	var kept map[string]any
	p.do("GET", "/v1/fences/gate", nil).ok(200, &kept)
	require.Equal(t, gate["name"], kept["name"])
	require.Equal(t, gate["circle"], kept["circle"])
	stand(p, 12.97)
	require.Equal(t, []event{{1, "enter"}}, events(p))
	stand(p, 12.99)
	require.Equal(t, []event{{1, "enter"}, {2, "exit"}}, events(p))
}
