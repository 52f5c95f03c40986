//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"hyperlocal/cache"
	"hyperlocal/cache/redis"
	"hyperlocal/internal/procstat"
)

// patience bounds the start of a server, which may have a data set to load.
const patience = 2 * time.Minute

// redisHost is what Redis's side of a measurement works with: a server of its
// own, not yet started where the measurement wants to choose its arguments.
type redisHost struct {
	options
	dir  string
	addr string
	cmd  *exec.Cmd
	conn *conn
}

// inMemory are the arguments of a server that keeps nothing.
var inMemory = []string{"--save", "", "--appendonly", "no"}

// start runs a server and returns when it answers: once its data is loaded.
func (h *redisHost) start(ctx context.Context, args ...string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h.addr = l.Addr().String()
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(h.dir, "redis.log"))
	if err != nil {
		return err
	}
	h.cmd = exec.Command("redis-server", append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", h.dir,
		"--client-output-buffer-limit", "pubsub 0 0 0",
	}, args...)...)
	h.cmd.Stdout, h.cmd.Stderr = log, log
	if err := errors.Join(h.cmd.Start(), log.Close()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if err = h.greet(); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("redis-server did not answer: %w", err), h.stop())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (h *redisHost) greet() error {
	c, err := dial(h.addr)
	if err != nil {
		return err
	}
	if _, err := c.do("PING"); err != nil {
		c.Close()
		return err
	}
	h.conn = c
	return nil
}

// stop ends the server by its process.
func (h *redisHost) stop() error {
	if h.cmd == nil {
		return nil
	}
	if h.conn != nil {
		h.conn.Close()
	}
	err := errors.Join(h.cmd.Process.Signal(syscall.SIGTERM), h.cmd.Wait())
	h.cmd, h.conn = nil, nil
	return err
}

// fill loads a data set through the contract; the measured commands do not go
// this way.
func (h *redisHost) fill(ctx context.Context, fill func(ctx context.Context, e cache.Engine) error) error {
	e, err := redis.Open(ctx, "redis://"+h.addr, redis.Options{Timeout: patience})
	if err != nil {
		return err
	}
	return errors.Join(fill(ctx, e), e.Close())
}

// cpu is the server's user and system time that do takes.
func (h *redisHost) cpu(do func() error) (time.Duration, error) {
	before, err := procstat.CPU(h.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := procstat.CPU(h.cmd.Process.Pid)
	return after - before, err
}

// resident is the server's resident memory.
func (h *redisHost) resident() (float64, error) {
	n, err := procstat.Resident(h.cmd.Process.Pid)
	return float64(n), err
}

// used is the CPU time of the server since it started.
func (h *redisHost) used() (time.Duration, error) { return procstat.CPU(h.cmd.Process.Pid) }
