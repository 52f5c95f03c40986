package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// wards is the zone file of the tests and of the demo.
const wards = "../../demo/data/zones/bengaluru_wards_198.geojson"

// hosts are the pairs of engine and database that the whole surface runs on.
var hosts = []struct {
	name string
	args func(t *testing.T) []string
}{
	{"memory and SQLite", func(t *testing.T) []string {
		return []string{"--data-dir", t.TempDir()}
	}},
	{"Redis and Cassandra", func(t *testing.T) []string {
		return []string{"--engine", "redis://" + testenv.OwnRedis(t), "--store",
			fmt.Sprintf("cassandra://%s/api_test_%08x", testenv.Cassandra(t), rand.Uint32())}
	}},
	{"Valkey and SQLite", func(t *testing.T) []string {
		return []string{"--engine", "redis://" + emptyValkey(t)}
	}},
	{"Sentinel and SQLite", func(t *testing.T) []string {
		return []string{"--engine", testenv.OwnSentinel(t, calm).URL(), "--engine-durability", "wait", "--data-dir", t.TempDir()}
	}},
	{"Cluster and SQLite", func(t *testing.T) []string {
		return []string{"--engine", testenv.OwnCluster(t, calm).URL(), "--engine-durability", "wait", "--data-dir", t.TempDir()}
	}},
}

// emptyValkey returns the address of a numbered database of the real Valkey that
// only this package uses.
func emptyValkey(t *testing.T) string {
	t.Helper()
	const db = "9"
	addr := testenv.Valkey(t)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	out, err := exec.Command("redis-cli", "-h", host, "-p", port, "-n", db, "flushdb").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return addr + "/" + db
}

// calm is when a silent server counts as gone in a set that nobody kills.
const calm = 20 * time.Second

// quick are the settings that make a flush come soon.
var quick = []string{"--zones", wards, "--bucket", "1s", "--bucket-grace", "1ms", "--flush-every", "200ms", "--live-tick", "100ms"}

func onEachHost(t *testing.T, test func(t *testing.T, p *process)) {
	for _, h := range hosts {
		t.Run(h.name, func(t *testing.T) {
			test(t, startServer(t, append(h.args(t), quick...)...))
		})
	}
}

type driverJSON struct {
	DriverID  string `json:"driver_id"`
	Lat, Lon  float64
	TS        int64   `json:"ts"`
	DistanceM float64 `json:"distance_m"`
	Zone      string  `json:"zone"`
	Stale     bool    `json:"stale"`
}

type verdictsJSON struct {
	Verdicts map[string]int `json:"verdicts"`
	Rejected []struct {
		Index   int    `json:"index"`
		Verdict string `json:"verdict"`
		Field   string `json:"field"`
	} `json:"rejected"`
}

