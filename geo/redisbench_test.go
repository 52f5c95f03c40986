package geo

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"hyperlocal/cache/redis"
	"hyperlocal/internal/testenv"
)

// Batches of 1,000 fixes, 100 in each of ten zones, of 100,000 drivers over 100
// zones: recorded by the script, which decides what is newest and keeps history,
// and by the plain commands that a team would pipeline, which do neither. The
// figures are per fix, the CPU time that of this process and of the server.
func BenchmarkRecordOnRedis(b *testing.B) {
	const zones, perZone, perBatch, zonesPerBatch = 100, 1000, 100, 10
	const groups = zones / zonesPerBatch
	fixes := make([]Fix, 0, zones*perZone)
	var keys []*zoneKeys
	random := rand.New(rand.NewPCG(1, 1))
	for zone := range zones {
		cell := cellAt(12.0+float64(zone/10)*cellLat, 77.0+float64(zone%10)*cellLon)
		box := cellBox(cell)
		keys = append(keys, newZoneKeys(cellZone(cell)))
		for i := range perZone {
			f := at(fmt.Sprintf("driver-%06d", zone*perZone+i), box.west+random.Float64()*cellLon, 0)
			f.Lat = box.south + random.Float64()*cellLat
			fixes = append(fixes, f)
		}
	}
	// batch returns the nth one, which begins at a zone.
	batch := func(n int) (some []Fix, zone int, now int64) {
		const round = groups * perZone / perBatch
		now = base + 4000 + int64(n/round)*4000
		zone, part := n%groups*zonesPerBatch, n%round/groups
		for i := range zonesPerBatch {
			from := (zone+i)*perZone + part*perBatch
			some = append(some, fixes[from:from+perBatch]...)
		}
		for i := range some {
			some[i].TS = now - int64(i*37%3000)
		}
		return some, zone, now
	}

	b.Run("script", func(b *testing.B) {
		addr := testenv.OwnRedis(b)
		e, err := redis.Open(b.Context(), "redis://"+addr, redis.Options{})
		require.NoError(b, err)
		defer func() { require.NoError(b, e.Close()) }()
		now := base
		f := NewFleet(e, NoZones(), FleetOptions{Now: func() time.Time { return time.UnixMilli(now) }})
		measureOnRedis(b, addr, func(n int) {
			var some []Fix
			some, _, now = batch(n)
			outcomes, err := f.Record(b.Context(), some)
			require.NoError(b, err)
			require.Equal(b, Accepted, outcomes[0].Verdict)
		})
	})
	b.Run("plain", func(b *testing.B) {
		addr := testenv.OwnRedis(b)
		client := rueidisClient(b, addr)
		measureOnRedis(b, addr, func(n int) {
			some, zone, _ := batch(n)
			commands := make([]rueidis.Completed, 0, 4*len(some))
			for i := range some {
				fix := &some[i]
				k, text := keys[zone+i/perBatch], string(appendFix(nil, fix))
				commands = append(commands,
					client.B().Geoadd().Key(k.zone).LongitudeLatitudeMember().LongitudeLatitudeMember(fix.Lon, fix.Lat, fix.DriverID).Build(),
					client.B().Zadd().Key(k.seen).ScoreMember().ScoreMember(float64(fix.TS), fix.DriverID).Build(),
					client.B().Hset().Key(k.last).FieldValue().FieldValue(fix.DriverID, text).Build(),
					client.B().Hset().Key(k.bucketKey(base)).FieldValue().FieldValue(fix.DriverID, text).Build())
			}
			for _, reply := range client.DoMulti(b.Context(), commands...) {
				require.NoError(b, reply.Error())
			}
		})
	})
}

func rueidisClient(b *testing.B, addr string) rueidis.Client {
	b.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	require.NoError(b, err)
	b.Cleanup(client.Close)
	return client
}

// measureOnRedis sends each driver's first fix, and then measures.
func measureOnRedis(b *testing.B, addr string, send func(n int)) {
	const fixesPerBatch, round = 1000, 100
	server := rueidisClient(b, addr)
	info := func(field string) float64 {
		text, err := server.Do(b.Context(), server.B().Info().Section("everything").Build()).ToString()
		require.NoError(b, err)
		_, after, found := strings.Cut(text, "\n"+field+":")
		require.True(b, found, field)
		value, _, _ := strings.Cut(after, "\r")
		n, err := strconv.ParseFloat(value, 64)
		require.NoError(b, err)
		return n
	}
	serverCPU := func() float64 { return info("used_cpu_user") + info("used_cpu_sys") }
	n := 0
	for ; n < round; n++ {
		send(n)
	}
	began, own, theirs, wire := n, cpuTime(b), serverCPU(), info("total_net_input_bytes")
	for b.Loop() {
		send(n)
		n++
	}
	count := float64((n - began) * fixesPerBatch)
	ownUsed, used := float64(cpuTime(b)-own), (serverCPU()-theirs)*1e9
	b.ReportMetric(ownUsed/count, "own-cpu-ns/fix")
	b.ReportMetric(used/count, "server-cpu-ns/fix")
	b.ReportMetric((ownUsed+used)/count, "cpu-ns/fix")
	b.ReportMetric((info("total_net_input_bytes")-wire)/count, "wire-B/fix")
}
