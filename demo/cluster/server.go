//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// How a server is looked after.
const (
	startTimeout = 2 * time.Minute // the first one makes Cassandra's tables
	stopTimeout  = 30 * time.Second
	restartAfter = time.Second
	askEvery     = 50 * time.Millisecond
)

// server is one of those behind the address.
type server struct {
	name, addr string
	config     config
	log        *slog.Logger
	out        io.Writer
}

// run starts the server, and again whenever it has ended, until the context ends.
// begun gets nil when the server is ready for the first time, or why it is not.
func (s *server) run(ctx context.Context, begun chan<- error) {
	for {
		ended, err := s.start(ctx)
		if err == nil {
			err = s.awaitReady(ctx, ended)
		}
		if begun != nil {
			begun <- err
			begun = nil
		}
		if ended != nil {
			err = <-ended
		}
		if ctx.Err() != nil {
			return
		}
		s.log.Warn(s.name+" ended, and will be started again", "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(restartAfter):
		}
	}
}

// start starts the process, out of reach of the terminal's Ctrl-C: it is told
// to stop when the context ends, once. What ended it arrives in the channel.
func (s *server) start(ctx context.Context) (<-chan error, error) {
	cmd := exec.CommandContext(ctx, s.config.program, "serve", "--addr", s.addr, "--demo", "--demo-partners", "0",
		"--data-dir", filepath.Join(s.config.dataDir, s.name),
		"--engine", s.config.engine, "--store", s.config.store, "--shutdown-timeout", (stopTimeout / 2).String())
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	fmt.Fprintf(s.out, "%s is process %d at http://%s\n", s.name, cmd.Process.Pid, s.addr)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return ended, nil
}

var errNotReady = errors.New("did not become ready")

// awaitReady returns when the server is ready. What ended it
// meanwhile stays in the channel.
func (s *server) awaitReady(ctx context.Context, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close() // the status says all
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s %w: %w", s.name, errNotReady, ctx.Err())
		case <-ticker.C:
			if len(ended) > 0 {
				return fmt.Errorf("%s %w: it ended", s.name, errNotReady)
			}
		}
	}
}