func TestPings(t *testing.T) {
	onEachHost(t, func(t *testing.T, p *process) {
		now := time.Now()
		const lat, lon = 12.9716, 77.5946 // the middle of Bengaluru

		var v verdictsJSON
		p.do("POST", "/v1/locations", ping("one", lat, lon, now.Add(-20*time.Second))).ok(200, &v)
		require.Equal(t, map[string]int{"accepted": 1}, v.Verdicts)

		v = verdictsJSON{}
		p.do("POST", "/v1/locations", []any{
			ping("one", lat+0.001, lon, now),
			ping("one", lat+0.001, lon, now),                           // said twice
			ping("one", lat+0.0005, lon, now.Add(-10*time.Second)),     // out of a tunnel
			ping("two", lat, lon+0.002, now),                           //
			ping("two", lat+1, lon+1, now.Add(1*time.Second)),          // 150 km in a second
			ping("three", lat, lon, now.Add(time.Hour)),                // the clock is wrong
			ping("four", 91, lon, now),                                 //
			map[string]any{"driver_id": "five", "lat": lat, "ts": now}, // no longitude
		}).ok(200, &v)
		require.Equal(t, map[string]int{"accepted": 2, "duplicate": 1, "late": 1, "implausible": 1, "future": 1, "invalid": 2}, v.Verdicts)
		fields := map[int]string{}
		for _, r := range v.Rejected {
			fields[r.Index] = r.Verdict + " " + r.Field
		}
		require.Equal(t, "duplicate", strings.Fields(fields[1])[0])
		require.Equal(t, "implausible", strings.Fields(fields[4])[0])
		require.Equal(t, "future ts", fields[5])
		require.Equal(t, "invalid lat", fields[6])
		require.Equal(t, "invalid lon", fields[7])

		line1, err := json.Marshal(ping("six", lat, lon, now))
		require.NoError(t, err)
		v = verdictsJSON{}
		p.do("POST", "/v1/locations", string(line1)+"\n{broken\n"+strings.Replace(string(line1), "six", "seven", 1)+"\n",
			"Content-Type", "application/x-ndjson").ok(200, &v)
		require.Equal(t, map[string]int{"accepted": 2, "invalid": 1}, v.Verdicts)
		require.Equal(t, 1, v.Rejected[0].Index)

		var near struct{ Drivers []driverJSON }
		p.do("GET", fmt.Sprintf("/v1/drivers/nearby?lat=%v&lon=%v&radius_m=500&limit=3", lat, lon), nil).ok(200, &near)
		require.Len(t, near.Drivers, 3)
		require.InDelta(t, 111, near.Drivers[2].DistanceM, 2, "one stands 0.001 degrees to the north")
		require.Equal(t, "one", near.Drivers[2].DriverID)

		var d driverJSON
		p.do("GET", "/v1/drivers/one", nil).ok(200, &d)
		require.Equal(t, now.UnixMilli(), d.TS, "late and repeated fixes do not move the present")
		require.False(t, d.Stale)
		p.do("GET", "/v1/drivers/nobody", nil).refused(404, "id")

		var zones struct {
			Zones []struct {
				Zone    string
				Drivers int
			}
		}
		p.do("GET", "/v1/zones", nil).ok(200, &zones)
		require.GreaterOrEqual(t, len(zones.Zones), 198)
		live := 0
		for _, z := range zones.Zones {
			live += z.Drivers
		}
		require.Equal(t, 4, live)
		var in struct{ Drivers []driverJSON }
		p.do("GET", "/v1/zones/"+d.Zone+"/drivers", nil).ok(200, &in)
		require.NotEmpty(t, in.Drivers)

		// The rows come with the flush; every accepted and late fix is in them.
		var track struct{ Fixes []struct{ TS int64 } }
		eventually(t, func() bool {
			p.do("GET", fmt.Sprintf("/v1/drivers/one/track?from=%d&to=%d", now.Add(-time.Minute).UnixMilli(), now.UnixMilli()), nil).ok(200, &track)
			return len(track.Fixes) == 3
		}, 15*time.Second, 100*time.Millisecond)
		require.Equal(t, now.Add(-10*time.Second).UnixMilli(), track.Fixes[1].TS)
		for format, kind := range map[string]string{"geojson": "application/geo+json", "gpx": "application/gpx+xml"} {
			r := p.do("GET", fmt.Sprintf("/v1/drivers/one/track?format=%s&from=%s", format, url.QueryEscape(now.Add(-time.Minute).Format(time.RFC3339))), nil)
			r.ok(200, nil)
			require.Equal(t, kind, r.header.Get("Content-Type"))
		}

		mocked := func(driver string, ts time.Time) map[string]any {
			made := ping(driver, lat, lon, ts)
			made["mock"] = true
			return made
		}
		p.do("POST", "/v1/locations", []any{mocked("mocker", now.Add(-15*time.Second)), ping("mocker", lat, lon, now.Add(-10*time.Second))}).ok(200, nil)
		require.Equal(t, map[string]int{"stationary": 1}, p.stream(mocked("mocker", now.Add(-5*time.Second))).Verdicts)
		require.Equal(t, 2.0, p.metric(`hyperlocal_pings_mock_total`))
		var made struct {
			MockFixes int `json:"mock_fixes"`
			Fixes     []struct{ Mock bool }
		}
		require.Eventually(t, func() bool {
			p.do("GET", fmt.Sprintf("/v1/drivers/mocker/track?from=%d", now.Add(-time.Minute).UnixMilli()), nil).ok(200, &made)
			return len(made.Fixes) == 3
		}, 15*time.Second, 100*time.Millisecond)
		require.Equal(t, 2, made.MockFixes)
		require.True(t, made.Fixes[0].Mock && !made.Fixes[1].Mock && made.Fixes[2].Mock)

		require.Equal(t, map[string]int{"accepted": 1, "invalid": 1}, p.stream(ping("eight", lat, lon, now), map[string]any{}).Verdicts)

		p.do("POST", "/v1/owntracks?u=nine", map[string]any{"_type": "location", "lat": lat, "lon": lon, "tst": now.Unix()}).ok(200, nil)
		var traccar verdictsJSON
		p.do("GET", fmt.Sprintf("/v1/osmand?id=ten&lat=%v&lon=%v", lat, lon), nil).ok(200, &traccar)
		require.Equal(t, map[string]int{"accepted": 1}, traccar.Verdicts)

		require.Equal(t, 9.0, p.metric(`hyperlocal_pings_total{verdict="accepted"}`))
		require.Equal(t, 1.0, p.metric(`hyperlocal_pings_total{verdict="late"}`))
		require.Greater(t, p.metric(`hyperlocal_flush_rows_total`), 0.0)
		require.Greater(t, p.metric(`hyperlocal_engine_bytes`), 0.0)
	})
}

