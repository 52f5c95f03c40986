//go:build unix

package memory

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"hyperlocal/cache"
	"hyperlocal/cache/geoscore"
)

// moveDrivers is the write that a batch of positions costs: the place, the time
// and the newest fix of each driver. args come in fours: driver, geo score,
// time, and the fix.
var moveDrivers = &cache.Script{Name: "move_drivers", Go: func(tx cache.Tx, keys, args []string) cache.Value {
	for ; len(args) > 0; args = args[4:] {
		score, _ := strconv.ParseFloat(args[1], 64)
		seen, _ := strconv.ParseFloat(args[2], 64)
		tx.ZAdd(keys[0], args[0], score)
		tx.ZAdd(keys[1], args[0], seen)
		tx.HSet(keys[2], args[0], args[3])
	}
	return cache.Value{}
}}

func zoneKeys(zone int) []string {
	return []string{
		fmt.Sprintf("drivers:zone:{%d}", zone), fmt.Sprintf("drivers:seen:{%d}", zone), fmt.Sprintf("drivers:last:{%d}", zone),
	}
}

const (
	driversPerZone = 10_000
	fixSize        = 40
)

// randomPlace is in a city of 30 by 30 km.
func randomPlace(r *rand.Rand) (lat, lon float64) {
	return 12.83 + r.Float64()*0.27, 77.46 + r.Float64()*0.28
}

func moveArgs(r *rand.Rand, driver int, at int64, fix string) []string {
	score, _ := geoscore.Of(randomPlace(r))
	return []string{strconv.Itoa(driver), strconv.FormatFloat(score, 'f', 0, 64), strconv.FormatInt(at, 10), fix}
}

// startClock begins the measured part. Its result reports the CPU time that the
// process has used since, which other processes disturb less than the time
// that has passed.
func startClock(b *testing.B) (stop func()) {
	cpu := func() int64 {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return u.Utime.Nano() + u.Stime.Nano()
	}
	runtime.GC()
	b.ReportAllocs()
	b.ResetTimer()
	began := cpu()
	return func() { b.ReportMetric(float64(cpu()-began)/float64(b.N), "cpu-ns/op") }
}

func withAndWithoutJournal(b *testing.B, bench func(b *testing.B, e *Engine)) {
	for _, journaled := range []bool{false, true} {
		b.Run(fmt.Sprintf("journal=%t", journaled), func(b *testing.B) {
			var opt Options
			if journaled {
				opt.Dir = b.TempDir()
			}
			bench(b, open(b, opt))
		})
	}
}

