package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// A server is started while its Cassandra cannot be reached. It serves what the engine
// knows, moves no stock, and does all when the database is there, without a restart. Where
// the engine has lost the stores, their movements are numbered on.
func TestStartWithoutTheDatabase(t *testing.T) {
	for name, lost := range map[string]bool{"engine kept": false, "engine lost": true} {
		t.Run(name, func(t *testing.T) {
			node := testenv.Cassandra(t)
			line := testenv.NewLine(t, node)
			keyspace := "/later_" + uuid.NewString()[:8]
			dir := t.TempDir()
			start := func() *process {
				return startServer(t, append([]string{"--data-dir", dir, "--store", "cassandra://asha:secret@" + line.Addr + keyspace}, quick...)...)
			}
			p := start()
			fill(t, p)
			require.Equal(t, 0, p.interrupt(), "%s", p.out)
			if lost {
				dir = t.TempDir()
			}

			line.Cut()
			p = start()
			p.requireNoDatabase(t, line.Addr, lost)
			require.Equal(t, 1, strings.Count(p.out.String(), "the database cannot be reached; serving without it"), "%s", p.out)

			line.Restore(t)
			eventually(t, func() bool { return p.health(t).Status == "ok" }, time.Minute, 10*time.Millisecond, "it does not find the database")
			require.Equal(t, 1, strings.Count(p.out.String(), "the database is there"), "%s", p.out)
			require.NotContains(t, p.out.String(), "secret")
			var s struct{ Stock map[string]int }
			p.do("POST", "/v1/stores/S1/movements", oneMore).ok(201, &s)
			require.Equal(t, map[string]int{"product:101": 6}, s.Stock)
			p.do("GET", "/v1/stores/S9", nil).refused(404, "id")
			eventually(t, func() bool {
				return p.metric("hyperlocal_flush_fixes_total") == 3 && p.metric("hyperlocal_movements_drained_total") == 1
			}, time.Minute, 10*time.Millisecond, "it does not write what has waited")
			require.Equal(t, 0, p.interrupt(), "%s", p.out)

			ms, err := openRecord(t, "cassandra://"+node+keyspace).Movements(t.Context(), "S1", 0, 100)
			require.NoError(t, err)
			require.Len(t, ms, 11)
			for i, m := range ms {
				require.EqualValues(t, i+1, m.Seq)
			}
			require.EqualValues(t, 1, ms[10].Available)
		})
	}
}

var oneMore = map[string]any{"kind": "receive", "lines": []any{map[string]any{"product_id": "product:101", "units": 1}}}

type healthJSON struct {
	Status string
	Checks map[string]string
}

func (p *process) health(t *testing.T) (h healthJSON) {
	t.Helper()
	p.do("GET", "/readyz", nil).ok(200, &h)
	return h
}

// requireNoDatabase requires what a server does that was started without one.
func (p *process) requireNoDatabase(t *testing.T, addr string, engineLost bool) {
	t.Helper()
	h := p.health(t)
	require.Equal(t, "degraded", h.Status)
	require.Equal(t, "ok", h.Checks["engine"])
	require.Contains(t, h.Checks["store"], "unavailable")
	require.Contains(t, h.Checks["store"], addr)
	require.NotContains(t, h.Checks["store"], "secret")

	first := time.Now().Add(-8 * time.Second)
	for i := range 3 {
		p.do("POST", "/v1/locations", ping("asha", 12.97, 77.59, first.Add(time.Duration(i)*time.Second))).ok(200, nil)
	}
	var near struct{ Drivers []any }
	p.do("GET", "/v1/drivers/nearby?lat=12.97&lon=77.59&radius_m=1000", nil).ok(200, &near)
	require.Len(t, near.Drivers, 1)

	reservation := "/v1/reservations/S1." + uuid.NewString()
	for _, r := range []reply{
		p.do("POST", "/v1/stores/S1/movements", oneMore),
		p.do("POST", "/v1/stores/S1/reservations", map[string]any{"order_id": "o1", "lines": oneMore["lines"]}),
		p.do("GET", reservation, nil),
		p.do("POST", reservation+"/commit", nil),
		p.do("DELETE", reservation, nil),
		p.do("PUT", "/v1/stores/S3", map[string]any{"name": "S3", "lat": 12.97, "lon": 77.59}),
		p.do("GET", "/v1/stores/S9", nil),
		p.do("GET", "/v1/stores/S1/stock?product=product:101", nil),
	} {
		p.comeBack(t, r)
	}
	for _, path := range []string{"/v1/stores", "/v1/stores/S1", "/v1/stores/nearest?lat=12.97&lon=77.59"} {
		r := p.do("GET", path, nil)
		if engineLost {
			p.comeBack(t, r)
		} else {
			r.ok(200, nil)
		}
	}
}

// Whoever runs a command wants to know at once that there is no database.
func TestCommandsWantTheDatabase(t *testing.T) {
	out, err := command("export", "movements", "--store", "cassandra://asha:secret@127.0.0.1:1/hyperlocal").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "database unavailable")
	require.NotContains(t, string(out), "secret")
}
