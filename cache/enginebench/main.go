//go:build linux

// Command enginebench measures the memory engine beside a real redis-server, in
// one run on one machine, and holds it to the bars it was given.
//
//	go run ./cache/enginebench -lines 'move|near'
//
// # What is measured
//
// Ours is user and system time of a process that hosts the engine and calls it:
// what is called is prepared before the clock starts, and what the calling
// loop itself costs, measured on an engine that does nothing, is subtracted.
// What a call allocates is part of its cost, the collection of it included.
// Redis's is user and system time of the redis-server process, from /proc,
// while the same operations arrive by pipelines of 16 over one connection; what
// the client costs does not count. The server is started here, on loopback, with
// --save "" --appendonly no unless the line is about durability, and ended.
//
// Each side of a line has a process of its own. Sides take turns, round by round,
// after a round that does not count, and the medians are printed. Beside them
// stands what disturbed the machine meanwhile: time stolen by the hypervisor,
// and time used by processes that are not of this run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// options are the flags. The bars hold for the defaults of all sizes.
type options struct {
	lines   string
	members int
	rounds  int
	effort  float64
	steady  time.Duration
	profile string
	host    string
	journal bool
	dir     string
}

func parseFlags() options {
	var o options
	flag.StringVar(&o.lines, "lines", "", "measure only lines whose name matches this `pattern`; -list shows them")
	flag.IntVar(&o.members, "members", 1_000_000, "drivers and counters; five times as many fields of stock")
	flag.IntVar(&o.rounds, "rounds", 5, "counted rounds; their medians are printed")
	flag.Float64Var(&o.effort, "effort", 1, "multiplies the operations of a round")
	flag.DurationVar(&o.steady, "steady", 5*time.Second, "length of a round at a steady rate of writes")
	flag.StringVar(&o.profile, "cpuprofile", "", "write CPU profiles of our side into this `folder`")
	flag.StringVar(&o.host, "host", "", "host our side of this `line` (the program starts itself so)")
	flag.BoolVar(&o.journal, "journal", false, "with -host: keep a journal")
	flag.StringVar(&o.dir, "dir", "", "with -host: folder for what the line keeps on disk")
	list := flag.Bool("list", false, "name the lines and end")
	flag.Parse()
	if *list {
		for _, m := range measurements(o) {
			fmt.Println(m.name)
		}
		os.Exit(0)
	}
	return o
}

func main() {
	o := parseFlags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	work := compare
	if o.host != "" {
		work = hostLine
	}
	if err := work(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "enginebench:", err)
		os.Exit(1)
	}
}

// chosen are the measurements that -lines names.
func chosen(o options) ([]measurement, error) {
	pattern, err := regexp.Compile(o.lines)
	if err != nil {
		return nil, err
	}
	var ms []measurement
	for _, m := range measurements(o) {
		if pattern.MatchString(m.name) {
			ms = append(ms, m)
		}
	}
	if len(ms) == 0 {
		return nil, fmt.Errorf("no line matches %q", o.lines)
	}
	return ms, nil
}