// stream sends pings over a WebSocket, and returns the acknowledgement of all.
func (p *process) stream(pings ...any) (v verdictsJSON) {
	conn, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"/v1/stream", nil)
	require.NoError(p.t, err)
	defer res.Body.Close()
	defer conn.Close()
	for _, ping := range pings {
		require.NoError(p.t, conn.WriteJSON(ping))
	}
	require.NoError(p.t, conn.WriteMessage(websocket.TextMessage, nil))
	require.NoError(p.t, conn.ReadJSON(&v))
	return v
}

// fill gives a server two stores with ten products each.
func fill(t *testing.T, p *process) {
	t.Helper()
	products := make([]any, 10)
	lines := make([]any, 10)
	for i := range products {
		id := fmt.Sprintf("product:%d", 101+i)
		products[i] = map[string]any{"product_id": id, "name": "Onion", "mrp_paise": 2500, "price_paise": 2100}
		lines[i] = map[string]any{"product_id": id, "units": 5}
	}
	p.do("PUT", "/v1/products", map[string]any{"products": products}).ok(204, nil)
	for i, id := range []string{"S1", "S2"} {
		p.do("PUT", "/v1/stores/"+id, map[string]any{"name": id, "lat": 12.97 + 0.1*float64(i), "lon": 77.59}).ok(200, nil)
		p.do("POST", "/v1/stores/"+id+"/movements", map[string]any{"kind": "receive", "lines": lines, "reference": "first delivery"},
			"Idempotency-Key", "first").ok(201, nil)
	}
}

