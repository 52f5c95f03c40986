package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hyperlocal/internal/bars"
	"hyperlocal/loadtest/openloop"
)

// leg is a load that is measured once in each round.
type leg struct {
	name   string
	change func(*openloop.Config)
	bare   bool // not of the server, but of what stands beside it
	glue   bool // with a Redis
}

// seen is what a leg came to in a round.
type seen struct {
	*openloop.Report
	rows     float64 // flushed
	visitors float64 // drivers within fences
}

// The fleets of the legs that have a ping to a request or frame: what a generator on
// the same cores bears.
const (
	singleDrivers = 40_000
	singleWarmup  = 8 * time.Second
	singleLength  = 20 * time.Second
	singleStreams = 1000
	// glueSlower is how much less often drivers send to the glue: it bears a fifth.
	glueSlower = 5
)

func legs(o options) []leg {
	follow := func(c *openloop.Config) { c.Followers = 100 }
	single := func(p openloop.Protocol) func(*openloop.Config) {
		return func(c *openloop.Config) {
			c.Protocol, c.Batch, c.Drivers = p, 1, min(o.drivers, singleDrivers)
			c.Warmup, c.Duration = min(c.Warmup, singleWarmup), min(c.Duration, singleLength)
			if p != openloop.JSON {
				c.Connections, c.AckEvery = singleStreams, 100 // as often as by default
			}
		}
	}
	return []leg{
		{name: "json", change: func(c *openloop.Config) { c.Protocol = openloop.JSON; follow(c) }},
		{name: "glue", change: func(c *openloop.Config) {
			c.Protocol, c.Interval = openloop.JSON, glueSlower*c.Interval
			c.Warmup = max(c.Warmup, c.Interval) // all drivers have to be there
		}, bare: true, glue: true},
		{name: "protobuf", change: follow},
		{name: "fences", change: func(c *openloop.Config) { follow(c); c.Fences = 25_000 }},
		// As many pings a second, so that what does not depend on them has its share.
		{name: "tenth", change: func(c *openloop.Config) { follow(c); c.Drivers /= 10; c.Interval /= 10 }},
		{name: "request", change: single(openloop.JSON)},
		{name: "echo", change: single(openloop.JSON), bare: true},
		{name: "ws-json", change: single(openloop.StreamJSON)},
		{name: "gorilla-json", change: single(openloop.StreamJSON), bare: true},
		{name: "ws-protobuf", change: single(openloop.StreamProtobuf)},
		{name: "gorilla-protobuf", change: single(openloop.StreamProtobuf), bare: true},
	}
}

func pingBars(ctx context.Context, b *bench, table *bars.Table) error {
	all := map[string][]seen{}
	var failed error
	for round := 1; round <= b.rounds && failed == nil; round++ {
		for _, l := range legs(b.options) {
			if !b.chosen(l.name) {
				continue
			}
			s, err := b.leg(ctx, l, round)
			if err != nil {
				failed = fmt.Errorf("%s in round %d was not measured: %w", l.name, round, err)
				break
			}
			all[l.name] = append(all[l.name], s)
		}
	}
	fillTable(b.options, all, table)
	return failed
}

func (b *bench) leg(ctx context.Context, l leg, round int) (s seen, err error) {
	var flags []string
	pids := []int{}
	if l.glue {
		redis, addr, failed := b.redis(ctx)
		if failed != nil {
			return s, failed
		}
		defer func() { err = errors.Join(err, redis.stop()) }()
		flags, pids = append(flags, "-redis", addr), append(pids, redis.pid())
	}
	serve := b.serve
	if l.bare {
		serve = b.bare
	}
	t, err := serve(ctx, flags...)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, t.end()) }()
	t.pids = append(t.pids, pids...)
	c := b.config(t)
	l.change(&c)
	if s.Report, err = openloop.Run(ctx, c, func(openloop.Progress) {}); err != nil {
		return s, err
	}
	if err := ctx.Err(); err != nil {
		return s, err
	}
	if s.Server == nil {
		return s, errors.New("the load was too short to see the server's CPU")
	}
	more := ""
	if !l.bare {
		if s.rows, err = t.metric(ctx, "hyperlocal_flush_rows_total"); err != nil {
			return s, err
		}
		more = fmt.Sprintf(", %.0f rows flushed", s.rows)
	}
	if c.Fences > 0 {
		if s.visitors, err = t.metric(ctx, "hyperlocal_fence_visitors"); err != nil {
			return s, err
		}
		more += fmt.Sprintf(", %.0f visitors of fences", s.visitors)
	}
	tell(s.Report, round, l.name, more)
	return s, nil
}

// fillTable has a bar for each figure that is promised; those of legs that were not
// chosen are left out.
func fillTable(o options, all map[string][]seen, table *bars.Table) {
	of := func(name string, figure func(seen) float64) (rounds []float64) {
		for _, s := range all[name] {
			rounds = append(rounds, figure(s))
		}
		return rounds
	}
	cpu := func(name string) []float64 {
		return of(name, func(s seen) float64 { return s.Server.CPUMicrosPerPing })
	}
	ratio := func(name string, limit float64, over, under string) {
		if o.chosen(over) && o.chosen(under) {
			table.AtMost(name, limit, "", bars.Ratios(cpu(over), cpu(under)))
		}
	}
	if o.chosen("json") {
		table.AtMost("CPU of a ping: JSON, batches of 100", 3.5, "µs", cpu("json"))
	}
	if o.chosen("protobuf") {
		table.AtMost("CPU of a ping: protobuf, batches of 100", 2.5, "µs", cpu("protobuf"))
	}
	ratio("JSON over the glue with its Redis", 1.0/6, "json", "glue")
	ratio("a ping to a request, over echo that decodes it", 1.25, "request", "echo")
	ratio("a ping to a frame (JSON), over gorilla that reads it", 1.25, "ws-json", "gorilla-json")
	ratio("a ping to a frame (protobuf), over gorilla that reads it", 1.25, "ws-protobuf", "gorilla-protobuf")
	if o.chosen("protobuf") {
		rate := fmt.Sprintf("sustained %.0f pings/s: ", float64(o.drivers)/o.interval.Seconds())
		p := func(name, unit string, limit float64, figure func(seen) float64) {
			table.AtMost(rate+name, limit, unit, of("protobuf", figure))
		}
		p("problems", "", 0, func(s seen) float64 { return float64(len(s.Problems)) })
		p("99th percentile of a batch", "ms", 50, func(s seen) float64 { return s.Latency["p99"] })
		p("memory at the end over the beginning", "", 1.1, func(s seen) float64 { return float64(s.Server.RSSEnd) / float64(s.Server.RSSBegin) })
		table.AtLeast(rate+"rows flushed", 1, "", of("protobuf", func(s seen) float64 { return s.rows }))
		table.AtLeast(rate+"followers to the end", 100, "", of("protobuf", func(s seen) float64 { return float64(int64(s.Live.Followers) - s.Live.Lost) }))
		p("resident memory of a driver", "bytes", 350, func(s seen) float64 { return s.Server.BytesPerDriver })
	}
	ratio("the same over a tenth of the drivers", 1.5, "protobuf", "tenth")
	ratio("25,000 fences over none", 1.2, "fences", "protobuf")
}
