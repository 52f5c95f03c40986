package main

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/enginetest"
	"hyperlocal/fence"
	"hyperlocal/geo"
	"hyperlocal/inventory"
	"hyperlocal/orders"
	"hyperlocal/persist"
)

// What fences cost a ping: batches of 100 fixes of 100,000 drivers all over a
// city of 40 by 40 km, recorded alone, and with fences that are there, 25,000 of
// them, of 15 to 60 m, so that one ping in about fifteen falls into one; and with
// 25,000 orders that wait for their drivers. The result is per batch.
func BenchmarkFences(b *testing.B) {
	for _, c := range []struct {
		name           string
		fences, orders int
		with           bool
	}{{"without", 0, 0, false}, {"none", 0, 0, true}, {"25000-fences", 25_000, 0, true}, {"25000-orders", 0, 25_000, true}} {
		b.Run(c.name, func(b *testing.B) { benchmarkFences(b, c.fences, c.orders, c.with) })
	}
}

func benchmarkFences(b *testing.B, fences, awaited int, with bool) {
	const drivers, perBatch = 100_000, 100
	const round = drivers / perBatch
	now := time.Now()
	clock := func() time.Time { return now }
	engine := enginetest.Memory(b)
	fleet := geo.NewFleet(engine, geo.NoZones(), geo.FleetOptions{Now: clock})
	random := rand.New(rand.NewPCG(1, 1))
	somewhere := func() (lat, lon float64) { return 12.8 + 0.36*random.Float64(), 77.4 + 0.37*random.Float64() }

	waiting := fenceOrders{orders.New(engine, nil, orders.Options{Now: clock})}
	f := fence.New(engine, fenceStores{inventory.New(engine, nil, inventory.Options{})}, waiting, fencePositions{fleet},
		fence.Options{MaxFences: max(fences, 1), Now: clock})
	for i := range fences {
		lat, lon := somewhere()
		_, err := f.Put(b.Context(), fence.Fence{ID: fmt.Sprint("f", i), Circle: &fence.Circle{Lat: lat, Lon: lon, RadiusM: 15 + 45*random.Float64()}})
		require.NoError(b, err)
	}
	for i := range awaited {
		placeOrder(b, waiting.orders, i, somewhere)
	}
	require.NoError(b, f.Load(b.Context()))
	require.Equal(b, awaited, f.Stats().Orders)

	record := fleet.Record
	if with {
		record = fencedFleet{fleet, f, slog.New(slog.DiscardHandler)}.Record
	}
	fixes := make([]geo.Fix, drivers)
	for i := range fixes {
		fixes[i] = geo.Fix{DriverID: driverName(i), AccuracyM: 8, SpeedMPS: 5, BearingDeg: geo.Unknown, Battery: geo.Unknown}
		fixes[i].Lat, fixes[i].Lon = somewhere()
	}
	send := func(n int) {
		first := n * perBatch % drivers
		if first == 0 {
			now = now.Add(4 * time.Second)
		}
		batch := fixes[first : first+perBatch]
		for i := range batch { // 20 m in 4 s, this way and that
			batch[i].TS = now.UnixMilli()
			batch[i].Lat += 0.00018 * float64(1-2*(i%2))
			batch[i].AccuracyM = 8
		}
		outcomes, err := record(b.Context(), batch)
		require.NoError(b, err)
		require.Equal(b, geo.Accepted, outcomes[0].Verdict)
	}
	for n := range 2 * round {
		send(n)
	}
	b.ReportAllocs()
	n, before := 2*round, cpuTime(b)
	for b.Loop() {
		send(n)
		n++
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(n-2*round)/perBatch, "cpu-ns/ping")
	b.ReportMetric(float64(f.Stats().Visitors), "visitors")
}

func driverName(i int) string { return fmt.Sprintf("driver-%06d", i) }

func placeOrder(b *testing.B, o *orders.Orders, i int, somewhere func() (lat, lon float64)) {
	b.Helper()
	n := orders.NewOrder{StoreID: "S1", Lines: []persist.Line{{ProductID: "p", Units: 1}}}
	n.DropLat, n.DropLon = somewhere()
	order, _, err := o.Create(b.Context(), n)
	require.NoError(b, err)
	for _, s := range []orders.Status{orders.Accepted, orders.BeingPrepared, orders.PickedUp} {
		_, _, err = o.Advance(b.Context(), order.ID, orders.AdvanceRequest{Status: s, DriverID: driverName(4 * i)})
		require.NoError(b, err)
	}
}

// cpuTime is the user and system time of this process.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
