package openloop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/loadtest"
)

func countryPlan(t testing.TB, p Protocol) *plan {
	t.Helper()
	traces := []loadtest.Trace{{ID: "square", Fixes: []loadtest.TraceFix{
		{}, {At: 100 * time.Second, X: 800}, {At: 200 * time.Second, X: 800, Y: 700}, {At: 350 * time.Second, X: 0, Y: 700},
	}}}
	c := Config{
		URL: "http://localhost", Protocol: p, Connections: 1, Drivers: 1_000_000, Prefix: "d-", Interval: 4 * time.Second,
		Batch: 100, Duration: time.Hour, Routes: CountryRoutes(traces), Seed: 1,
	}
	require.NoError(t, c.check())
	return newPlan(c, time.UnixMilli(1_800_000_000_000))
}

func BenchmarkFill(b *testing.B) {
	for _, p := range []Protocol{JSON, Protobuf} {
		b.Run(string(p), func(b *testing.B) {
			body := newBody(countryPlan(b, p))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				body.fill(n)
				n++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/ping")
		})
	}
}
