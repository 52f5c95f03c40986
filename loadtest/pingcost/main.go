// Command pingcost measures what a ping costs the server: user and system CPU
// time of its process per ping, by batches over HTTP, in steady state. It
// starts the server itself, on a port and in a folder of its own, and ends it.
//
//	go run ./loadtest/pingcost -server bin/hyperlocal -drivers 100000 -batch 100
//
// Every driver sends one ping a round, and a round lasts -interval, so that the
// background work (flush, sweep, journal) has its true share. The first round,
// which creates the drivers, is not counted. Each reply is checked: every ping
// is to be accepted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

type options struct {
	server    string
	glue      string
	bare      bool
	serve     string
	engine    string
	enginePID int
	zones     string
	pprof     string
	drivers   int
	batch     int
	rounds    int
	conns     int
	mixed     bool
	interval  time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "bin/hyperlocal", "server `binary`")
	flag.StringVar(&o.glue, "glue", "", "measure, instead of the server, the plain glue of echo and the Redis at this `host:port`")
	flag.BoolVar(&o.bare, "bare", false, "measure, instead of the server, an echo handler that decodes the pings and does nothing")
	flag.StringVar(&o.serve, "listen", "", "be that glue or handler, listening on this `host:port` (the program starts itself so)")
	flag.StringVar(&o.engine, "engine", "memory", "the server's --engine")
	flag.IntVar(&o.enginePID, "engine-pid", 0, "also count the CPU of this process, such as a redis-server")
	flag.StringVar(&o.zones, "zones", "demo/data/zones/bengaluru_wards_198.geojson", "the server's --zones")
	flag.StringVar(&o.pprof, "pprof-addr", "", "the server's --pprof-addr, to take a profile meanwhile")
	flag.IntVar(&o.drivers, "drivers", 100_000, "distinct drivers")
	flag.IntVar(&o.batch, "batch", 100, "pings to a request")
	flag.IntVar(&o.rounds, "rounds", 5, "counted rounds; the median is printed")
	flag.IntVar(&o.conns, "conns", 4, "connections")
	flag.BoolVar(&o.mixed, "mixed", false, "mix drivers from all over the city in a batch, instead of neighbours")
	flag.DurationVar(&o.interval, "interval", 4*time.Second, "time between a driver's pings, and length of a round")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	work := run
	if o.serve != "" {
		work = func(ctx context.Context, o options) error { return instead(ctx, o) }
	}
	if err := work(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "pingcost:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "pingcost")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	srv, err := startServer(ctx, o, dir)
	if err != nil {
		return err
	}
	defer srv.stop()

	what := "engine " + o.engine
	switch {
	case o.bare:
		what = "echo + sonic, decoded and forgotten"
	case o.glue != "":
		what = "echo + sonic + rueidis glue"
	}
	fmt.Printf("%s: %d drivers, batches of %d (%s), %d connections\n",
		what, o.drivers, o.batch, map[bool]string{true: "mixed", false: "neighbours"}[o.mixed], o.conns)
	fleet := newFleet(o)
	if _, err := fleet.round(ctx, srv.url, 0); err != nil {
		return fmt.Errorf("first round: %w", err)
	}
	pids := []int{srv.cmd.Process.Pid}
	if o.enginePID != 0 {
		pids = append(pids, o.enginePID)
	}
	return measure(ctx, o, srv.url, fleet, pids)
}

type server struct {
	cmd *exec.Cmd
	url string
}

func startServer(ctx context.Context, o options, dir string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(o.server, "serve", "--addr", addr, "--data-dir", dir,
		"--engine", o.engine, "--zones", o.zones, "--log-level", "warn", "--pprof-addr", o.pprof)
	if o.bare || o.glue != "" {
		cmd = exec.Command(self, "-bare="+strconv.FormatBool(o.bare), "-glue", o.glue, "-listen", addr)
	}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, url: "http://" + addr}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if err := get(ctx, s.url+"/readyz"); err == nil {
			return s, nil
		} else if ctx.Err() != nil {
			s.stop()
			return nil, fmt.Errorf("server did not become ready: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// stop asks the server to end and waits for it.
func (s *server) stop() {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		fmt.Fprintln(os.Stderr, "pingcost:", err)
	}
	if err := s.cmd.Wait(); err != nil {
		fmt.Fprintln(os.Stderr, "pingcost: server:", err)
	}
}
