package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBadPings: whatever stands in one ping, the others of its request are
// taken, and the answer names the field.
func TestBadPings(t *testing.T) {
	p := startServer(t, "--data-dir", t.TempDir(), "--zones", wards)
	now := time.Now()
	good := fmt.Sprintf(`{"driver_id":"good","lat":12.97,"lon":77.59,"ts":%d}`, now.UnixMilli())
	sent := 0
	for _, c := range []struct{ ping, verdict, field string }{
		{`{"driver_id":"d","lat":91,"lon":77.59,"ts":%d}`, "invalid", "lat"},
		{`{"driver_id":"d","lat":12.97,"lon":-180.5,"ts":%d}`, "invalid", "lon"},
		{`{"driver_id":"d","lat":0,"lon":0,"ts":%d}`, "invalid", "lat"},
		{`{"driver_id":"d","lat":"NaN","lon":77.59,"ts":%d}`, "invalid", "lat"},
		{`{"driver_id":"d","lat":1e400,"lon":77.59,"ts":%d}`, "invalid", "lat"},
		{`{"driver_id":"d","lon":77.59,"ts":%d}`, "invalid", "lat"},
		{`{"driver_id":"","lat":12.97,"lon":77.59,"ts":%d}`, "invalid", "driver_id"},
		{`{"lat":12.97,"lon":77.59,"ts":%d}`, "invalid", "driver_id"},
		{`{"driver_id":"` + strings.Repeat("x", 65) + `","lat":12.97,"lon":77.59,"ts":%d}`, "invalid", "driver_id"},
		{`{"driver_id":"d","lat":12.97,"lon":77.59,"ts":` + fmt.Sprint(now.Unix()) + `}`, "invalid", "ts"},
		{`{"driver_id":"d","lat":12.97,"lon":77.59,"ts":` + fmt.Sprint(now.AddDate(1, 0, 0).UnixMilli()) + `}`, "future", "ts"},
		{`{"driver_id":"d","lat":12.97,"lon":77.59,"ts":` + fmt.Sprint(now.AddDate(0, 0, -2).UnixMilli()) + `}`, "invalid", "ts"},
		{`{"driver_id":"d","lat":12.97,"lon":77.59,"ts":"yesterday"}`, "invalid", "ts"},
		{`{"driver_id":"d","lat":12.97,"lon":77.59}`, "invalid", "ts"},
		{`{"driver_id":"d","lat":12.97,"lon":77.59,"ts":%d,"accuracy_m":"good"}`, "invalid", "accuracy_m"},
		{`{"driver_id":"d","lat":12.97,"lon":77.59,"ts":%d,"battery":85}`, "invalid", "battery"},
		{`42`, "invalid", ""},
	} {
		bad := c.ping
		if strings.Contains(bad, "%d") {
			bad = fmt.Sprintf(bad, now.UnixMilli())
		}
		t.Run(bad[:min(len(bad), 70)], func(t *testing.T) {
			var v verdictsJSON
			p.do("POST", "/v1/locations", "["+strings.Replace(good, "good", fmt.Sprint("good-", sent), 1)+","+bad+"]").ok(200, &v)
			sent++
			require.Equal(t, map[string]int{"accepted": 1, c.verdict: 1}, v.Verdicts)
			require.Len(t, v.Rejected, 1)
			require.Equal(t, 1, v.Rejected[0].Index)
			require.Equal(t, c.field, v.Rejected[0].Field)
		})
	}
	var in struct{ Drivers []driverJSON }
	p.do("GET", "/v1/drivers/nearby?lat=12.97&lon=77.59&limit=100", nil).ok(200, &in)
	require.Len(t, in.Drivers, sent, "each request's good ping is there, no bad one is")
}

