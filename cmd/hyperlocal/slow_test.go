package main

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// A database that answers slowly, and then too late for anybody to wait for it, is like
// one that is gone: pings and deliveries are taken meanwhile, and all of them are in the
// record when it answers again.
func TestSlowDatabase(t *testing.T) {
	t.Parallel() // most of its time is waiting
	node := testenv.Cassandra(t)
	line := testenv.NewLine(t, node)
	keyspace := "/slow_" + uuid.NewString()[:8]
	db := openRecord(t, "cassandra://"+node+keyspace+"?timeout=1m") // makes the tables
	p := startServer(t, append([]string{"--store", "cassandra://" + line.Addr + keyspace, "--flush-waiting", "20KB"}, witnessSettings...)...)
	w := newWitness(t, p)
	w.begin()
	w.awaitRows(t, 100)
	failures := p.metric("hyperlocal_flush_failures_total")
	line.Delay(time.Second)
	w.awaitRows(t, 100)
	require.Equal(t, failures, p.metric("hyperlocal_flush_failures_total"), "slow is not gone")

	line.Delay(30 * time.Second)
	eventually(t, func() bool { return p.metric("hyperlocal_flush_failures_total") > 0 }, time.Minute, 250*time.Millisecond)
	eventually(t, func() bool { return p.metric("hyperlocal_flush_spilled_rows_total") > 0 },
		time.Minute, 250*time.Millisecond, "buckets wait in the engine, then in files")
	before := p.metric(`hyperlocal_pings_total{verdict="accepted"}`)
	eventually(t, func() bool { return p.metric(`hyperlocal_pings_total{verdict="accepted"}`) > before }, 10*time.Second, 50*time.Millisecond,
		"the server serves on")

	line.Delay(0)
	w.awaitRows(t, 100)
	w.end() // a busy machine may not write more than comes in
	eventually(t, func() bool {
		return p.metric("hyperlocal_flush_spill_bytes") == 0 && p.metric("hyperlocal_flush_lag_seconds") == 0
	}, 2*time.Minute, 250*time.Millisecond)
	require.Equal(t, 0, p.interrupt(), "%s", p.out)
	w.requireWhole(t, db)
}