func TestStock(t *testing.T) {
	onEachHost(t, func(t *testing.T, p *process) {
		fill(t, p)
		stock := func() map[string]int {
			var s struct{ Stock map[string]int }
			p.do("GET", "/v1/stores/S1/stock?product=product:101&product=product:102", nil).ok(200, &s)
			return s.Stock
		}
		reserve := func(order string, a, b int) reply {
			return p.do("POST", "/v1/stores/S1/reservations", map[string]any{"order_id": order, "lines": []any{
				map[string]any{"product_id": "product:101", "units": a}, map[string]any{"product_id": "product:102", "units": b}}})
		}

		var near struct {
			Stores []struct {
				StoreID string `json:"store_id"`
			}
		}
		p.do("GET", "/v1/stores/nearest?lat=12.96&lon=77.59&limit=1", nil).ok(200, &near)
		require.Equal(t, "S1", near.Stores[0].StoreID)
		var avail struct {
			Store struct {
				StoreID string `json:"store_id"`
			}
			Stock map[string]int
		}
		p.do("POST", "/v1/availability", map[string]any{"lat": 12.96, "lon": 77.59, "products": []string{"product:101", "product:110"}}).ok(200, &avail)
		require.Equal(t, "S1", avail.Store.StoreID)
		require.Equal(t, map[string]int{"product:101": 5, "product:110": 5}, avail.Stock)

		var r struct {
			ID    string `json:"reservation_id"`
			State string
		}
		reserve("o1", 3, 1).ok(201, &r)
		require.Equal(t, map[string]int{"product:101": 2, "product:102": 4}, stock())
		short := reserve("o2", 3, 1)
		short.refused(409, "lines[0].units")
		require.Contains(t, string(short.body), `"shortages"`)
		require.Equal(t, map[string]int{"product:101": 2, "product:102": 4}, stock(), "all or nothing")

		p.do("DELETE", "/v1/reservations/"+r.ID, nil).ok(200, &r)
		require.Equal(t, "released", r.State)
		require.Equal(t, map[string]int{"product:101": 5, "product:102": 5}, stock())
		p.do("POST", "/v1/reservations/"+r.ID+"/commit", nil).refused(409, "id")

		reserve("o3", 5, 5).ok(201, &r)
		for range 2 { // said twice, sold once
			p.do("POST", "/v1/reservations/"+r.ID+"/commit", nil).ok(200, &r)
			require.Equal(t, "committed", r.State)
		}
		require.Equal(t, map[string]int{"product:101": 0, "product:102": 0}, stock())

		p.do("POST", "/v1/stores/S1/reservations", map[string]any{"order_id": "o4", "ttl_s": 1,
			"lines": []any{map[string]any{"product_id": "product:103", "units": 5}}}).ok(201, &r)
		eventually(t, func() bool {
			p.do("GET", "/v1/reservations/"+r.ID, nil).ok(200, &r)
			return r.State == "expired"
		}, 10*time.Second, 100*time.Millisecond)

		// The same delivery note again is not a second delivery.
		again := map[string]any{"kind": "receive", "lines": []any{map[string]any{"product_id": "product:101", "units": 2}}}
		for range 2 {
			p.do("POST", "/v1/stores/S1/movements", again, "Idempotency-Key", "note-7").ok(201, nil)
		}
		require.Equal(t, 2, stock()["product:101"])
		p.do("POST", "/v1/stores/S1/movements", map[string]any{"kind": "waste", "lines": []any{
			map[string]any{"product_id": "product:101", "units": 3}}}).refused(409, "lines[0].units")
		p.do("POST", "/v1/stores/S1/movements", map[string]any{"kind": "count", "lines": []any{
			map[string]any{"product_id": "product:102", "units": 9}}}).ok(201, nil)
		require.Equal(t, map[string]int{"product:101": 2, "product:102": 9}, stock())
	})
}

var happyPath = []string{"accepted", "being_prepared", "picked_up", "out_for_delivery", "delivered"}

func newOrder(p *process, id string) reply {
	return p.do("POST", "/v1/orders", map[string]any{"order_id": id, "store_id": "S1", "drop": map[string]any{"lat": 12.98, "lon": 77.6},
		"lines": []any{map[string]any{"product_id": "product:101", "units": 1}}})
}

