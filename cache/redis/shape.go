package redis

import (
	"context"
	"errors"
	"hash/fnv"
	"iter"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// shape is which primary of a Cluster serves which slots, as a node told it at
// some moment. It does not change.
type shape struct {
	primaries []string    // addresses, in the order of their lowest slots
	owner     [slots]int8 // index in primaries, or noOwner
	sum       uint32      // differs, very likely, between different shapes
}

const (
	noOwner = -1
	// maxPrimaries bounds what is taken from a reply.
	maxPrimaries = 127
)

// primary is the address of the server that serves a slot.
func (s *shape) primary(slot int) (string, error) {
	if slot < slots && s.owner[slot] != noOwner {
		return s.primaries[s.owner[slot]], nil
	}
	return "", errNoNode
}

// hedge is how long a node may think before the next one is asked as well.
const hedge = 50 * time.Millisecond

// shapeNow asks the cluster's nodes, in no order, until one answers.
func (e *Engine) shapeNow(ctx context.Context) (*shape, error) {
	known := e.client.Nodes()
	type answer struct {
		shape *shape
		err   error
	}
	answers := make(chan answer, len(known))
	ask := func(addr string, node rueidis.Client) {
		// Not under ctx: whoever lost the race is not to break a connection.
		ctx, cancel := context.WithTimeout(e.life, e.opts.Timeout)
		defer cancel()
		s, members, err := parseShape(node.Do(ctx, node.B().ClusterSlots().Build()), addr)
		if err == nil {
			e.nodes.only(members)
		}
		answers <- answer{s, err}
	}
	next, stop := iter.Pull2(maps.All(known))
	defer stop()
	patience := time.NewTimer(0) // at once for the first
	defer patience.Stop()
	err := error(errNoNode)
	for asked, answered := 0, 0; asked < len(known) || answered < asked; {
		select {
		case <-patience.C:
			if addr, node, more := next(); more {
				asked++
				go ask(addr, node)
				patience.Reset(hedge)
			}
		case a := <-answers:
			if a.err == nil {
				return a.shape, nil
			}
			answered, err = answered+1, a.err
			patience.Reset(0)
		case <-ctx.Done():
			return nil, e.closedOr(ctx.Err())
		}
	}
	return nil, e.closedOr(err)
}

// shape returns the cluster's shape as it was last known. One that has proved
// wrong is replaced by what the cluster says now.
func (e *Engine) shape(ctx context.Context, wrong *shape) (*shape, error) {
	if s := e.known.Load(); s != nil && s != wrong {
		return s, nil
	}
	s, err := e.shapeNow(ctx)
	if err == nil {
		e.known.Store(s)
	}
	return s, err
}

// parseShape reads the reply of CLUSTER SLOTS from the node at from: a list of
// [first slot, last slot, [host, port, …] of the primary, of its replicas…]. It
// also returns the addresses of all nodes.
func parseShape(reply rueidis.RedisResult, from string) (*shape, map[string]bool, error) {
	ranges, err := reply.ToArray()
	if err != nil {
		return nil, nil, err
	}
	type served struct {
		from, to int64
		by       string
	}
	all, members := make([]served, 0, len(ranges)), map[string]bool{}
	for _, r := range ranges {
		fields, err := r.ToArray()
		if err != nil || len(fields) < 3 {
			return nil, nil, errors.Join(errReply, err)
		}
		s := served{}
		if s.from, err = fields[0].ToInt64(); err == nil {
			s.to, err = fields[1].ToInt64()
		}
		if err != nil || s.from < 0 || s.to >= slots {
			return nil, nil, errors.Join(errReply, err)
		}
		for i, node := range fields[2:] {
			addr, err := nodeAddr(node, from)
			if err != nil {
				return nil, nil, err
			}
			if members[addr] = true; i == 0 {
				s.by = addr
			}
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b served) int { return int(a.from - b.from) })

	s := &shape{}
	for i := range s.owner {
		s.owner[i] = noOwner
	}
	sum := fnv.New32a()
	for _, r := range all {
		i := slices.Index(s.primaries, r.by)
		if i < 0 {
			if i = len(s.primaries); i == maxPrimaries {
				return nil, nil, errReply
			}
			s.primaries = append(s.primaries, r.by)
		}
		for slot := r.from; slot <= r.to; slot++ {
			s.owner[slot] = int8(i)
		}
		_, _ = sum.Write(strconv.AppendInt([]byte(r.by), r.from<<16|r.to, 10)) // a hash takes everything
	}
	s.sum = sum.Sum32()
	if len(s.primaries) == 0 {
		return nil, nil, errNoNode
	}
	return s, members, nil
}

// nodeAddr reads [host, port, …]. An empty host is the one that was asked.
func nodeAddr(m rueidis.RedisMessage, from string) (string, error) {
	fields, err := m.ToArray()
	if err != nil || len(fields) < 2 {
		return "", errors.Join(errReply, err)
	}
	host, err := fields[0].ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		return "", err
	}
	if host == "" {
		host, _, _ = net.SplitHostPort(from)
	}
	port, err := fields[1].ToInt64()
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.FormatInt(port, 10)), nil
}

// primaries returns a connection to each server that has keys of its own: the
// one there is, or a Cluster's primaries as it names them now, with the sum of
// its shape.
func (e *Engine) primaries(ctx context.Context) ([]rueidis.Client, uint32, error) {
	if e.life.Err() != nil {
		return nil, 0, rueidis.ErrClosing
	}
	if !e.cluster {
		return []rueidis.Client{e.client}, 0, nil
	}
	s, err := e.shapeNow(ctx)
	if err != nil {
		return nil, 0, err
	}
	clients := make([]rueidis.Client, len(s.primaries))
	for i, addr := range s.primaries {
		if clients[i], err = e.nodes.at(ctx, addr); err != nil {
			return nil, 0, e.closedOr(err)
		}
	}
	return clients, s.sum, nil
}
