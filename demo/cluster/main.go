//go:build unix

// Command cluster is the demo on two servers that share a Redis and a Cassandra,
// behind one address. Each server may be killed at any time: the map moves on,
// and a second later another takes its place. `make cluster-demo` runs it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"hyperlocal/demo"
	"hyperlocal/internal/balance"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c config
	flag.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`host:port` of the one address")
	flag.StringVar(&c.program, "program", "bin/hyperlocal", "the server's `program`")
	flag.StringVar(&c.engine, "engine", "", "what the servers share as --engine: a Redis's `URL`")
	flag.StringVar(&c.store, "store", "", "what the servers share as --store: a Cassandra's `URL`")
	flag.StringVar(&c.dataDir, "data-dir", "data/cluster", "`folder` of the servers' own folders")
	flag.IntVar(&c.partners, "partners", 1000, "number of partners on the move")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(ctx, c, log, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

type config struct {
	addr, program, engine, store, dataDir string
	partners                              int
}

const numServers = 2

// run serves until the context ends, and ends the servers.
func run(ctx context.Context, c config, log *slog.Logger, out io.Writer) error {
	if c.engine == "" || c.store == "" {
		return errors.New("want -engine and -store, which the servers share")
	}
	city, err := demo.New(demo.Config{Partners: c.partners, Logger: log})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	defer func() { _ = listener.Close() }() // again, if the server has closed it: harmless
	servers := make([]*server, numServers)
	urls := make([]*url.URL, numServers)
	for i := range servers {
		addr, err := freeAddr(ctx)
		if err != nil {
			return err
		}
		servers[i] = &server{name: fmt.Sprintf("server-%d", i+1), addr: addr, config: c, log: log, out: out}
		urls[i] = &url.URL{Scheme: "http", Host: addr}
	}

	ctx, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	balancer := balance.New(urls, log)
	work.Go(func() { balancer.Run(ctx) })
	// One after the other, since the first fills the stores.
	for _, s := range servers {
		begun := make(chan error, 1)
		work.Go(func() { s.run(ctx, begun) })
		if err := <-begun; err != nil {
			return err
		}
	}

	mux := http.NewServeMux()
	mux.Handle("/", balancer)
	mux.HandleFunc("GET /demo/order", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// A client that has gone needs no order.
		_ = json.NewEncoder(w).Encode(map[string]string{"order_id": city.OrderID()})
	})
	front := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- front.Serve(listener) }()
	defer func() { _ = front.Close() }() // nothing waits here: it is all in the servers
	address := "http://" + listener.Addr().String()
	work.Go(func() {
		if err := city.Run(ctx, address); err != nil {
			log.Error("the city does not move", "err", err)
		}
	})
	fmt.Fprintf(out, "The live map is at %s; kill -9 either server, and look; Ctrl-C stops\n", address)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// freeAddr is a port of this machine that nobody had a moment ago.
func freeAddr(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