func TestOrderFollowed(t *testing.T) {
	onEachHost(t, func(t *testing.T, p *process) {
		fill(t, p)
		newOrder(p, "o1").ok(201, nil)
		p.do("POST", "/v1/locations", ping("rider", 12.971, 77.591, time.Now())).ok(200, nil)

		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		defer cancel()
		ws, _, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(p.url, "http", "ws", 1)+"/v1/live", nil)
		require.NoError(t, err)
		defer ws.Close()
		require.NoError(t, ws.WriteJSON(map[string]any{"subscribe": []string{"order:o1"}, "since": map[string]string{"order:o1": "0"}}))
		type frame struct {
			Topic, ID, Type string
			Data            struct {
				Status   string
				DriverID string `json:"driver_id"`
			}
		}
		next := func(kind string) frame {
			for {
				require.NoError(t, ws.SetReadDeadline(time.Now().Add(20*time.Second)))
				var f frame
				require.NoError(t, ws.ReadJSON(&f))
				if f.Type == kind {
					return f
				}
			}
		}
		require.Equal(t, "placed", next("status").Data.Status)
		for i, status := range happyPath {
			p.do("POST", "/v1/orders/o1/status", map[string]any{"status": status, "driver_id": "rider"}).ok(200, nil)
			f := next("status")
			require.Equal(t, status, f.Data.Status)
			require.Equal(t, fmt.Sprint(i+2), f.ID)
			if status == "picked_up" {
				var v verdictsJSON
				p.do("POST", "/v1/locations", ping("rider", 12.971, 77.591, time.Now())).ok(200, &v)
				require.Equal(t, 1, v.Verdicts["stationary"])
				require.Equal(t, "rider", next("position").Data.DriverID)
			}
		}
		p.do("POST", "/v1/orders/o1/status", map[string]any{"status": "accepted"}).refused(409, "status")

		// A client that comes back says the last it saw, and misses nothing.
		req, err := http.NewRequestWithContext(ctx, "GET", p.url+"/v1/orders/o1/events", nil)
		require.NoError(t, err)
		req.Header.Set("Last-Event-ID", "3")
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		var ids []string
		for lines := bufio.NewScanner(res.Body); len(ids) < 3 && lines.Scan(); {
			if id, ok := strings.CutPrefix(lines.Text(), "id:"); ok {
				ids = append(ids, strings.TrimSpace(id))
			}
		}
		require.Equal(t, []string{"4", "5", "6"}, ids)

		var o struct {
			Status string
			Events []struct{ Status string }
			Driver *driverJSON
		}
		p.do("GET", "/v1/orders/o1", nil).ok(200, &o)
		require.Equal(t, "delivered", o.Status)
		require.Len(t, o.Events, 6)
		require.Equal(t, "rider", o.Driver.DriverID)
	})
}

func TestOperations(t *testing.T) {
	p := startServer(t, "--data-dir", t.TempDir())
	p.do("GET", "/healthz", nil).ok(200, nil)
	p.do("GET", "/readyz", nil).ok(200, nil)
	spec, err := os.ReadFile("../../web/openapi.yaml")
	require.NoError(t, err)
	require.Equal(t, string(spec), string(p.do("GET", "/openapi.yaml", nil).body))
	require.Contains(t, string(p.do("GET", "/", nil).body), "<html")
	p.do("GET", "/v1/nothing", nil).refused(404, "")
	for _, name := range []string{"hyperlocal_pings_total", "hyperlocal_flush_lag_seconds", "hyperlocal_flush_rows_total", "hyperlocal_subscribers", "hyperlocal_engine_bytes"} {
		require.Contains(t, string(p.do("GET", "/metrics", nil).body), name)
	}
}

func TestClearErrorsAtStart(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.geojson")
	require.NoError(t, os.WriteFile(bad, []byte(`{"type":"FeatureCollection","features":[`), 0o600))
	running := startServer(t, "--data-dir", t.TempDir())
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"port taken":           {[]string{"--addr", strings.TrimPrefix(running.url, "http://")}, "address already in use"},
		"address without port": {[]string{"--addr", "localhost"}, "--addr"},
		"no zone file":         {[]string{"--zones", "/nowhere.geojson"}, "--zones /nowhere.geojson: there is no such file"},
		"bad zone file":        {[]string{"--zones", bad}, "--zones " + bad},
		"unknown engine":       {[]string{"--engine", "memcached"}, "--engine"},
		"engine unreachable":   {[]string{"--engine", "redis://" + freeAddr(t)}, "--engine"},
		"unknown store":        {[]string{"--store", "oracle:x"}, "--store"},
		"store of no keyspace": {[]string{"--store", "cassandra://" + freeAddr(t)}, "--store"},
		"not a database":       {[]string{"--store", "sqlite:" + bad}, "--store"},
		"setting out of range": {[]string{"--stale-after", "0s"}, "--stale-after"},
		"unknown flag":         {[]string{"--colour", "red"}, "unknown flag: --colour"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
			defer cancel()
			cmd := command(append([]string{"serve", "--data-dir", t.TempDir()}, c.args...)...)
			timer := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
			defer timer()
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "%s", out)
			require.Equal(t, 1, cmd.ProcessState.ExitCode(), "%s", out)
			require.Contains(t, string(out), c.want)
			require.NotContains(t, string(out), "goroutine ", "an error, not a crash")
		})
	}
}
