package cassandra

import (
	"context"
	"sync"
	"time"

	"github.com/gocql/gocql"
)

// speculation asks a second node when the first has not answered for a while, and takes
// the answer that comes first.
var speculation = &gocql.SimpleSpeculativeExecution{NumAttempts: 1, TimeoutDelay: 500 * time.Millisecond}

// session is the driver's, with what speculation has to know.
type session struct {
	*gocql.Session
	nodes   *nodes
	timeout time.Duration // of a request to a node
}

// hedged has send send a request, which may be executed twice, under the policy it is
// given: to a second node as well, if there is one and the first takes long.
//
// The driver gives up the first request as soon as the second fails, and that it does at
// once if no node is left to ask. So a failure that may be the second's alone is not
// the last word: the request is sent once more, and its answer waited for.
func (s *session) hedged(ctx context.Context, send func(gocql.SpeculativeExecutionPolicy) error) error {
	if s.nodes.several() {
		began := time.Now()
		err := send(speculation)
		took := time.Since(began)
		early := took >= speculation.TimeoutDelay && took < s.timeout
		if err == nil || !outage(err) || !early || ctx.Err() != nil {
			return err
		}
	}
	return send(gocql.NonSpeculativeExecution{})
}

// nodes is a policy that chooses nodes, and knows which of the near ones are up.
type nodes struct {
	gocql.HostSelectionPolicy

	mu sync.Mutex
	up map[string]bool // by HostID
}

func newNodes(policy gocql.HostSelectionPolicy) *nodes {
	return &nodes{HostSelectionPolicy: policy, up: map[string]bool{}}
}

// several is true if there is a second node to ask.
func (n *nodes) several() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.up) > 1
}

// AddHost, HostUp, RemoveHost and HostDown are called by the driver.
func (n *nodes) AddHost(host *gocql.HostInfo) {
	n.note(host, true)
	n.HostSelectionPolicy.AddHost(host)
}

func (n *nodes) HostUp(host *gocql.HostInfo) {
	n.note(host, true)
	n.HostSelectionPolicy.HostUp(host)
}

func (n *nodes) RemoveHost(host *gocql.HostInfo) {
	n.note(host, false)
	n.HostSelectionPolicy.RemoveHost(host)
}

func (n *nodes) HostDown(host *gocql.HostInfo) {
	n.note(host, false)
	n.HostSelectionPolicy.HostDown(host)
}

func (n *nodes) note(host *gocql.HostInfo, up bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if up && n.IsLocal(host) {
		n.up[host.HostID()] = true
	} else {
		delete(n.up, host.HostID())
	}
}
