package main

import (
	"net"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gate stands between the server and a service and can let a request pass but
// not its answer, or stop at a request: a test then kills the server between two
// steps that lie microseconds apart.
type gate struct {
	addr string // of the gate
	to   string // of the service
	// at is the request that stops everything that goes to the service, itself
	// included; nil for none. shut is closed then.
	at   *regexp.Regexp
	shut chan struct{}

	once sync.Once
	mu   sync.Mutex
	late time.Duration // what answers wait
	done chan struct{} // closed when the test ends
}

func newGate(t *testing.T, to string, at *regexp.Regexp) *gate {
	t.Helper()
	g := &gate{to: to, at: at, shut: make(chan struct{}), done: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g.addr = l.Addr().String()
	var open sync.WaitGroup
	open.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			open.Go(func() { g.requests(in, out) })
			open.Go(func() { g.answers(out, in) })
			open.Go(func() { // Close unblocks both
				<-g.done
				in.Close()
				out.Close()
			})
		}
	})
	t.Cleanup(func() {
		close(g.done)
		require.NoError(t, l.Close())
		open.Wait()
	})
	return g
}

// delay has answers wait from now on.
func (g *gate) delay(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late = d
}

// requests passes on what the server says until the request to stop at.
func (g *gate) requests(from, to net.Conn) {
	buf := make([]byte, 1<<20)
	for {
		n, err := from.Read(buf)
		if err == nil && g.at != nil && g.at.Match(buf[:n]) {
			g.once.Do(func() { close(g.shut) })
		}
		select {
		case <-g.shut:
			return
		default:
		}
		if err == nil {
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

// answers passes on what the service says, each piece in its time: a delay makes
// the service further away, not slower with every answer. A connection that the
// server has left takes no more.
func (g *gate) answers(from, to net.Conn) {
	type piece struct {
		data []byte
		due  time.Time
		err  error
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			buf := make([]byte, 64<<10)
			n, err := from.Read(buf)
			g.mu.Lock()
			due := time.Now().Add(g.late)
			g.mu.Unlock()
			select {
			case pieces <- piece{buf[:n], due, err}:
			case <-g.done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		if wait := time.Until(p.due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-g.done:
			}
		}
		_, err := to.Write(p.data)
		if err != nil || p.err != nil {
			to.Close()
			from.Close() // ends the reading, too
			for range pieces {
			}
			return
		}
	}
}
