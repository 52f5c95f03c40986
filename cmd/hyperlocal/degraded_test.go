package main

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// TestEngineGone takes the Redis server away, by a crash and by a freeze: what
// the database knows is answered, soon and marked; the rest is refused and says
// when to come back; pings wait and are recorded in their order; and all heals
// without a restart.
func TestEngineGone(t *testing.T) {
	for name, outage := range map[string]struct {
		begin, end func(t *testing.T, s *testenv.Server)
	}{
		"killed": {
			func(_ *testing.T, s *testenv.Server) { s.Kill() },
			func(t *testing.T, s *testenv.Server) { t.Helper(); s.Start(t) },
		},
		"frozen": {
			func(t *testing.T, s *testenv.Server) { t.Helper(); require.NoError(t, s.Freeze()) },
			func(t *testing.T, s *testenv.Server) { t.Helper(); require.NoError(t, s.Thaw()) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			engine := testenv.OwnServer(t, "--appendonly", "yes", "--appendfsync", "always")
			p := startServer(t, append([]string{
				"--engine", "redis://" + engine.Addr + "?timeout=300ms", "--data-dir", t.TempDir(), "--pings-waiting", "20KiB",
			}, quick...)...)
			fill(t, p)
			first := time.Now().Add(-8 * time.Second)
			send := func(i int) reply {
				return p.do("POST", "/v1/locations", ping("asha", 12.97, 77.59, first.Add(time.Duration(i)*time.Second)))
			}
			p.do("POST", "/v1/orders", map[string]any{"order_id": "o1", "store_id": "S1", "drop": map[string]any{"lat": 1, "lon": 2},
				"lines": []any{map[string]any{"product_id": "product:102", "units": 1}}}).ok(201, nil)
			p.do("POST", "/v1/orders/o1/status", map[string]any{"status": "accepted", "driver_id": "asha"}).ok(200, nil)
			send(0).ok(200, nil)
			eventually(t, func() bool {
				return p.metric("hyperlocal_orders_drained_total") >= 1 && p.metric("hyperlocal_orders_lag_seconds") == 0 &&
					p.metric("hyperlocal_flush_fixes_total") == 1
			}, 60*time.Second, 50*time.Millisecond, "the database does not have it")

			outage.begin(t, engine)
			eventually(t, func() bool { return p.metric("hyperlocal_engine_out") == 1 && p.knowsStores(t) }, 30*time.Second, time.Millisecond)
			p.requireDegraded(t)
			for i := range 5 {
				var a struct{ Verdicts map[string]int }
				send(1+i).ok(200, &a)
				require.Equal(t, map[string]int{"waiting": 1}, a.Verdicts)
			}
			many := make([]any, 500)
			for i := range many {
				many[i] = ping("other", 12.97, 77.59, first)
			}
			p.comeBack(t, p.do("POST", "/v1/locations", many))
			require.Positive(t, p.metric("hyperlocal_pings_waiting_bytes"))

			outage.end(t, engine)
			eventually(t, func() bool {
				var health struct{ Status string }
				p.do("GET", "/readyz", nil).ok(200, &health)
				return health.Status == "ok" && p.metric("hyperlocal_pings_waiting_bytes") == 0
			}, 30*time.Second, 10*time.Millisecond, "it does not heal")
			require.Zero(t, p.metric("hyperlocal_engine_out"))
			require.EqualValues(t, 6, p.metric(`hyperlocal_pings_total{verdict="accepted"}`)+p.metric(`hyperlocal_pings_total{verdict="stationary"}`), "in their order, none is late")
			var asha struct{ TS int64 }
			p.do("GET", "/v1/drivers/asha", nil).ok(200, &asha)
			require.Equal(t, first.Add(5*time.Second).UnixMilli(), asha.TS)
			var s struct{ Stock map[string]int }
			p.do("GET", "/v1/stores/S1/stock?product=product:101", nil).ok(200, &s)
			require.Equal(t, 5, s.Stock["product:101"])
			var o struct {
				Degraded bool
				Status   string
			}
			p.do("POST", "/v1/orders/o1/status", map[string]any{"status": "being_prepared"}).ok(200, nil)
			healed := p.do("GET", "/v1/orders/o1", nil)
			healed.ok(200, &o)
			require.False(t, o.Degraded)
			require.Empty(t, healed.header.Get("Hyperlocal-Degraded"))
			require.Equal(t, "being_prepared", o.Status)
			eventually(t, func() bool {
				var track struct{ Fixes []any }
				p.do("GET", "/v1/drivers/asha/track", nil).ok(200, &track)
				return len(track.Fixes) == 6
			}, 60*time.Second, 50*time.Millisecond)
		})
	}
}

