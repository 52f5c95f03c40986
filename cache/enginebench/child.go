//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"

	"hyperlocal/internal/headroom"
)

// quiet is the logger of an engine whose news nobody reads.
var quiet = slog.New(slog.DiscardHandler)

// hostLine is our side of a measurement, in the process that -host started. It
// says "ready" when its data set is loaded, and answers each line it reads with
// the sample of a round.
func hostLine(ctx context.Context, o options) error {
	for _, m := range measurements(o) {
		if m.name == o.host {
			return serve(ctx, o, m, os.Stdin, os.Stdout)
		}
	}
	return fmt.Errorf("no line is called %q", o.host)
}

func serve(ctx context.Context, o options, m measurement, in io.Reader, out io.Writer) error {
	go headroom.Keep(ctx) // as the server does
	h := &ownHost{options: o, dir: o.dir}
	next, err := m.ours(ctx, h)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	if o.profile != "" {
		stop, err := profile(o)
		if err != nil {
			return err
		}
		defer stop()
	}
	for asks := bufio.NewScanner(in); asks.Scan(); {
		s, err := next(ctx)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(out).Encode(s); err != nil {
			return err
		}
	}
	return nil
}

// profile begins a CPU profile of everything after the data set is loaded.
func profile(o options) (stop func(), err error) {
	f, err := os.Create(filepath.Join(o.profile, fmt.Sprintf("%s-journal=%t.pprof", o.host, o.journal)))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "enginebench: profile:", err)
		}
	}, nil
}

// child is a process that hosts our side.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// startChild returns when the child is ready.
func startChild(o options, line, dir string, journal bool) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self,
		"-host", line, "-dir", dir, "-journal="+strconv.FormatBool(journal),
		"-members", strconv.Itoa(o.members), "-effort", strconv.FormatFloat(o.effort, 'g', -1, 64),
		"-steady", o.steady.String(), "-cpuprofile", o.profile)}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := c.read(); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// read waits for a line.
func (c *child) read() ([]byte, error) {
	if !c.out.Scan() {
		return nil, fmt.Errorf("our side ended: %w", errors.Join(c.out.Err(), io.ErrUnexpectedEOF))
	}
	return c.out.Bytes(), nil
}

// round asks for a sample.
func (c *child) round(context.Context) (sample, error) {
	if _, err := fmt.Fprintln(c.in); err != nil {
		return nil, err
	}
	line, err := c.read()
	if err != nil {
		return nil, err
	}
	var s sample
	return s, json.Unmarshal(line, &s)
}

// stop lets the child end by itself: its input is over.
func (c *child) stop() error { return errors.Join(c.in.Close(), c.cmd.Wait()) }
