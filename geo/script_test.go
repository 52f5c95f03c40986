package geo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/cache/lease"
)

// The tests of this file run each script's twins on two hosts with the same
// random inputs, from sets small enough that calls meet each other's traces.

// base is the time that the scripts' tests are about: the start of a bucket.
const base = int64(1_700_000_010_000)

func TestScriptsAgree(t *testing.T) {
	memory, redis := enginetest.Memory(t), enginetest.Redis(t)
	enginetest.CompareCalls(t, func(rt *rapid.T, tag string, _ int) cache.Call {
		k := newZoneKeys(tag)
		draw := []func(*rapid.T, *zoneKeys) cache.Call{drawRecord, drawRecord, drawRecord, drawSettle, drawWhere, drawLeave, drawSweep, drawSeal}
		return rapid.SampledFrom(draw).Draw(rt, "script")(rt, k)
	}, memory, redis)
}

func TestSmallScriptsAgree(t *testing.T) {
	memory, redis := enginetest.Memory(t), enginetest.Redis(t)
	for _, s := range []*cache.Script{cache.SetScript, lease.ReleaseScript} {
		enginetest.CompareTwins(t, s, func(rt *rapid.T, tag string) (keys, args []string) {
			return []string{enginetest.Key(tag, "k")}, []string{rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "value")}
		}, memory, redis)
	}
}

func TestClaimAgrees(t *testing.T) {
	enginetest.CompareTwins(t, claimScript, func(rt *rapid.T, tag string) (keys, args []string) {
		return []string{enginetest.Key(tag, "k")}, []string{"owner", rapid.SampledFrom([]string{"0", "60000"}).Draw(rt, "ms")}
	}, enginetest.Memory(t), enginetest.Redis(t))
}

var (
	someDrivers = rapid.SampledFrom([]string{"d1", "d2", "d 3/é"})
	// Times in four buckets, some of them equal, some a bucket apart, one beyond the window.
	someTimes = rapid.SampledFrom([]int64{base - 86_400_000, base, base + 1, base + 4000, base + 29_999, base + 30_000, base + 34_000, base + 60_000, base + 95_000})
)

func drawFix(rt *rapid.T) Fix {
	return Fix{
		DriverID: someDrivers.Draw(rt, "driver"),
		// Steps of about 110 m: plausible over some seconds, not over one; and of one,
		// mostly within a cell of the index.
		Lat:        12.97 + 0.001*float64(rapid.IntRange(0, 8).Draw(rt, "lat")) + 1e-5*float64(rapid.IntRange(0, 2).Draw(rt, "step")),
		Lon:        rapid.SampledFrom([]float64{77.59, 77.6, 179.9999, -179.9999}).Draw(rt, "lon"),
		TS:         someTimes.Draw(rt, "ts"),
		AccuracyM:  rapid.OneOf(rapid.Float32Range(-1, 50), rapid.Float32Range(3000, 7000)).Draw(rt, "accuracy"),
		Mock:       rapid.Bool().Draw(rt, "mock"),
		SpeedMPS:   rapid.Float32Range(-1, 40).Draw(rt, "speed"),
		BearingDeg: rapid.Float32Range(-1, 360).Draw(rt, "bearing"),
		Battery:    Unknown,
	}
}

// drawRecord makes a call as Fleet.Record would, by its own code.
func drawRecord(rt *rapid.T, k *zoneKeys) cache.Call {
	f := NewFleet(nil, NoZones(), FleetOptions{})
	b := newBatch()
	for i := range rapid.IntRange(1, 6).Draw(rt, "fixes") {
		fix := drawFix(rt)
		b.add(i, &fix, k)
	}
	z := b.zoneOf(k)
	for _, g := range b.wave {
		if rapid.Bool().Draw(rt, "seeded") {
			seed := drawFix(rt)
			b.groups[g].seed = rapid.SampledFrom([]string{noSeed, string(appendFix(nil, &seed))}).Draw(rt, "seed")
		}
		z.add(g)
	}
	for i := range b.fixes {
		b.fixes[i].flags = rapid.SampledFrom([]uint16{0, 0, 0, believed}).Draw(rt, "flags")
	}
	f.buildCall(b, z)
	return z.call
}

func drawSettle(rt *rapid.T, k *zoneKeys) cache.Call {
	return cache.Call{Script: settleScript, Keys: []string{k.last, k.zone}, Args: rapid.SliceOfNDistinct(someDrivers, 1, 3, rapid.ID[string]).Draw(rt, "drivers")}
}

func drawWhere(rt *rapid.T, k *zoneKeys) cache.Call {
	args := []string{rapid.SampledFrom([]string{whereSet, whereDrop, whereKeep}).Draw(rt, "op")}
	for _, d := range rapid.SliceOfNDistinct(someDrivers, 1, 3, rapid.ID[string]).Draw(rt, "drivers") {
		args = append(args, d, rapid.SampledFrom([]string{"east", "west"}).Draw(rt, "zone"))
	}
	return cache.Call{Script: whereScript, Keys: []string{"drivers:where:{" + k.id + "}"}, Args: args}
}

func drawLeave(rt *rapid.T, k *zoneKeys) cache.Call {
	fix := drawFix(rt)
	return cache.Call{
		Script: leaveScript, Keys: []string{k.zone, k.seen, k.last, k.gone},
		Args: []string{rapid.SampledFrom([]string{tiesStay, tiesLeave}).Draw(rt, "ties"), fix.DriverID, string(appendFix(nil, &fix)), "elsewhere"},
	}
}

