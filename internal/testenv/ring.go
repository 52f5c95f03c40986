//go:build unix

package testenv

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Ring is a Cassandra cluster of the test's own, on 127.0.0.1, 127.0.0.2 and so
// on, one native port on all of them.
type Ring struct {
	Nodes []*RingNode
}

// RingNode is a node of a Ring, to be killed.
type RingNode struct {
	Address string

	script string
	args   []string
	env    []string
	log    string // file
	read   int64  // so much of it is of earlier runs
	cmd    *exec.Cmd
}

const (
	ringHeap = "512M"
	// ringPatience is how long nodes may take to start, beside others that do
	// and under the race detector's load.
	ringPatience = 3 * time.Minute
)

// OwnRing starts so many nodes, and returns when each takes requests and knows
// all others. They end with the test.
func OwnRing(t testing.TB, nodes int) *Ring {
	t.Helper()
	return OwnRingWith(t, nodes, "")
}

// OwnRingWith is OwnRing with further settings, as lines of cassandra.yaml.
func OwnRingWith(t testing.TB, nodes int, yaml string) *Ring {
	t.Helper()
	return ownRing(t, nodes, yaml, ringHeap)
}

// OwnNode starts a node to be measured: compiled as well as Java can, once it is
// warm, and with the heap of a small server. It ends with the test.
func OwnNode(t testing.TB) *RingNode {
	t.Helper()
	return ownRing(t, 1, "", "1G", "JAVA_MORE=-XX:TieredStopAtLevel=4").Nodes[0]
}

func ownRing(t testing.TB, nodes int, yaml, heap string, env ...string) *Ring {
	t.Helper()
	lib, java := need(t, "HYPERLOCAL_TEST_CASSANDRA_LIB"), need(t, "HYPERLOCAL_TEST_JAVA")
	oneAtATime(t)
	r := &Ring{}
	var seeds []string
	native, storage := portOfAll(t, nodes), portOfAll(t, nodes)
	for i := range nodes {
		seeds = append(seeds, fmt.Sprintf("%s:%d", loopback(i), storage))
	}
	dir := t.TempDir()
	more := filepath.Join(dir, "more.yaml")
	if err := os.WriteFile(more, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range nodes {
		n := &RingNode{
			env:     append([]string{"MORE_YAML=" + more}, env...),
			Address: fmt.Sprintf("%s:%d", loopback(i), native),
			script:  filepath.Join(sourceDir(), "..", "..", "scripts", "cassandra", "start.sh"),
			log:     filepath.Join(dir, strconv.Itoa(i)+".log"),
		}
		n.args = []string{
			lib, filepath.Join(dir, strconv.Itoa(i)), loopback(i), strconv.Itoa(native), strconv.Itoa(storage),
			strconv.Itoa(freeAddr(t).Port), heap, strings.Join(seeds, ","),
		}
		n.run(t, java)
		t.Cleanup(n.Kill)
		r.Nodes = append(r.Nodes, n)
	}
	for _, n := range r.Nodes {
		r.await(t, n)
	}
	return r
}

// oneAtATime waits until no other test has a ring, in this process or another: each
// node takes the memory and the time of a whole service. It holds until the test ends.
func oneAtATime(t testing.TB) {
	t.Helper()
	name := filepath.Join(os.TempDir(), fmt.Sprintf("hyperlocal-test-ring-%d.lock", os.Getuid()))
	lock, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() }) // gives it back
	for start := time.Now(); ; {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
		if err == nil {
			t.Logf("waited %v for other tests' rings", time.Since(start).Round(time.Second))
			return
		}
		if !errors.Is(err, syscall.EINTR) {
			t.Fatal(err)
		}
	}
}

// Start runs a killed node again, on what it has on disk, and returns when it
// takes requests and all other nodes that run see it.
func (r *Ring) Start(t testing.TB, n *RingNode) {
	t.Helper()
	n.run(t, need(t, "HYPERLOCAL_TEST_JAVA"))
	r.await(t, n)
}

// Hosts names the nodes as in a URL of persist/cassandra.
func (r *Ring) Hosts() string {
	var all []string
	for _, n := range r.Nodes {
		all = append(all, n.Address)
	}
	return strings.Join(all, ",")
}

// await returns when a node that was just started takes requests and has seen
// all others.
func (r *Ring) await(t testing.TB, n *RingNode) {
	t.Helper()
	want := []string{"Starting listening for CQL clients"}
	for _, other := range r.Nodes {
		if other != n {
			host, _, _ := net.SplitHostPort(other.Address) // ours
			want = append(want, fmt.Sprintf("InetAddress /%s:%s is now UP", host, n.args[4]))
		}
	}
	for deadline := time.Now().Add(ringPatience); ; time.Sleep(50 * time.Millisecond) {
		log := n.output()
		missing := ""
		for _, line := range want {
			if !strings.Contains(log, line) {
				missing = line
			}
		}
		if missing == "" {
			waitFor(t, n.Address) // it says so a moment before it does
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("node %s did not say %q within %v:\n%s", n.Address, missing, ringPatience, log[max(0, len(log)-4000):])
		}
	}
}

// run starts the process. What it prints goes behind what earlier runs printed.
func (n *RingNode) run(t testing.TB, java string) {
	t.Helper()
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the process has it open for itself
	if info, err := log.Stat(); err == nil {
		n.read = info.Size()
	}
	n.cmd = exec.Command(n.script, n.args...)
	n.cmd.Env = append(append(os.Environ(), "JAVA="+java), n.env...)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// output is what this run of the node printed.
func (n *RingNode) output() string {
	data, err := os.ReadFile(n.log)
	if err != nil || int64(len(data)) < n.read {
		return ""
	}
	return string(data[n.read:])
}

// PID is the node's process, which is Java itself.
func (n *RingNode) PID() int { return n.cmd.Process.Pid }

// Kill is what a crash does: SIGKILL.
func (n *RingNode) Kill() {
	_ = n.cmd.Process.Kill() // by its handle: nothing else is meant
	_ = n.cmd.Wait()
}

// Freeze stops the node without breaking a connection, and Thaw lets it go on.
func (n *RingNode) Freeze() error { return n.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (n *RingNode) Thaw() error { return n.cmd.Process.Signal(syscall.SIGCONT) }

func loopback(i int) string { return fmt.Sprintf("127.0.0.%d", i+1) }

// portOfAll returns a port that is free on the first n loopback addresses.
func portOfAll(t testing.TB, n int) int {
	t.Helper()
	for range 100 {
		port := freeAddr(t).Port
		free := true
		for i := range n {
			l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", loopback(i), port))
			if err != nil {
				free = false
				continue
			}
			free = l.Close() == nil && free
		}
		if free {
			return port
		}
	}
	t.Fatal("no port is free on all loopback addresses")
	return 0
}

// sourceDir is the folder of this file.
func sourceDir() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}
