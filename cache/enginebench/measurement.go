//go:build linux

package main

import (
	"context"

	"hyperlocal/cache/memory"
)

// measurement yields one or more lines of the table.
type measurement struct {
	name string
	rows []row
	// journals says on which sides our engine runs: without a journal, with
	// one, or both.
	journals []bool
	// fresh is for what needs a new process, on the same folder, each round.
	fresh bool
	ours  func(ctx context.Context, h *ownHost) (round, error)
	redis func(ctx context.Context, h *redisHost) (round, error) // nil: nothing to compare with
}

// round is one repetition. It prepares what it needs, then measures.
type round func(ctx context.Context) (sample, error)

// sample is what a round found, by the name of the figure.
type sample map[string]float64

// row is a line of the table: one figure of a sample.
type row struct {
	title, figure, unit string
	bar                 float64 // zero: only shown
	atLeast             bool    // the bar is a lower bound
}

// cpu is the figure of everything measured as CPU time of an operation, in µs.
const cpu = "cpu"

var (
	without        = []bool{false}
	with           = []bool{true}
	withAndWithout = []bool{false, true}
)

// measurements are all lines, in the order they are printed.
func measurements(o options) []measurement {
	return append([]measurement{
		perOperation("move-zones", withAndWithout, movesIn(o, zonesOfCity(o.members)),
			row{title: "move a driver within one of 100 zones", bar: 2}),
		perOperation("move-city", withAndWithout, movesIn(o, oneCity(o.members)),
			row{title: "move a driver in one set of all", bar: 3.5}),
		perOperation("near-city", without, nearestInCity(o),
			row{title: "nearest 10 within 2 km of the whole city", bar: 40}),
		perOperation("near-zone", without, nearestInZone(o),
			row{title: "nearest 10 of about 1,000 within 2 km, zone of 10,000", bar: 15}),
		perOperation("hmget", without, stockReads(o),
			row{title: "HMGET of 50 of 5,000 fields", bar: 5}),
		perOperation("hincrby", withAndWithout, stockMoves(o),
			row{title: "HINCRBY", bar: 0.6}),
		perOperation("incr", withAndWithout, counting(o),
			row{title: "INCR of a key with a time to live", bar: 0.5}),
		publishing(o),
		durableWriting(o),
		footprintOfDrivers(o),
		footprintOfStock(o),
		starting(o),
		compacting(o),
		garbage(o),
		scaling(o),
	}, accounting(o)...)
}

// ownHost is what our side of a measurement works with, in a process of its own.
type ownHost struct {
	options
	dir string
}

// open starts an engine as the measurement wants it.
func (h *ownHost) open() (*memory.Engine, error) {
	opt := memory.Options{Logger: quiet}
	if h.journal {
		opt.Dir = h.dir
	}
	return memory.Open(opt)
}