// knowsStores asks for the stores, until the answer comes from the database.
func (p *process) knowsStores(t *testing.T) bool {
	t.Helper()
	var list struct {
		Degraded bool
		Stores   []any
	}
	p.do("GET", "/v1/stores", nil).ok(200, &list)
	require.Len(t, list.Stores, 2)
	return list.Degraded
}

// requireDegraded requires what a server does without its engine.
func (p *process) requireDegraded(t *testing.T) {
	t.Helper()
	var took []time.Duration
	timed := func(path string) reply {
		begin := time.Now()
		r := p.do("GET", path, nil)
		took = append(took, time.Since(begin))
		return r
	}
	marked := func(r reply) reply {
		require.Equal(t, "engine", r.header.Get("Hyperlocal-Degraded"))
		return r
	}
	marked(p.do("GET", "/v1/stores", nil)).ok(200, nil)
	for range 5 {
		timed("/v1/products").ok(200, nil)
		var s struct{ Degraded bool }
		marked(timed("/v1/stores/S1")).ok(200, &s)
		require.True(t, s.Degraded)
		var o struct {
			Degraded bool
			Status   string
			Events   []any
			Driver   any
		}
		marked(timed("/v1/orders/o1")).ok(200, &o)
		require.True(t, o.Degraded)
		require.Equal(t, "accepted", o.Status)
		require.Len(t, o.Events, 2)
		require.Nil(t, o.Driver)
		var track struct{ Fixes []any }
		timed("/v1/drivers/asha/track").ok(200, &track)
		require.Len(t, track.Fixes, 1)
	}
	slices.Sort(took)
	require.Less(t, took[len(took)/2], 150*time.Millisecond, "nobody waits for the engine's timeout")

	p.do("GET", "/v1/stores/S9", nil).refused(404, "id")
	for _, r := range []reply{
		p.do("GET", "/v1/orders/o9", nil), // the engine alone might know it
		p.do("GET", "/v1/stores/S1/stock?product=product:101", nil),
		p.do("POST", "/v1/availability", map[string]any{"lat": 12.97, "lon": 77.59, "products": []string{"product:101"}}),
		p.do("POST", "/v1/stores/S1/reservations", map[string]any{"order_id": "o2", "lines": []any{map[string]any{"product_id": "product:101", "units": 1}}}),
		p.do("GET", "/v1/drivers/nearby?lat=12.97&lon=77.59&radius_m=1000", nil),
		p.do("GET", "/v1/stores/nearest?lat=12.97&lon=77.59", nil),
	} {
		p.comeBack(t, r)
	}
	var health struct {
		Status string
		Checks map[string]string
	}
	p.do("GET", "/readyz", nil).ok(200, &health)
	require.Equal(t, "degraded", health.Status)
	require.Equal(t, "ok", health.Checks["store"])
	require.Contains(t, health.Checks["engine"], "unavailable")
	require.Positive(t, p.metric("hyperlocal_degraded_answers_total"))
}

// comeBack requires a refusal that says when to try again.
func (p *process) comeBack(t *testing.T, r reply) {
	t.Helper()
	require.Equal(t, http.StatusServiceUnavailable, r.status, "%s", r.body)
	require.NotEmpty(t, r.header.Get("Retry-After"))
}
