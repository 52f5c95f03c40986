// Command bars holds the server against the speeds that are promised, with a
// country's fleet: a million drivers in a hundred zones over twenty cities.
//
//	bars ping      what a ping costs, beside what a team would do instead
//	bars outage    what phones see of it while the database is slow or gone
//
// It starts everything itself, on free ports of this machine and in a folder of its
// own, and ends it: the server, a Redis, a Cassandra node. The load comes from this
// process. What is compared takes turns, ROUNDS times; the table at the end has the
// medians. The status is 1 if something could not be measured and, under STRICT=1, if
// a bar is not met.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"hyperlocal/internal/bars"
)

// options are what the flags say.
type options struct {
	server    string
	pprof     string
	rounds    int
	only      *regexp.Regexp
	drivers   int
	interval  time.Duration
	warmup    time.Duration
	duration  time.Duration
	asBusy    bool
	elsewhere bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bars:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: bars ping|outage [flags]; -h lists them")

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	o, f := options{}, flag.NewFlagSet(args[0], flag.ExitOnError)
	f.StringVar(&o.server, "server", "bin/hyperlocal", "server `binary`")
	f.IntVar(&o.rounds, "rounds", 3, "how often each is measured")
	f.StringVar(&o.pprof, "pprof-addr", "", "the server's --pprof-addr, to take a profile meanwhile")
	f.DurationVar(&o.interval, "interval", 4*time.Second, "time between a driver's pings")
	f.DurationVar(&o.warmup, "warmup", 0, "time before anything counts: the first buckets are flushed from 35 s on, and with them an index, which is once an hour, until 65 s (default 40s, and 75s for an outage)")
	f.Func("only", "measure only what has a name that this `regexp` matches", func(s string) (err error) {
		o.only, err = regexp.Compile(s)
		return err
	})
	f.IntVar(&o.drivers, "drivers", 0, "drivers (default 1,000,000, and 400,000 for an outage)")
	f.DurationVar(&o.duration, "duration", 0, "time that counts (default 60s, and 40s for each phase of an outage)")
	f.BoolVar(&o.asBusy, "as-busy", false, "while the server has no flush, have another process write as much to the Cassandra node")
	f.BoolVar(&o.elsewhere, "elsewhere", false, "have batches of rows answered in the Cassandra node's place, as if it had cores of its own")
	store := f.String("store", "", "be that process, of this `URL`")
	listen := f.String("listen", "", "be what is measured instead of the server, on this `host:port` (the program starts itself so)")
	redis := f.String("redis", "", "be glue to the Redis at this `host:port`")
	_ = f.Parse(args[1:]) // it exits itself
	switch args[0] {
	case "ping":
		return measure(ctx, o.or(1_000_000, 40*time.Second, time.Minute), pingBars)
	case "outage":
		return measure(ctx, o.or(400_000, 75*time.Second, 40*time.Second), outageBars)
	case "feed":
		return feed(ctx, *store, o.drivers)
	case "instead":
		return serveInstead(ctx, *listen, *redis)
	}
	return errUsage
}

// or has defaults in place of what is not said.
func (o options) or(drivers int, warmup, duration time.Duration) options {
	o.drivers = cmp.Or(o.drivers, drivers)
	o.warmup = cmp.Or(o.warmup, warmup)
	o.duration = cmp.Or(o.duration, duration)
	return o
}

func (o options) chosen(name string) bool { return o.only == nil || o.only.MatchString(name) }

// measure prints the table, also of a run that was ended early.
func measure(ctx context.Context, o options, what func(context.Context, *bench, *bars.Table) error) error {
	dir, err := os.MkdirTemp("", "bars")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := newBench(o, dir)
	if err != nil {
		return err
	}
	var table bars.Table
	failed := what(ctx, b, &table)
	fmt.Println()
	if err := errors.Join(failed, table.Write(os.Stdout)); err != nil {
		return err
	}
	return table.Verdict()
}
