package main

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
	"hyperlocal/persist"
)

// A ring of three nodes with three copies loses one of them, by kill -9, and gets
// it back, while pings and deliveries go on and are written. Nothing is lost or
// twice there, also when another node is gone in its place.
func TestNodeOfARingKilled(t *testing.T) {
	t.Parallel() // much of its time is nodes' waiting for each other
	ring := testenv.OwnRing(t, 3)
	url := fmt.Sprintf("cassandra://%s/proof?replication=3&timeout=15s", ring.Hosts())
	p := startServer(t, append([]string{"--store", url}, witnessSettings...)...)
	w := newWitness(t, p)
	w.begin()
	w.awaitRows(t, 300)
	ring.Nodes[1].Kill()
	w.awaitRows(t, 600) // two of three copies are enough
	ring.Start(t, ring.Nodes[1])
	w.awaitRows(t, 300)
	w.end()
	require.Equal(t, 0, p.interrupt(), "%s", p.out)
	w.requireWhole(t, openRecord(t, url))

	ring.Nodes[2].Kill()
	w.requireWhole(t, openRecord(t, url))
}

// The only node is killed in the middle of a flush and started again. The server
// serves on meanwhile.
func TestOnlyNodeKilled(t *testing.T) {
	t.Parallel()
	ring := testenv.OwnRing(t, 1)
	const keyspace = "/proof?timeout=15s"
	line := testenv.NewLine(t, ring.Hosts())
	p := startServer(t, append([]string{"--store", "cassandra://" + line.Addr + keyspace, "--flush-waiting", "20KB"}, witnessSettings...)...)
	w := newWitness(t, p)
	w.begin()
	w.awaitRows(t, 300)
	line.Delay(time.Minute)
	select {
	case <-line.Await(regexp.MustCompile(`driver:\d`)): // and its answer is on its way, if there is one yet
	case <-time.After(time.Minute):
		t.Fatal("nothing was flushed")
	}
	ring.Nodes[0].Kill()
	line.Delay(0)
	eventually(t, func() bool { return p.metric("hyperlocal_flush_spilled_rows_total") > 0 },
		time.Minute, 250*time.Millisecond, "buckets wait in the engine, then in files")
	ring.Start(t, ring.Nodes[0])
	w.awaitRows(t, 600)
	w.end()
	eventually(t, func() bool { return p.metric("hyperlocal_flush_spill_bytes") == 0 }, time.Minute, 250*time.Millisecond)
	require.Equal(t, 0, p.interrupt(), "%s", p.out)
	w.requireWhole(t, openRecord(t, "cassandra://"+ring.Hosts()+keyspace))
}

// openRecord opens a server's database beside it, until the test ends.
func openRecord(t *testing.T, url string) persist.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	db, err := openStore(ctx, config{Store: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}
