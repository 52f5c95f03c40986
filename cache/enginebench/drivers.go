//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"

	"hyperlocal/cache"
	"hyperlocal/cache/geoscore"
)

// area is a rectangle in or around Bengaluru.
type area struct {
	south, west   float64 // degrees
	height, width float64 // degrees
}

const (
	originLat, originLon = 12.7, 77.3
	metresPerDegree      = 111_320.0 // of latitude; and of longitude times cos(lat)
	// cityM is the side of the square city. With its surroundings it has some
	// 2,000 of a million drivers within two kilometres of a place.
	cityM = 75_000.0
)

// square of sideM metres, eastM and northM from the origin.
func square(eastM, northM, sideM float64) area {
	perLon := metresPerDegree * math.Cos(originLat*math.Pi/180)
	return area{
		south: originLat + northM/metresPerDegree, west: originLon + eastM/perLon,
		height: sideM / metresPerDegree, width: sideM / perLon,
	}
}

func (a area) place(r *rand.Rand) (lat, lon float64) {
	return a.south + r.Float64()*a.height, a.west + r.Float64()*a.width
}

// zone is a set of drivers and where they drive.
type zone struct {
	area
	id          int
	first, size int // drivers by number
}

// keys are the three structures of a zone, under its tag: geo set, seen, last.
func (z zone) keys() []string {
	return []string{
		fmt.Sprintf("drivers:zone:{%d}", z.id), fmt.Sprintf("drivers:seen:{%d}", z.id), fmt.Sprintf("drivers:last:{%d}", z.id),
	}
}

func driverName(n int) string { return fmt.Sprintf("driver-%07d", n) }

// zonesOfCity spreads the drivers over ten by ten zones.
func zonesOfCity(drivers int) []zone {
	const side = 10
	zones := make([]zone, side*side)
	each := drivers / len(zones)
	for i := range zones {
		zones[i] = zone{
			area: square(float64(i%side)*cityM/side, float64(i/side)*cityM/side, cityM/side),
			id:   i, first: i * each, size: each,
		}
	}
	return zones
}

// oneCity is the whole city as one zone.
func oneCity(drivers int) []zone {
	return []zone{{area: square(0, 0, cityM), size: drivers}}
}

// fixSize is the newest fix of a driver, compact.
const fixSize = 40

// firstSeen is the time of the first fixes, in ms since 1970.
const firstSeen = 1_700_000_000_000

// fillDrivers writes the three structures of each zone.
func fillDrivers(ctx context.Context, e cache.Engine, zones []zone) error {
	r := newRand()
	for _, z := range zones {
		keys := z.keys()
		numbers := make([]int, z.size)
		for i := range numbers {
			numbers[i] = z.first + i
		}
		for chunk := range slices.Chunk(numbers, 500) {
			places := make([]cache.GeoMember, len(chunk))
			seen := make([]cache.Member, len(chunk))
			last := make([]cache.Field, len(chunk))
			for i, n := range chunk {
				name := driverName(n)
				lat, lon := z.place(r)
				places[i] = cache.GeoMember{Name: name, Lat: lat, Lon: lon}
				seen[i] = cache.Member{Name: name, Score: firstSeen + float64(n%4000)}
				last[i] = cache.Field{Name: name, Value: fix(lat, lon, firstSeen)}
			}
			if _, err := e.GeoAdd(ctx, keys[0], places...); err != nil {
				return err
			}
			if _, err := e.ZAdd(ctx, keys[1], seen...); err != nil {
				return err
			}
			if _, err := e.HSet(ctx, keys[2], last...); err != nil {
				return err
			}
		}
	}
	return nil
}

func fix(lat, lon float64, at int64) string {
	s := fmt.Appendf(nil, "%.6f,%.6f,%d", lat, lon, at)
	for len(s) < fixSize {
		s = append(s, '.')
	}
	return string(s[:fixSize])
}

// move is the script of a batch of positions: the place, the time and the
// newest fix of each driver. args come in fours: driver, geo score, time, fix.
var move = &cache.Script{
	Name: "enginebench.move",
	Go: func(tx cache.Tx, keys, args []string) cache.Value {
		m := moved.Get().(*moves)
		defer moved.Put(m)
		places, seen, last := m.places[:0], m.seen[:0], m.last[:0]
		for ; len(args) >= 4; args = args[4:] {
			score, _ := strconv.ParseFloat(args[1], 64) // prepared as numbers
			at, _ := strconv.ParseFloat(args[2], 64)
			places = append(places, cache.Member{Name: args[0], Score: score})
			seen = append(seen, cache.Member{Name: args[0], Score: at})
			last = append(last, cache.Field{Name: args[0], Value: args[3]})
		}
		tx.ZAddAll(keys[0], places)
		tx.ZAddAll(keys[1], seen)
		tx.HSetAll(keys[2], last)
		m.places, m.seen, m.last = places, seen, last
		return cache.Value{}
	},
}

