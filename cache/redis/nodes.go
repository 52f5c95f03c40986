package redis

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/rueidis"
)

// nodes are connections to single servers of a Cluster, opened as they are
// needed. The library's own connections follow redirections and choose the
// server themselves; these are for what belongs to one server: its share of a
// scan, a subscription, a write and the WAIT behind it.
type nodes struct {
	option rueidis.ClientOption // without an address

	mu     sync.Mutex // not held while a connection is made
	open   map[string]rueidis.Client
	closed bool
}

func newNodes(option rueidis.ClientOption) *nodes {
	option.ForceSingleClient = true
	return &nodes{option: option, open: map[string]rueidis.Client{}}
}

// at returns the connection to the server at addr.
func (n *nodes) at(ctx context.Context, addr string) (rueidis.Client, error) {
	n.mu.Lock()
	client, closed := n.open[addr], n.closed
	n.mu.Unlock()
	switch {
	case closed:
		return nil, rueidis.ErrClosing
	case client != nil:
		return client, nil
	}
	// The library dials without a context.
	type dialed struct {
		client rueidis.Client
		err    error
	}
	done := make(chan dialed, 1)
	go func() {
		option := n.option
		option.InitAddress = []string{addr}
		client, err := rueidis.NewClient(option)
		if err != nil {
			if client != nil {
				client.Close()
			}
			done <- dialed{err: err}
			return
		}
		client, err = n.keep(addr, client)
		done <- dialed{client, err}
	}()
	select {
	case d := <-done:
		return d.client, d.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// keep puts a new connection beside the others, unless one to the same server
// was quicker.
func (n *nodes) keep(addr string, client rueidis.Client) (rueidis.Client, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		client.Close()
		return nil, rueidis.ErrClosing
	}
	if other := n.open[addr]; other != nil {
		client.Close()
		return other, nil
	}
	n.open[addr] = client
	return client, nil
}

// only closes the connections to all servers but these: the others have left.
func (n *nodes) only(addrs map[string]bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for addr, client := range n.open {
		if !addrs[addr] {
			client.Close()
			delete(n.open, addr)
		}
	}
}

func (n *nodes) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for _, client := range n.open {
		client.Close()
	}
	n.open = nil
}

// errNoNode says that a slot is served by nobody at present.
var errNoNode = errors.New("no node of the cluster serves the slot")