func TestBadRequests(t *testing.T) {
	p := startServer(t, "--data-dir", t.TempDir(), "--zones", wards)
	fill(t, p)
	newOrder(p, "o1").ok(201, nil)

	lines := func(product string, units any) string {
		return fmt.Sprintf(`{"order_id":"x","lines":[{"product_id":"product:101","units":1},{"product_id":%q,"units":%v}]}`, product, units)
	}
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		field                    string
	}{
		{"broken JSON of pings", "POST", "/v1/locations", `[{"driver_id":`, 400, "body"},
		{"no pings at all", "POST", "/v1/locations", ``, 400, "body"},
		{"10 MB of pings", "POST", "/v1/locations", "[" + strings.Repeat(" ", 10<<20) + "]", 413, "body"},
		{"10 MB of JSON", "POST", "/v1/orders", `{"order_id":"` + strings.Repeat("x", 10<<20) + `"}`, 413, "body"},
		{"latitude 91", "GET", "/v1/drivers/nearby?lat=91&lon=77", "", 400, "lat"},
		{"latitude missing", "GET", "/v1/drivers/nearby?lon=77", "", 400, "lat"},
		{"latitude NaN", "GET", "/v1/drivers/nearby?lat=NaN&lon=77", "", 400, "lat"},
		{"limit 0", "GET", "/v1/drivers/nearby?lat=12&lon=77&limit=0", "", 400, "limit"},
		{"track ends before it begins", "GET", "/v1/drivers/d/track?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "", 400, "to"},
		{"track of a year", "GET", "/v1/drivers/d/track?from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "", 400, "from"},
		{"track from no time", "GET", "/v1/drivers/d/track?from=noon", "", 400, "from"},
		{"unknown store", "GET", "/v1/stores/S9", "", 404, "id"},
		{"stock of an unknown store", "GET", "/v1/stores/S9/stock?product=product:101", "", 404, "id"},
		{"store at latitude 91", "PUT", "/v1/stores/S3", `{"name":"x","lat":91,"lon":77}`, 400, "lat"},
		{"store with an extra member", "PUT", "/v1/stores/S3", `{"name":"x","lat":1,"lon":77,"colour":"red"}`, 400, "colour"},
		{"broken JSON", "POST", "/v1/availability", `{"lat":`, 400, "body"},
		{"unknown product", "POST", "/v1/availability", `{"lat":12.97,"lon":77.59,"products":["product:101","product:9999"]}`, 422, "products[1]"},
		{"unknown product reserved", "POST", "/v1/stores/S1/reservations", lines("product:9999", 1), 422, "lines[1].product_id"},
		{"negative quantity", "POST", "/v1/stores/S1/reservations", lines("product:102", -1), 400, "lines[1].units"},
		{"zero quantity", "POST", "/v1/stores/S1/reservations", lines("product:102", 0), 400, "lines[1].units"},
		{"half a unit", "POST", "/v1/stores/S1/reservations", lines("product:102", 0.5), 400, "lines[1].units"},
		{"reserved at an unknown store", "POST", "/v1/stores/S9/reservations", lines("product:102", 1), 404, "id"},
		{"unknown reservation", "POST", "/v1/reservations/S1.nothing/commit", "", 404, "id"},
		{"unknown kind of movement", "POST", "/v1/stores/S1/movements", `{"kind":"steal","lines":[{"product_id":"product:101","units":1}]}`, 400, "kind"},
		{"receive less than nothing", "POST", "/v1/stores/S1/movements", `{"kind":"receive","lines":[{"product_id":"product:101","units":-1}]}`, 422, "lines[0].units"},
		{"order without lines", "POST", "/v1/orders", `{"store_id":"S1","drop":{"lat":1,"lon":2},"lines":[]}`, 400, "lines"},
		{"order to nowhere", "POST", "/v1/orders", `{"store_id":"S1","drop":{"lat":99,"lon":2},"lines":[{"product_id":"product:101","units":1}]}`, 400, "drop.lat"},
		{"unknown order", "GET", "/v1/orders/o9", "", 404, "id"},
		{"unknown status", "POST", "/v1/orders/o1/status", `{"status":"lost"}`, 400, "status"},
		{"a step too far", "POST", "/v1/orders/o1/status", `{"status":"delivered"}`, 409, "status"},
		{"method not allowed", "DELETE", "/v1/orders", "", 405, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var body any
			if c.body != "" || c.method == "POST" {
				body = c.body
			}
			r := p.do(c.method, c.path, body)
			r.t = t
			r.refused(c.status, c.field)
		})
	}

	// Nothing of it changed anything.
	var s struct{ Stock map[string]int }
	p.do("GET", "/v1/stores/S1/stock?product=product:101&product=product:102", nil).ok(200, &s)
	require.Equal(t, map[string]int{"product:101": 5, "product:102": 5}, s.Stock)
	var o struct{ Status string }
	p.do("GET", "/v1/orders/o1", nil).ok(200, &o)
	require.Equal(t, "placed", o.Status)
}