// moves is the working memory of the script.
type moves struct {
	places, seen []cache.Member
	last         []cache.Field
}

var moved = sync.Pool{New: func() any { return new(moves) }}

// batchSize is how many drivers a call moves.
const batchSize = 100

// movement makes batches: drivers of one zone, each to anywhere in it, which is
// harder on an ordered set than a few metres are.
type movement struct {
	zones []zone
	keys  [][]string
	at    int64
}

func newMovement(zones []zone) *movement {
	m := &movement{zones: zones, at: firstSeen + 10_000}
	for _, z := range zones {
		m.keys = append(m.keys, z.keys())
	}
	return m
}

// batch is what is done for a number of drivers of one zone.
type batch struct {
	zone  int
	keys  []string
	moves []driverMove
	args  []string // of the script
}

type driverMove struct {
	name     string
	lat, lon float64
	seen     int64
}

// batch moves random drivers of a random zone.
func (m *movement) batch(r *rand.Rand) batch {
	i := r.IntN(len(m.zones))
	b := batch{zone: i, keys: m.keys[i], moves: make([]driverMove, batchSize)}
	for j := range b.moves {
		b.moves[j].name = driverName(m.zones[i].first + r.IntN(m.zones[i].size))
	}
	return m.place(r, b)
}

// elsewhere moves the same drivers again.
func (m *movement) elsewhere(r *rand.Rand, bs []batch) []batch {
	again := slices.Clone(bs)
	for i := range again {
		again[i].moves = slices.Clone(again[i].moves)
		again[i] = m.place(r, again[i])
	}
	return again
}

// place says where the drivers of a batch go.
func (m *movement) place(r *rand.Rand, b batch) batch {
	b.args = make([]string, 0, 4*len(b.moves))
	for i := range b.moves {
		d := &b.moves[i]
		m.at++
		d.lat, d.lon = m.zones[b.zone].place(r)
		d.seen = m.at
		score, _ := geoscore.Of(d.lat, d.lon) // the city is on the map
		b.args = append(b.args, d.name, strconv.FormatFloat(score, 'f', 0, 64), strconv.FormatInt(d.seen, 10), fix(d.lat, d.lon, d.seen))
	}
	b.args = compactStrings(b.args)
	return b
}

// batches makes about n moves.
func (m *movement) batches(r *rand.Rand, n int) []batch {
	bs := make([]batch, (n+batchSize-1)/batchSize)
	for i := range bs {
		bs[i] = m.batch(r)
	}
	return bs
}

// compactStrings puts strings into one, so that what is prepared is no burden to
// the collector while the engine is measured.
func compactStrings(ss []string) []string {
	var all []byte
	for _, s := range ss {
		all = append(all, s...)
	}
	rest := string(all)
	for i, s := range ss {
		ss[i], rest = rest[:len(s)], rest[len(s):]
	}
	return ss
}

func runBatches(ctx context.Context, e cache.Engine, bs []batch) error {
	for i := range bs {
		if _, err := e.Run(ctx, move, bs[i].keys, bs[i].args); err != nil {
			return err
		}
	}
	return nil
}

// pipe adds what the script does as commands.
func (b batch) pipe(p *pipeline) {
	for i, d := range b.moves {
		p.add("GEOADD", b.keys[0], coordinate(d.lon), coordinate(d.lat), d.name)
		p.add("ZADD", b.keys[1], strconv.FormatInt(d.seen, 10), d.name)
		p.add("HSET", b.keys[2], d.name, b.args[4*i+3])
	}
}

func coordinate(degrees float64) string { return strconv.FormatFloat(degrees, 'f', 6, 64) }

// movesIn measures moves of one driver, made by batches.
func movesIn(_ options, zones []zone) traffic {
	return traffic{
		fill: func(ctx context.Context, e cache.Engine) error { return fillDrivers(ctx, e, zones) },
		ours: 200_000, redis: 50_000,
		prepare: func() func(r *rand.Rand, n int) work {
			m := newMovement(zones)
			return func(r *rand.Rand, n int) work {
				bs := m.batches(r, n)
				return work{
					ops:  len(bs) * batchSize,
					ours: func(ctx context.Context, e cache.Engine) error { return runBatches(ctx, e, bs) },
					redis: func(p *pipeline) {
						for _, b := range bs {
							b.pipe(p)
						}
					},
				}
			}
		}(),
	}
}
