package ingest

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"hyperlocal/cache/enginetest"
	"hyperlocal/geo"
	"hyperlocal/ingest/pingpb"
)

// batches returns bodies of 100 pings of 100,000 drivers, each once, over some
// hundred zones. Their times are set by setTimes.
func batches() [][]byte {
	const drivers, perBatch = 100_000, 100
	out := make([][]byte, drivers/perBatch)
	for i := range out {
		var body bytes.Buffer
		for j := range perBatch {
			n := i*perBatch + j
			fmt.Fprintf(&body, `%c{"driver_id":"driver-%06d","lat":%.6f,"lon":%.6f,"ts":0000000000000,"accuracy_m":4.5,"speed_mps":8.3,"bearing_deg":271}`,
				"[,"[min(j, 1)], n, 12.8+float64(n%331)*0.001, 77.4+float64(n%337)*0.001)
		}
		body.WriteByte(']')
		out[i] = body.Bytes()
	}
	return out
}

func setTimes(body []byte, ms int64) {
	text := fmt.Appendf(nil, `"ts":%013d`, ms)
	for rest := body; ; {
		i := bytes.Index(rest, text[:5])
		if i < 0 {
			return
		}
		copy(rest[i:], text)
		rest = rest[i+len(text):]
	}
}

func BenchmarkDecode(b *testing.B) {
	body := batches()[0]
	var pings []Ping
	var err error
	b.ReportAllocs()
	for b.Loop() {
		pings, err = Decode(pings[:0], body, false, 1000)
		require.NoError(b, err)
	}
	require.Len(b, pings, 100)
}

func BenchmarkDecodeProtobuf(b *testing.B) {
	var body []byte
	for i := range 100 {
		p := pingpb.Ping{
			DriverID: fmt.Sprintf("driver-%06d", i), LatE7: 129_716_000, LonE7: 775_946_000, TSMS: now.UnixMilli(),
			AccuracyM: 4.5, SpeedMPS: 8.3, BearingDeg: 271, Battery: geo.Unknown,
		}
		body = p.Append(body)
	}
	var pings []Ping
	var err error
	b.ReportAllocs()
	for b.Loop() {
		pings, err = DecodeProtobuf(pings[:0], body, 1000)
		require.NoError(b, err)
	}
	require.Len(b, pings, 100)
}

// The handler with everything behind it, on the memory engine, without the
// network.
func BenchmarkLocations(b *testing.B) {
	ms := now.UnixMilli()
	fleet := geo.NewFleet(enginetest.Memory(b), geo.NoZones(), geo.FleetOptions{Now: func() time.Time { return time.UnixMilli(ms) }})
	h := New(fleet, Options{})
	e := echo.New()
	bodies := batches()
	send := func(n int) {
		if n%len(bodies) == 0 {
			ms += 4000
			for _, body := range bodies {
				setTimes(body, ms)
			}
		}
		req := httptest.NewRequest("POST", "/v1/locations", bytes.NewReader(bodies[n%len(bodies)]))
		rec := httptest.NewRecorder()
		if err := h.Locations(e.NewContext(req, rec)); err != nil {
			b.Fatal(err)
		}
	}
	n := 0
	for ; n < len(bodies); n++ {
		send(n)
	}
	b.ReportAllocs()
	before, from := cpuTime(b), n
	for b.Loop() {
		send(n)
		n++
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(n-from)/100, "cpu-ns/ping")
	require.Zero(b, h.Counts()[geo.Invalid])
}

// cpuTime returns the user and system time of this process.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