func drawSweep(rt *rapid.T, k *zoneKeys) cache.Call {
	return cache.Call{
		Script: sweepScript, Keys: []string{k.zone, k.seen, k.last, k.gone},
		Args: []string{
			strconv.FormatInt(someTimes.Draw(rt, "stale"), 10),
			strconv.FormatInt(someTimes.Draw(rt, "now")+rapid.SampledFrom([]int64{50_000, signpostTTL}).Draw(rt, "later"), 10),
			"50000",
			rapid.SampledFrom([]string{"1", "1000"}).Draw(rt, "page"),
		},
	}
}

func drawSeal(rt *rapid.T, k *zoneKeys) cache.Call {
	part := strconv.Itoa(rapid.IntRange(1, 6).Draw(rt, "part"))
	before := strconv.Itoa(rapid.IntRange(0, 5).Draw(rt, "part before"))
	c := cache.Call{Script: sealScript, Keys: []string{k.part, k.newest, k.buckets, k.sealeds}, Args: []string{part, before, part}}
	for _, n := range rapid.SliceOfDistinct(rapid.IntRange(0, 3), rapid.ID[int]).Draw(rt, "buckets") {
		start := base + int64(n)*30_000
		text := strconv.FormatInt(start, 10)
		c.Keys = append(c.Keys, k.bucketKey(start), k.sealedKey(text+":"+part))
		c.Args = append(c.Args, text, text+":"+part)
	}
	return c
}

// Both hosts must judge speeds alike to the last bit: pairs of fixes right at
// the limit.
func TestTwinsAgreeAtTheSpeedLimit(t *testing.T) {
	memory, redis := enginetest.Memory(t), enginetest.Redis(t)
	k := newZoneKeys(enginetest.Tag(t, redis))
	f := NewFleet(nil, NoZones(), FleetOptions{})
	random := rand.New(rand.NewPCG(9, 10))
	b := newBatch()
	const pairs = 3000
	limit, err := strconv.ParseFloat(f.maxSpeed, 64)
	require.NoError(t, err)
	limit *= metresPerDegree / unitsPerDegree // as the scripts have it: rounded up a little
	require.InEpsilon(t, f.limits.MaxSpeedMPS, limit, 2e-4)
	for i := range pairs {
		from := Fix{DriverID: fmt.Sprint("d", i), Lat: (2*random.Float64() - 1) * 85, Lon: (2*random.Float64() - 1) * 180, TS: base}
		to := from
		to.TS += 1 + random.Int64N(60_000)
		if i%2 == 0 { // a late one
			to.TS = 2*from.TS - to.TS
		}
		metres := limit * math.Abs(float64(to.TS-base)) / 1000 * (1 + 1e-5*random.NormFloat64())
		to.Lat, to.Lon = destination(from.Lat, from.Lon, random.Float64()*360, metres)
		b.add(2*i, &from, k)
		b.add(2*i+1, &to, k)
	}
	z := b.zoneOf(k)
	for _, g := range b.wave {
		b.groups[g].seed = noSeed
		z.add(g)
	}
	f.buildCall(b, z)
	first, err := memory.Run(t.Context(), recordScript, z.call.Keys, z.call.Args)
	require.NoError(t, err)
	second, err := redis.Run(t.Context(), recordScript, z.call.Keys, z.call.Args)
	require.NoError(t, err)
	require.Equal(t, first, second)
	refused := strings.Count(first.Str, string(gotImplausible))
	require.InDelta(t, pairs/2, refused, pairs/10, "some on either side of the limit")
}

// A driver who sends more than a bucket holds is stopped, alike on both hosts.
func TestFullBucket(t *testing.T) {
	for name, e := range map[string]cache.Engine{"memory": enginetest.Memory(t), "redis": enginetest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			k := newZoneKeys(enginetest.Tag(t, e))
			f := NewFleet(e, NoZones(), FleetOptions{})
			b := newBatch()
			const extra = 3
			for i := range maxBucketFixes + extra {
				b.add(i, &Fix{DriverID: "d", Lat: 12.97, Lon: 77.59, TS: base + int64(i)}, k)
			}
			z := b.zoneOf(k)
			b.groups[0].seed = noSeed
			z.add(0)
			f.buildCall(b, z)
			v, err := e.Run(t.Context(), recordScript, z.call.Keys, z.call.Args)
			require.NoError(t, err)
			require.Len(t, v.Str, maxBucketFixes+extra)
			require.Equal(t, "As", v.Str[:2])
			require.Equal(t, "sfff", v.Str[maxBucketFixes-1:])
			require.Equal(t, Invalid, outcomeOf(gotFull).Verdict, "not one that a run of makes believed")
		})
	}
}

// What a ping costs on the way to Redis.
func TestWireBytesPerPing(t *testing.T) {
	f := NewFleet(nil, NoZones(), FleetOptions{})
	b := newBatch()
	k := newZoneKeys("chowdeswari_ward")
	const pings = 100
	for i := range pings {
		b.add(i, &Fix{DriverID: fmt.Sprintf("driver-%05d", i), Lat: 12.97, Lon: 77.59, TS: base}, k)
	}
	z := b.zoneOf(k)
	for _, g := range b.wave {
		z.add(g)
	}
	f.buildCall(b, z)
	bytes := len("$40\r\n") + 40 + 2
	for _, s := range append(z.call.Keys, z.call.Args...) {
		bytes += len(fmt.Sprintf("$%d\r\n%s\r\n", len(s), s))
	}
	require.LessOrEqual(t, bytes/pings, 80)
}
