package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hyperlocal/demo"
	"hyperlocal/loadtest/openloop"
)

// bench starts servers and loads them.
type bench struct {
	options
	dir    string
	zones  string // file
	routes []openloop.Route
	runs   int // of servers: each has a folder of its own
}

func newBench(o options, dir string) (*bench, error) {
	traces, err := demo.Traces()
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, dir: dir, zones: filepath.Join(dir, "country.geojson"), routes: openloop.CountryRoutes(traces)}
	f, err := os.Create(b.zones)
	if err != nil {
		return nil, err
	}
	if err := openloop.WriteCountryZones(f); err != nil {
		return nil, err
	}
	return b, f.Close()
}

// target is what is loaded.
type target struct {
	*process
	url  string
	data string // folder
	pids []int  // whose CPU counts
}

// serve starts the server, with further flags.
func (b *bench) serve(ctx context.Context, flags ...string) (*target, error) {
	b.runs++
	data := filepath.Join(b.dir, "data"+strconv.Itoa(b.runs))
	return b.target(ctx, data, func(addr string) *exec.Cmd {
		return exec.Command(b.server, append([]string{"serve", "--addr", addr, "--data-dir", data,
			"--zones", b.zones, "--log-level", "warn", "--pprof-addr", b.pprof}, flags...)...)
	})
}

// bare starts this program as what is measured instead.
func (b *bench) bare(ctx context.Context, flags ...string) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.target(ctx, "", func(addr string) *exec.Cmd {
		return exec.Command(self, append([]string{"instead", "-listen", addr}, flags...)...)
	})
}

func (b *bench) target(ctx context.Context, data string, command func(addr string) *exec.Cmd) (*target, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p, err := b.start("server", command(addr))
	if err != nil {
		return nil, err
	}
	t := &target{process: p, url: "http://" + addr, data: data, pids: []int{p.pid()}}
	return t, p.await(ctx, answers(t.url))
}

// end ends the target and removes what it has on disk.
func (t *target) end() error {
	if err := t.stop(); err != nil || t.data == "" {
		return err
	}
	return os.RemoveAll(t.data)
}

// redis starts a Redis server that keeps nothing on disk.
func (b *bench) redis(ctx context.Context) (p *process, addr string, err error) {
	if addr, err = freeAddr(); err != nil {
		return nil, "", err
	}
	host, port, _ := strings.Cut(addr, ":")
	if p, err = b.start("redis", exec.Command("redis-server", "--bind", host, "--port", port, "--save", "", "--dir", b.dir)); err != nil {
		return nil, "", err
	}
	return p, addr, p.await(ctx, listens(addr))
}

// config is the load of a country's fleet.
func (b *bench) config(t *target) openloop.Config {
	return openloop.Config{
		URL: t.url, ServerPIDs: t.pids, Protocol: openloop.Protobuf, Connections: 16, Batch: 100,
		Drivers: b.drivers, Prefix: "d-", Interval: b.interval, Warmup: b.warmup, Duration: b.duration,
		Routes: b.routes, Seed: 1,
	}
}

// metric reads one of the server's figures.
func (t *target) metric(ctx context.Context, name string) (float64, error) {
	res, err := get(ctx, t.url+"/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s/metrics has no %s", t.url, name)
}

// tell prints a line of what was measured.
func tell(r *openloop.Report, round int, name string, more string) {
	cpu := "?"
	if r.Server != nil {
		cpu = fmt.Sprintf("%.2f µs of CPU a ping, %.0f bytes a driver", r.Server.CPUMicrosPerPing, r.Server.BytesPerDriver)
	}
	taken := 0.0
	if r.Machine != nil {
		taken = 100 * r.Machine.Taken
	}
	fmt.Printf("%s  round %d  %-12s %s, %.0f pings/s, batch p50 %.1f p99 %.1f ms%s; %.0f %% of the machine taken by its host\n",
		time.Now().Format(time.TimeOnly), round, name, cpu, r.Rate, r.Latency["p50"], r.Latency["p99"], more, taken)
	for _, p := range append(r.Problems, r.Failures...) {
		fmt.Printf("    PROBLEM %s\n", p)
	}
}