func BenchmarkMoveDriver(b *testing.B) {
	withAndWithoutJournal(b, func(b *testing.B, e *Engine) {
		r := rand.New(rand.NewPCG(1, 2))
		fix := string(make([]byte, fixSize))
		at := int64(1_700_000_000_000)
		batch := func(first int) []string {
			var args []string
			for i := range 100 {
				driver := r.IntN(driversPerZone)
				if first >= 0 {
					driver = first + i
				}
				at++
				args = append(args, moveArgs(r, driver, at, fix)...)
			}
			return args
		}
		const loaded = 10
		for zone := range loaded {
			for first := 0; first < driversPerZone; first += 100 {
				if _, err := e.Run(ctx, moveDrivers, zoneKeys(zone), batch(first)); err != nil {
					b.Fatal(err)
				}
			}
		}
		calls := make([]cache.Call, 500)
		for i := range calls {
			zone := r.IntN(loaded)
			calls[i] = cache.Call{Script: moveDrivers, Keys: zoneKeys(zone), Args: batch(-1)}
		}
		defer startClock(b)()
		for i := 0; i < b.N; i += 100 {
			c := calls[i/100%len(calls)]
			if _, err := e.Run(ctx, c.Script, c.Keys, c.Args); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkHMGet50(b *testing.B) {
	e := open(b, Options{})
	fields := make([]string, 5000)
	for h := range 20 {
		for i := range fields {
			fields[i] = fmt.Sprintf("product:%05d", i)
			f := cache.Field{Name: fields[i], Value: strconv.Itoa(i)}
			if _, err := e.HSet(ctx, fmt.Sprint("store:", h), f); err != nil {
				b.Fatal(err)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	var asks [200][]string
	for i := range asks {
		for range 50 {
			asks[i] = append(asks[i], fields[r.IntN(len(fields))])
		}
	}
	defer startClock(b)()
	for i := range b.N {
		if _, err := e.HMGet(ctx, "store:"+strconv.Itoa(i%20), asks[i%len(asks)]...); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHIncrBy(b *testing.B) {
	withAndWithoutJournal(b, func(b *testing.B, e *Engine) {
		fields := make([]string, 5000)
		for i := range fields {
			fields[i] = fmt.Sprintf("product:%05d", i)
		}
		defer startClock(b)()
		for i := range b.N {
			if _, err := e.HIncrBy(ctx, "store:1", fields[i*7919%len(fields)], 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkIncrWithTTL(b *testing.B) {
	e := open(b, Options{})
	for i := range 1000 {
		if _, err := e.Set(ctx, fmt.Sprint("rate:", i), "0", cache.SetOptions{TTL: time.Hour}); err != nil {
			b.Fatal(err)
		}
	}
	defer startClock(b)()
	for i := range b.N {
		if _, err := e.IncrBy(ctx, "rate:"+strconv.Itoa(i%1000), 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGeoSearch(b *testing.B) {
	for _, c := range []struct {
		name    string
		n       int
		spreadM float64
	}{
		{"zone of 10000", 10_000, 12_000},
		{"city of 1000000", 1_000_000, 30_000},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := open(b, Options{})
			r := rand.New(rand.NewPCG(1, 2))
			place := func() (float64, float64) {
				return 12.9 + r.Float64()*c.spreadM/111_000, 77.5 + r.Float64()*c.spreadM/108_000
			}
			for i := range c.n {
				lat, lon := place()
				if _, err := e.GeoAdd(ctx, "geo", cache.GeoMember{Name: "driver:" + strconv.Itoa(i), Lat: lat, Lon: lon}); err != nil {
					b.Fatal(err)
				}
			}
			var asks [500]cache.GeoQuery
			for i := range asks {
				asks[i].Lat, asks[i].Lon = place()
				asks[i].RadiusM, asks[i].Count = 2000, 10
			}
			defer startClock(b)()
			for i := range b.N {
				if _, err := e.GeoSearch(ctx, "geo", asks[i%len(asks)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Writes that are each on disk before they return, by 64 writers.
func BenchmarkAlwaysWriters(b *testing.B) {
	d := newTestDisk()
	e := open(b, Options{Dir: b.TempDir(), disk: d})
	before := d.syncCount()
	b.SetParallelism(32) // times GOMAXPROCS
	defer startClock(b)()
	b.RunParallel(func(pb *testing.PB) {
		key := fmt.Sprint("store:", rand.IntN(64))
		for pb.Next() {
			if _, err := always(e).HIncrBy(ctx, key, "n", 1); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/float64(d.syncCount()-before), "writes/fsync")
}

// Each of the operations is one message sent and received.
func BenchmarkPublishTo1000(b *testing.B) {
	const buffer = 16
	e := open(b, Options{SubscriptionBuffer: buffer})
	var subs [1000]cache.Subscription
	for i := range subs {
		subs[i] = subscribe(b, e, "c")
	}
	defer startClock(b)()
	for i := 0; i < b.N; i += len(subs) {
		if i/len(subs)%buffer == buffer-1 {
			for _, sub := range subs {
				drain(sub)
			}
		}
		if _, err := e.Publish(ctx, "c", "payload"); err != nil {
			b.Fatal(err)
		}
	}
}
