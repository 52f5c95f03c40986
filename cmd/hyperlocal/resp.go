package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"hyperlocal/cache"
	"hyperlocal/cache/resp"
)

// respAddr is --resp-addr with its host: a port alone is on loopback. Empty: off.
func (c config) respAddr() string {
	switch {
	case c.RESPAddr == "":
		return ""
	case !strings.Contains(c.RESPAddr, ":"):
		return net.JoinHostPort(loopback, c.RESPAddr)
	}
	host, port, err := net.SplitHostPort(c.RESPAddr)
	if err == nil && host == "" {
		return net.JoinHostPort(loopback, port)
	}
	return c.RESPAddr
}

const loopback = "127.0.0.1"

// checkRESP refuses to show the engine to other machines without a password,
// and to stand before a Redis server that can be asked itself.
func (c config) checkRESP() error {
	addr := c.respAddr()
	if addr == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(addr)
	switch {
	case err != nil:
		return fmt.Errorf("--resp-addr %q: want a port or host:port, such as 6379 or 127.0.0.1:6379", c.RESPAddr)
	case c.Engine != "memory":
		return errors.New("--resp-addr: it shows the memory engine; with --engine redis://, connect to that server itself")
	case c.RESPPassword == "" && !isLoopback(host):
		return fmt.Errorf("--resp-addr %s: other machines could read and write everything: set %sRESP_PASSWORD, or listen on %s", c.RESPAddr, envPrefix, loopback)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// respPort is where Redis clients come in. A nil one is off.
type respPort struct {
	listener net.Listener
	server   *resp.Server
	ended    chan struct{} // closed when server is no longer serving
}

// openRESP takes the port, if one is asked for.
func openRESP(ctx context.Context, c config) (*respPort, error) {
	addr := c.respAddr()
	if addr == "" {
		return nil, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--resp-addr: %w", err)
	}
	return &respPort{listener: l}, nil
}

// serve starts to answer. If that fails later, the product goes on without.
func (p *respPort) serve(engine cache.Engine, c config, log *slog.Logger) {
	if p == nil {
		return
	}
	limit, policy, _ := c.memoryLimit() // config.check has read it before
	p.server = resp.New(engine, resp.Options{
		Password: c.RESPPassword,
		ReadOnly: c.RESPReadOnly,
		Settings: map[string]string{
			"appendonly": "yes", "appendfsync": "everysec",
			"maxmemory": strconv.FormatInt(limit, 10), "maxmemory-policy": policy.String(),
		},
		Logger: log,
	})
	p.ended = make(chan struct{})
	go func() {
		defer close(p.ended)
		if err := p.server.Serve(p.listener); !errors.Is(err, resp.ErrClosed) {
			log.Error("Redis clients are no longer answered", "err", err)
		}
	}()
	log.Info("Redis clients are answered", "addr", p.listener.Addr().String(), "password", c.RESPPassword != "", "read_only", c.RESPReadOnly)
}

// close ends the clients' connections; twice is harmless.
func (p *respPort) close() error {
	switch {
	case p == nil:
		return nil
	case p.server == nil:
		return p.listener.Close()
	}
	err := p.server.Close()
	<-p.ended
	return err
}
