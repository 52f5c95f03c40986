package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/spf13/cobra"

	"hyperlocal/demo"
	"hyperlocal/internal/giveway"
	"hyperlocal/internal/headroom"
	"hyperlocal/web"
	"hyperlocal/web/page"
)

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server. Every flag may also be given in the environment, as
HYPERLOCAL_STALE_AFTER for --stale-after, or in a YAML file named by --config;
a flag goes before the environment, and the environment before the file.

Ctrl-C stops cleanly: what is under way is answered, and what waits in memory is
written to the database.`,
		Example: `  hyperlocal serve --demo
  hyperlocal serve --zones wards.geojson --data-dir /var/lib/hyperlocal
  hyperlocal serve --engine redis://cache.internal:6379 --store cassandra://db1,db2/hyperlocal`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd.Flags())
			if err != nil {
				return err
			}
			log, err := newLogger(os.Stderr, c.LogLevel, c.LogFormat)
			if err != nil {
				return err
			}
			slog.SetDefault(log)
			return serve(cmd.Context(), c, log, cmd.OutOrStdout())
		},
	}
	serveFlags(cmd.Flags())
	return cmd
}

// serve runs until ctx ends or the listener fails.
func serve(ctx context.Context, c config, log *slog.Logger, out io.Writer) error {
	hangup := hangups()
	// The port before the rest: it is the most likely thing to be taken, and nothing
	// has to be undone then.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	defer func() { _ = listener.Close() }() // again, if the server has closed it: harmless

	if c.PprofAddr != "" {
		profiles, err := servePprof(ctx, c.PprofAddr)
		if err != nil {
			return err
		}
		defer func() { _ = profiles.Close() }() // nothing is lost with it
	}

	redisPort, err := openRESP(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = redisPort.close() }() // again, if shutdown has closed it

	zones, err := openZones(c)
	if err != nil {
		return err
	}
	giveway.AddProcessor()
	p, err := openParts(ctx, c, zones, log)
	if err != nil {
		return err
	}
	var city *demo.Demo
	var extra func(*echo.Echo)
	if c.Demo {
		if city, err = demo.New(demo.Config{Partners: c.DemoPartners, Logger: log}); err == nil {
			err = p.begin.do(ctx, func(ctx context.Context) error { return stockDemo(ctx, p.inventory, log) })
		}
		if err != nil {
			return errors.Join(fmt.Errorf("demo: %w", err), p.close())
		}
		extra = demoRoutes(city)
	}
	handler, err := web.New(web.Options{
		Fleet: p.fleet, Tracks: p.store, Zones: p.zones, AdminToken: c.AdminToken, Inventory: p.inventory, Catalogue: p.store, Orders: p.orders, Fences: p.fences,
		Pings: p.ingest.Register, Stream: p.streams.Serve, Live: p.hub.Live, OrderEvents: p.hub.OrderEvents, Page: page.Handler(),
		Checks:  map[string]web.Check{"engine": p.engine.Ping, "store": p.checkStore},
		Metrics: newMetrics(p), Logger: log, Now: time.Now, Extra: extra,
	})
	if err != nil {
		return errors.Join(err, p.close())
	}

	p.start()
	p.work.Go(func() { headroom.Keep(ctx) })
	p.work.Go(func() { p.zones.reloadAt(ctx, hangup) })
	redisPort.serve(p.engine, c, log)
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: c.BodyTimeout, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	address := "http://" + listener.Addr().String()
	fmt.Fprintf(out, "Hyperlocal %s listens at %s\n  engine %s, store %s\n", version, address, hidePassword(c.Engine), hidePassword(c.Store))
	if city != nil {
		p.work.Go(func() {
			if err := city.Run(ctx, address); err != nil {
				log.Error("demo stopped", "err", err)
			}
		})
		fmt.Fprintln(out, "  the demo's live map is at that address; Ctrl-C stops")
	}

	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		log.Info("stopping: answering what is under way, then writing what waits in memory", "timeout", c.ShutdownTimeout)
	}
	stopCtx, cancel := context.WithTimeout(context.Background(), c.ShutdownTimeout)
	defer cancel()
	return errors.Join(err, shutdown(stopCtx, srv, redisPort, p))
}

// shutdown dismisses followers and streams, answers what is under way, and then writes
// what waits in memory: in this order nothing comes in behind the last flush.
func shutdown(ctx context.Context, srv *http.Server, redisPort *respPort, p *parts) error {
	p.dismiss()
	err := srv.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("requests under way were cut off: %w", err)
	}
	return errors.Join(err, redisPort.close(), p.finish(ctx))
}

// hidePassword is a URL fit for people to read.
func hidePassword(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(not a URL)"
	}
	return u.Redacted()
}
