//go:build unix

package testenv

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ClusterSet is a Cluster of the test's own: primaries, and as many replicas, the
// replica of Nodes[i] being Nodes[i+3].
type ClusterSet struct {
	Nodes []*Server

	timeout string
}

const (
	clusterPrimaries = 3
	clusterSlots     = 16384
)

// OwnCluster starts three primaries with a replica each, which get further
// arguments. A node is given up after down.
func OwnCluster(t testing.TB, down time.Duration, args ...string) *ClusterSet {
	t.Helper()
	Redis(t) // skips or fails where there are no services
	c := &ClusterSet{timeout: strconv.FormatInt(down.Milliseconds(), 10)}
	for range 2 * clusterPrimaries {
		c.start(t, args...)
	}
	ids := make([]string, clusterPrimaries)
	for i := range ids {
		ids[i] = c.Nodes[i].must(t, "CLUSTER", "MYID")
		c.Nodes[i].must(t, "CLUSTER", "ADDSLOTSRANGE",
			strconv.Itoa(clusterSlots*i/clusterPrimaries), strconv.Itoa(clusterSlots*(i+1)/clusterPrimaries-1))
		c.Nodes[i].must(t, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	c.meet(t, c.Nodes[1:]...)
	for i, id := range ids {
		c.Nodes[clusterPrimaries+i].must(t, "CLUSTER", "REPLICATE", id)
	}
	until(t, "three replicas that follow in a cluster that serves", func() bool {
		return c.serves(c.Nodes) && following(c.Nodes) == clusterPrimaries
	})
	return c
}

// start runs a node that is in no cluster yet. Its bus is on a port of its own:
// the usual one, 10,000 higher, need not exist.
func (c *ClusterSet) start(t testing.TB, args ...string) *Server {
	t.Helper()
	n := startServer(t, append([]string{
		"--cluster-enabled", "yes", "--cluster-node-timeout", c.timeout, "--cluster-config-file", "nodes.conf",
		"--cluster-port", strconv.Itoa(freeAddr(t).Port),
	}, args...)...)
	c.Nodes = append(c.Nodes, n)
	return n
}

// meet makes nodes known to all others, and waits for that.
func (c *ClusterSet) meet(t testing.TB, nodes ...*Server) {
	t.Helper()
	for _, n := range nodes {
		host, port, _ := strings.Cut(n.Addr, ":")
		bus := strings.Fields(n.must(t, "CONFIG", "GET", "cluster-port"))
		c.Nodes[0].must(t, "CLUSTER", "MEET", host, port, bus[len(bus)-1])
	}
	ids := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		ids[i] = n.must(t, "CLUSTER", "MYID")
	}
	until(t, "a cluster whose nodes all know each other", func() bool {
		for _, n := range c.Nodes {
			known, _ := n.Ask("CLUSTER", "NODES")
			for _, id := range ids {
				if !strings.Contains(known, id) {
					return false
				}
			}
		}
		return true
	})
}

// serves tells whether nodes see all slots served.
func (c *ClusterSet) serves(nodes []*Server) bool {
	for _, n := range nodes {
		if info, _ := n.Ask("CLUSTER", "INFO"); !strings.Contains(info, "cluster_state:ok") ||
			!strings.Contains(info, "cluster_slots_ok:"+strconv.Itoa(clusterSlots)) {
			return false
		}
	}
	return true
}

// URL names the cluster to cache/redis.
func (c *ClusterSet) URL() string {
	addrs := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		addrs[i] = n.Addr
	}
	return "redis-cluster://" + strings.Join(addrs, ",")
}

// PrimaryOf returns the primary that serves a key's slot in a cluster as it was
// started, and its replica.
func (c *ClusterSet) PrimaryOf(t testing.TB, key string) (primary, replica *Server) {
	t.Helper()
	slot, err := strconv.Atoi(c.Nodes[0].must(t, "CLUSTER", "KEYSLOT", key))
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for slot >= clusterSlots*(i+1)/clusterPrimaries {
		i++
	}
	return c.Nodes[i], c.Nodes[clusterPrimaries+i]
}

// TookOver tells whether a replica serves its late primary's slots, and the
// other nodes know.
func (c *ClusterSet) TookOver(replica, late *Server) bool {
	var left []*Server
	for _, n := range c.Nodes {
		if n != late {
			left = append(left, n)
		}
	}
	return isPrimary(replica) && c.serves(left)
}

// AddPrimary starts a further node and moves a share of all slots to it, as
// redis-cli does it for an operator. It returns when the slots have moved.
func (c *ClusterSet) AddPrimary(t testing.TB, share int) *Server {
	t.Helper()
	n := c.start(t)
	c.meet(t, n)
	joined := func() bool { return c.serves(c.Nodes) }
	until(t, "a new node that takes writes, which it does some seconds late", joined)
	out, err := exec.Command("redis-cli", "--cluster", "reshard", c.Nodes[0].Addr, "--cluster-from", "all",
		"--cluster-to", n.must(t, "CLUSTER", "MYID"), "--cluster-slots", strconv.Itoa(share), "--cluster-yes").CombinedOutput()
	if err != nil {
		t.Fatalf("reshard: %v\n%s", err, out[max(0, len(out)-1000):])
	}
	until(t, "a cluster that serves", joined)
	return n
}
