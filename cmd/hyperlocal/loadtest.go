package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"
	"github.com/spf13/cobra"

	"hyperlocal/demo"
	"hyperlocal/loadtest/openloop"
)

// loadOptions are the flags of loadtest beside the load's own.
type loadOptions struct {
	openloop.Config
	protocol string
	movement string
	maxP99   time.Duration
	report   string
}

func loadtestCommand() *cobra.Command {
	o := loadOptions{}
	cmd := &cobra.Command{
		Use:   "loadtest",
		Short: "Load a server as a fleet of phones does, and account for every ping",
		Long: `Load a server as a fleet of phones does, and report how it bore that: latencies,
counted from when a ping was due and not from when it could be sent, what the
server's process used, and whether every ping has the verdict that it must have.

Pings are due at times that do not depend on the answers. Who is in a tunnel
(--tunnels) sends what the phone has kept all at once; some repeat a ping
(--duplicates) or send two in the wrong order (--disorder). Drivers move along
recorded journeys, in a hundred zones over twenty cities of India, or along
Bengaluru's main roads (--movement roads).

The run fails if the account is not complete: a ping without its verdict, one
that nobody sent, an error, or a percentile above its bound. Send to a server of
your own that nobody else sends to; its drivers are new ones each time.`,
		Example: `  hyperlocal loadtest zones > country.geojson
  hyperlocal serve --zones country.geojson &
  hyperlocal loadtest --drivers 100000 --protocol protobuf --server-pid $!
  hyperlocal loadtest --url http://10.0.0.7:8080 --drivers 5000 --batch 1 --protocol ws-json --tunnels 0.05 --max-p99 50ms`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	var protocols []string
	for _, p := range openloop.Protocols {
		protocols = append(protocols, string(p))
	}
	f := cmd.Flags()
	f.StringVar(&o.URL, "url", "http://127.0.0.1:8080", "the server's `URL`")
	f.StringVar(&o.Token, "token", "", "send this bearer `token`")
	f.StringVar(&o.protocol, "protocol", string(openloop.JSON), strings.Join(protocols, ", "))
	f.IntVar(&o.Connections, "connections", 16, "connections, each of which sends one batch at a time")
	f.IntVar(&o.Drivers, "drivers", 10_000, "drivers in the fleet")
	f.StringVar(&o.Prefix, "prefix", "", "how the drivers' ids begin (default made of the time)")
	f.DurationVar(&o.Interval, "interval", 4*time.Second, "time between a driver's pings")
	f.IntVar(&o.Batch, "batch", 100, "drivers whose pings are sent together")
	f.DurationVar(&o.Duration, "duration", time.Minute, "how long to send")
	f.DurationVar(&o.Warmup, "warmup", 8*time.Second, "how long to send before that, without a place in the figures")
	f.Float64Var(&o.Tunnels, "tunnels", 0, "share of the drivers who at any time are in a tunnel")
	f.Float64Var(&o.Duplicates, "duplicates", 0, "share of the drivers who at any time repeat a ping")
	f.Float64Var(&o.Disorder, "disorder", 0, "share of the drivers who at any time send two pings in the wrong order")
	f.IntVar(&o.AckEvery, "ack-every", 1, "ask a stream for an acknowledgement after so many batches; latencies are to that")
	f.IntVar(&o.Followers, "followers", 0, "WebSockets that each follow a driver")
	f.IntVar(&o.Fences, "fences", 0, "circles of 15 to 60 m, near where drivers move, that are put into the server first, and stay there")
	f.StringVar(&o.movement, "movement", "country", "country (recorded journeys in a hundred zones) or roads (of Bengaluru)")
	f.Uint64Var(&o.Seed, "seed", 1, "the same number makes the same load")
	f.IntSliceVar(&o.ServerPIDs, "server-pid", nil, "report CPU and memory of this process on this machine; of several, such as a server and its Redis, together")
	f.DurationVar(&o.maxP99, "max-p99", 0, "fail if a batch's 99th percentile is above this")
	f.StringVar(&o.report, "report", "", "write the report as JSON to this `file`, too; - is standard output, instead of text")
	cmd.AddCommand(&cobra.Command{
		Use: "zones", Short: "Write the hundred zones of --movement country as GeoJSON", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return openloop.WriteCountryZones(cmd.OutOrStdout()) },
	})
	return cmd
}

func (o *loadOptions) run(cmd *cobra.Command) (err error) {
	o.Protocol = openloop.Protocol(o.protocol)
	if o.Prefix == "" {
		o.Prefix = strconv.FormatInt(time.Now().Unix()%60_466_176, 36) + "-" // five digits to the base of 36
	}
	if o.Routes, err = routes(o.movement); err != nil {
		return err
	}
	progress := func(p openloop.Progress) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%4.0f/%.0f s  %7.0f pings/s  batch p50 %v p99 %v  behind %v  errors %d\n",
			p.Elapsed.Seconds(), p.Whole.Seconds(), p.Rate, p.P50.Round(100*time.Microsecond), p.P99.Round(100*time.Microsecond),
			p.Behind.Round(time.Millisecond), p.Errors)
	}
	report, err := openloop.Run(cmd.Context(), o.Config, progress)
	if err != nil {
		return fmt.Errorf("loadtest: %w", err)
	}
	report.Exceeds(99, o.maxP99)
	if err := o.write(cmd.OutOrStdout(), report); err != nil {
		return err
	}
	if len(report.Problems) > 0 {
		return fmt.Errorf("loadtest: %d problems, the first: %s", len(report.Problems), report.Problems[0])
	}
	return nil
}

// write writes the report as the flags say.
func (o *loadOptions) write(out io.Writer, r *openloop.Report) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	switch o.report {
	case "-":
		_, err = out.Write(text)
		return err
	case "":
	default:
		if err := os.WriteFile(o.report, text, 0o600); err != nil {
			return fmt.Errorf("--report: %w", err)
		}
	}
	return r.WriteText(out)
}

// routes are where the drivers of a load move.
func routes(movement string) ([]openloop.Route, error) {
	switch movement {
	case "country":
		traces, err := demo.Traces()
		if err != nil {
			return nil, err
		}
		return openloop.CountryRoutes(traces), nil
	case "roads":
		return roadRoutes()
	}
	return nil, fmt.Errorf("--movement %q: want country or roads", movement)
}

func roadRoutes() (routes []openloop.Route, err error) {
	roads, err := geojson.UnmarshalFeatureCollection(demo.Roads())
	if err != nil {
		return nil, err
	}
	for _, f := range roads.Features {
		line, ok := f.Geometry.(orb.LineString)
		if !ok || len(line) < 2 {
			continue
		}
		points := make([][2]float64, len(line))
		for i, p := range line {
			points[i] = p
		}
		if r, ok := openloop.LineRoute(points); ok {
			routes = append(routes, r)
		}
	}
	if len(routes) == 0 {
		return nil, errors.New("the demo's roads are no lines")
	}
	return routes, nil
}
