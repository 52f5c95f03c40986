package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is one that this program started, and ends.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string        // file
	done chan struct{} // closed when it has ended, with err
	err  error
}

// patience bounds the wait for a process that was started or is to end.
const patience = 2 * time.Minute

var errEnded = errors.New("by itself")

func (b *bench) start(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, log: filepath.Join(b.dir, name+".log"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has it open for itself
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// await returns once ready does not fail, or ends the process.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s does not answer: %w", p.name, err), p.stop())
		case <-p.done:
			text, _ := os.ReadFile(p.log) // what there is of it
			return fmt.Errorf("%s has ended (%w) and said:\n%s", p.name, cmp.Or(p.err, errEnded), text[max(0, len(text)-2000):])
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop asks the process to end, and waits for it.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill() // by its handle: nothing else is meant
		return fmt.Errorf("%s did not end within %v", p.name, patience)
	}
	return nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// freeAddr is a loopback address that nothing listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// answers tells whether a server is ready.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		res, err := get(ctx, url+"/readyz")
		if err == nil {
			err = res.Body.Close()
		}
		return err
	}
}

// listens tells whether somebody takes connections.
func listens(addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

func get(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("%s: %s", url, res.Status)
	}
	return res, nil
}
