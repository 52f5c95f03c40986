package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// sqliteFile is taken from the server by another process that writes, as a backup
// or somebody at the sqlite3 command does.
type sqliteFile struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	held bool
}

func openSQLite(context.Context, *bench) (database, error) { return &sqliteFile{}, nil }

func (*sqliteFile) flags() []string { return nil } // it is the default

func (s *sqliteFile) serving(t *target) (err error) {
	if err := s.end(); err != nil {
		return err
	}
	s.cmd = exec.Command("sqlite3", "-batch", "-bail", "-cmd", ".timeout 30000", filepath.Join(t.data, "hyperlocal.db"))
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	s.out = bufio.NewReader(out)
	s.cmd.Stderr = os.Stderr
	return s.cmd.Start()
}

// pause returns once the lock is held.
func (s *sqliteFile) pause() error {
	s.held = true
	return s.say("BEGIN IMMEDIATE; SELECT 'held';\n", "held")
}

func (s *sqliteFile) resume() error {
	if !s.held {
		return nil
	}
	s.held = false
	return s.say("COMMIT; SELECT 'free';\n", "free")
}

func (s *sqliteFile) say(text, want string) error {
	if _, err := io.WriteString(s.in, text); err != nil {
		return fmt.Errorf("sqlite3: %w", err)
	}
	line, err := s.out.ReadString('\n')
	if err == nil && strings.TrimSpace(line) != want {
		err = fmt.Errorf("said %q", line)
	}
	if err != nil {
		return fmt.Errorf("sqlite3: %w", err)
	}
	return nil
}

func (s *sqliteFile) end() error {
	if s.cmd == nil {
		return nil
	}
	s.held = false
	err := s.in.Close()
	return errors.Join(err, s.cmd.Wait())
}

// node is a Cassandra node that is stopped and goes on, as under a long collection of
// garbage or on a machine that hangs.
type node struct {
	*process
	addr string
}

// openCassandra starts a node; scripts/services.sh has fetched it, and says where it
// is.
func openCassandra(ctx context.Context, b *bench) (database, error) {
	lib, java := os.Getenv("HYPERLOCAL_TEST_CASSANDRA_LIB"), os.Getenv("HYPERLOCAL_TEST_JAVA")
	if lib == "" || java == "" {
		return nil, errors.New("no Cassandra: run this by scripts/services.sh run")
	}
	var ports [3]string
	for i := range ports {
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		_, ports[i], _ = strings.Cut(addr, ":")
	}
	const host = "127.0.0.1"
	cmd := exec.Command("scripts/cassandra/start.sh", lib, filepath.Join(b.dir, "cassandra"), host, ports[0], ports[1], ports[2], "1G")
	cmd.Env = append(os.Environ(), "JAVA="+java, "JAVA_MORE=-XX:TieredStopAtLevel=4") // as compiled as in production
	p, err := b.start("cassandra", cmd)
	if err != nil {
		return nil, err
	}
	n := &node{p, host + ":" + ports[0]}
	if err := n.await(ctx, listens(n.addr)); err != nil || !b.elsewhere {
		return n, err
	}
	r, err := newRelay(n.addr)
	if err != nil {
		return nil, errors.Join(err, n.end())
	}
	return &distant{n, r}, nil
}

func (n *node) flags() []string { return storedAt(n.addr) }

func storedAt(addr string) []string { return []string{"--store", "cassandra://" + addr + "/bars"} }

func (n *node) serving(*target) error { return nil }

func (n *node) pause() error { return n.cmd.Process.Signal(syscall.SIGSTOP) }

func (n *node) resume() error { return n.cmd.Process.Signal(syscall.SIGCONT) }

func (n *node) end() error { return errors.Join(n.resume(), n.stop()) }

// distant is a node that the server reaches by a relay, which stands still in its place.
type distant struct {
	*node
	relay *relay
}

func (d *distant) flags() []string { return storedAt(d.relay.addr()) }

func (d *distant) pause() error { return d.relay.pause() }

func (d *distant) resume() error { return d.relay.resume() }

func (d *distant) end() error { return errors.Join(d.resume(), d.relay.close(), d.node.end()) }
