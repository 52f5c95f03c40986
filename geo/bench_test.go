package geo

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/enginetest"
)

// Batches of 100 fixes, of a million drivers over 100 zones, every driver once
// in 4 s of the fixes' clock. A gateway's batch is of drivers from 1, 5 or all
// zones. The result is per ping.
func BenchmarkRecord(b *testing.B) {
	for _, zones := range []int{1, 5, 100} {
		b.Run(fmt.Sprint("zones-", zones), func(b *testing.B) {
			const drivers, perBatch = 1_000_000, 100
			now := base
			f := NewFleet(enginetest.Memory(b), NoZones(), FleetOptions{Now: func() time.Time { return time.UnixMilli(now) }})
			fixes := benchFleet(drivers, zones)
			send := func(n int) {
				first := n * perBatch % drivers
				batch := fixes[first : first+perBatch]
				if first == 0 {
					now += 4000 // a round
				}
				for i := range batch {
					batch[i].TS = now + int64(i)
					batch[i].Lat += 2e-4
				}
				outcomes, err := f.Record(b.Context(), batch)
				require.NoError(b, err)
				require.Equal(b, Accepted, outcomes[n%perBatch].Verdict)
			}
			const round = drivers / perBatch
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
		})
	}
}

// benchFleet places drivers in 100 cells. Of each 100 in a row as many cells have
// the same number as zones says.
func benchFleet(drivers, zones int) []Fix {
	fixes := make([]Fix, drivers)
	random := rand.New(rand.NewPCG(1, 1))
	for i := range fixes {
		first := i * 100 / drivers / zones * zones
		zone := first + random.IntN(zones)
		south, west := 12.0+float64(zone/10)*cellLat, 77.0+float64(zone%10)*cellLon
		box := cellBox(cellAt(south, west))
		fixes[i] = at(fmt.Sprintf("driver-%07d", i), box.west+random.Float64()*cellLon, 0)
		fixes[i].Lat = box.south + random.Float64()*cellLat*0.9
	}
	return fixes
}

// cpuTime returns the user and system time of this process, which says more
// than the clock's on a machine that others use too.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkNearby(b *testing.B) {
	f := NewFleet(enginetest.Memory(b), wards(b), FleetOptions{Now: func() time.Time { return time.UnixMilli(base) }})
	random := rand.New(rand.NewPCG(1, 1))
	fixes := make([]Fix, 10_000)
	for i := range fixes {
		fixes[i] = at(fmt.Sprint("d", i), 77.45+random.Float64()*0.3, base)
		fixes[i].Lat = 12.83 + random.Float64()*0.3
	}
	_, err := f.Record(b.Context(), fixes)
	require.NoError(b, err)
	for b.Loop() {
		_, err := f.Nearby(b.Context(), NearbyQuery{Lat: 12.97, Lon: 77.59, RadiusM: 2000, Limit: 10})
		require.NoError(b, err)
	}
}

// BenchmarkTrackBytes reports what a row's track takes for each fix, at a fix
// every 3 s.
func BenchmarkTrackBytes(b *testing.B) {
	var packed int
	for range b.N {
		bed := newBed(b)
		s := &store{}
		for i := range 10 {
			f := at("d", 77.5+float64(i)*0.0003, base+int64(i)*3000+int64(i*i*7%40))
			f.SpeedMPS = 9 + float32(i%4)*0.37
			bed.clock.advance(3 * time.Second)
			record(b, bed.Fleet, "a", f)
		}
		require.NoError(b, NewFlusher(bed.Fleet, s, FlushOptions{}).FlushAll(b.Context(), true))
		packed = 0
		for _, r := range s.rows {
			packed += len(r.Path) + len(r.Times) + len(r.Speeds)
		}
	}
	b.ReportMetric(float64(packed)/10, "bytes/fix")
}
