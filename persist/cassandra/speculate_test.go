package cassandra

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
	"hyperlocal/persist"
)

// TestSlowNode: a node that takes longer than another would be asked after is waited
// for, where there is no other.
func TestSlowNode(t *testing.T) {
	t.Parallel() // most of its time is waiting
	url, node := shared(t), testenv.Cassandra(t)
	openStore(t, url) // makes the tables
	line := testenv.NewLine(t, node)
	s := openStore(t, strings.Replace(url, node, line.Addr, 1))
	line.Delay(speculation.TimeoutDelay * 3 / 2)

	row := persist.TrackRow{DriverID: "slow:" + line.Addr, Zone: "z", Fixes: 1, FirstTS: 1, LastTS: 1}
	require.NoError(t, s.WriteTracks(t.Context(), []persist.TrackRow{row}))
	rows, err := s.TrackRows(t.Context(), row.DriverID, 0, 1000)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.NoError(t, s.AppendMovements(t.Context(), []persist.Movement{{StoreID: row.DriverID, Seq: 1, ProductID: "p"}}))
}

// TestStoppedNode: of two nodes that have all rows one does not answer, and nobody knows
// that it will not. The other is asked soon.
func TestStoppedNode(t *testing.T) {
	t.Parallel() // much of its time is nodes' waiting for each other
	ring := testenv.OwnRing(t, 2)
	s := openStore(t, fmt.Sprintf("cassandra://%s/stopped?replication=2&consistency=one&timeout=30s", ring.Hosts()))
	require.True(t, s.session.nodes.several())
	write := func(i int) {
		t.Helper()
		start := time.Now()
		row := persist.TrackRow{DriverID: fmt.Sprint("driver:", i), Zone: "z", Fixes: 1}
		require.NoError(t, s.WriteTracks(t.Context(), []persist.TrackRow{row}))
		rows, err := s.TrackRows(t.Context(), row.DriverID, 0, 1000)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Less(t, time.Since(start), 10*time.Second, "no request waits for its timeout")
	}
	write(0) // prepares the statements
	require.NoError(t, ring.Nodes[1].Freeze())
	for i := range 10 {
		write(i + 1)
	}
	require.NoError(t, ring.Nodes[1].Thaw())
}

// The driver says that there is no node as soon as the second request finds none.
func TestHedged(t *testing.T) {
	one := &session{nodes: newNodes(gocql.RoundRobinHostPolicy()), timeout: 10 * time.Second}
	two := &session{nodes: newNodes(gocql.RoundRobinHostPolicy()), timeout: 10 * time.Second}
	one.nodes.up["a"] = true
	two.nodes.up["a"], two.nodes.up["b"] = true, true
	invalid := errors.New("invalid")
	for name, c := range map[string]struct {
		s    *session
		took time.Duration
		err  error  // of the first sending
		want []bool // of each sending, whether a second node was to be asked
	}{
		"one node":                        {one, time.Second, nil, []bool{false}},
		"one node is slow to fail":        {one, time.Second, gocql.ErrConnectionClosed, []bool{false}},
		"two nodes":                       {two, time.Second, nil, []bool{true}},
		"no second node was there to ask": {two, time.Second, gocql.ErrNoConnections, []bool{true, false}},
		"both refused at once":            {two, time.Millisecond, gocql.ErrNoConnections, []bool{true}},
		"both had their time":             {two, 10 * time.Second, gocql.ErrTimeoutNoResponse, []bool{true}},
		"what no node will take":          {two, time.Second, invalid, []bool{true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent []bool
				err := c.s.hedged(t.Context(), func(policy gocql.SpeculativeExecutionPolicy) error {
					sent = append(sent, policy.Attempts() > 0)
					if len(sent) > 1 {
						return nil
					}
					time.Sleep(c.took)
					return c.err
				})
				require.Equal(t, c.want, sent)
				if len(c.want) == 1 {
					require.Equal(t, c.err, err)
				} else {
					require.NoError(t, err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, two.hedged(ctx, func(policy gocql.SpeculativeExecutionPolicy) error {
			require.Positive(t, policy.Attempts(), "the caller is gone")
			<-ctx.Done()
			return gocql.ErrNoConnections
		}), gocql.ErrNoConnections)
	})
}

func TestNodesThatAreUp(t *testing.T) {
	n := newNodes(gocql.RoundRobinHostPolicy())
	host := func(id string, last byte) *gocql.HostInfo {
		h := (&gocql.HostInfo{}).SetConnectAddress([]byte{127, 0, 0, last})
		h.SetHostID(id)
		return h
	}
	a, b := host("a", 1), host("b", 2)
	n.AddHost(a)
	n.HostUp(a)
	require.False(t, n.several())
	n.AddHost(b)
	require.True(t, n.several())
	n.HostDown(b)
	require.False(t, n.several())
	n.HostUp(b)
	require.True(t, n.several())
	n.RemoveHost(a)
	require.False(t, n.several())

	n = newNodes(gocql.DCAwareRoundRobinPolicy("here"))
	n.AddHost(a)
	n.AddHost(b)
	require.False(t, n.several(), "nobody is asked far away because the nearest is slow")
}
