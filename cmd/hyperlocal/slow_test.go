package main

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// slowLine passes bytes on to a server and back, each answer after a delay that may
// change.
type slowLine struct {
	address string
	delay   atomic.Int64 // ns
}

func newSlowLine(t *testing.T, to string) *slowLine {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &slowLine{address: l.Addr().String()}
	var work sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	keep := func(c net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		open = append(open, c)
	}
	work.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close() // the test sees that nothing answers
				continue
			}
			keep(in)
			keep(out)
			work.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() }) // ends with either
			work.Go(func() { s.answer(in, out); _ = in.Close() })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		work.Wait()
	})
	return s
}

func (s *slowLine) answer(in, out net.Conn) {
	b := make([]byte, 64<<10)
	for {
		n, err := out.Read(b)
		if err != nil {
			return
		}
		time.Sleep(time.Duration(s.delay.Load()))
		if _, err := in.Write(b[:n]); err != nil {
			return
		}
	}
}

// A database that answers slowly, and then too late for anybody to wait for it, is like
// one that is gone: pings and deliveries are taken meanwhile, and all of them are in the
// record when it answers again.
func TestSlowDatabase(t *testing.T) {
	t.Parallel() // most of its time is waiting
	line := newSlowLine(t, testenv.Cassandra(t))
	keyspace := "slow_" + uuid.NewString()[:8]
	url := fmt.Sprintf("cassandra://%s/%s?timeout=2s", line.address, keyspace)
	p := startServer(t, append([]string{"--store", url, "--flush-waiting", "20KB"}, witnessSettings...)...)
	w := newWitness(t, p)
	w.begin()
	w.awaitRows(t, 100)
	line.delay.Store(int64(300 * time.Millisecond))
	w.awaitRows(t, 100)

	line.delay.Store(int64(5 * time.Second))
	require.Eventually(t, func() bool { return p.metric("hyperlocal_flush_failures_total") > 0 }, time.Minute, 250*time.Millisecond)
	require.Eventually(t, func() bool { return p.metric("hyperlocal_flush_spilled_rows_total") > 0 },
		time.Minute, 250*time.Millisecond, "buckets wait in the engine, then in files")
	before := p.metric(`hyperlocal_pings_total{verdict="accepted"}`)
	require.Eventually(t, func() bool { return p.metric(`hyperlocal_pings_total{verdict="accepted"}`) > before }, 10*time.Second, 50*time.Millisecond,
		"the server serves on")

	line.delay.Store(0)
	require.Eventually(t, func() bool {
		return p.metric("hyperlocal_flush_spill_bytes") == 0 && p.metric("hyperlocal_flush_lag_seconds") == 0
	},
		2*time.Minute, 250*time.Millisecond)
	w.end()
	require.Equal(t, 0, p.interrupt(), "%s", p.out)
	w.requireWhole(t, openRecord(t, url))
}
