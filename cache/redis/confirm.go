package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// errUnconfirmed says that a write was done, but that not enough replicas are
// known to have it: a crash of the primary may take it back.
var errUnconfirmed = errors.New("not confirmed by enough replicas")

// mustConfirm tells whether a command is a write that replicas have to have.
func (e *Engine) mustConfirm(cmd rueidis.Completed) bool {
	return e.replicas > 0 && cmd.IsWrite() && !cmd.IsBlock()
}

// confirmed sends commands with a WAIT behind them on the same connection, on
// which nobody else waits meanwhile. WAIT covers everything that the primary did
// up to the last of them, so a repeated call that finds its work done is
// confirmed as well.
func (e *Engine) confirmed(ctx context.Context, cmds []rueidis.Completed) []rueidis.RedisResult {
	if !e.cluster {
		return e.withWait(ctx, e.client, cmds)
	}
	return e.confirmedByNode(ctx, cmds)
}

// withWait asks one server.
func (e *Engine) withWait(ctx context.Context, client rueidis.Client, cmds []rueidis.Completed) []rueidis.RedisResult {
	wait := client.B().Wait().Numreplicas(int64(e.replicas)).Timeout(e.waitMillis(ctx)).Build()
	replies := client.DoMulti(ctx, append(slices.Clip(cmds), wait)...)
	last := len(cmds)
	n, err := replies[last].ToInt64()
	replies = replies[:last]
	for i := range replies {
		_, refused := rueidis.IsRedisErr(replies[i].Error())
		switch {
		case refused: // there is nothing to confirm
		case replies[i].NonRedisError() != nil:
			// It may have been done or not.
		case err != nil:
			replies[i] = rueidis.NewErrorResult(fmt.Errorf("%w: %w", errUnconfirmed, err))
		case n < int64(e.replicas):
			replies[i] = rueidis.NewErrorResult(fmt.Errorf("%w: %d instead of %d", errUnconfirmed, n, e.replicas))
		}
	}
	return replies
}

// waitMillis leaves a tenth of the time that is left for the answer to arrive.
// Zero would be for ever.
func (e *Engine) waitMillis(ctx context.Context) int64 {
	left := e.opts.Timeout
	if end, ok := ctx.Deadline(); ok {
		left = time.Until(end)
	}
	return max(1, (left - left/10).Milliseconds())
}

// confirmedByNode sends each command to the server of its slot, each server's
// with one WAIT. The library would follow a redirection with the command alone,
// and WAIT at the wrong server.
func (e *Engine) confirmedByNode(ctx context.Context, cmds []rueidis.Completed) []rueidis.RedisResult {
	replies := make([]rueidis.RedisResult, len(cmds))
	s, err := e.shape(ctx, nil)
	if err != nil {
		for i := range replies {
			replies[i] = rueidis.NewErrorResult(err)
		}
		return replies
	}
	byNode := map[string][]int{}
	for i := range cmds {
		addr, err := s.primary(int(cmds[i].Slot()))
		if err != nil {
			e.known.CompareAndSwap(s, nil)
			replies[i] = rueidis.NewErrorResult(err)
			continue
		}
		byNode[addr] = append(byNode[addr], i)
	}
	var all sync.WaitGroup
	for addr, which := range byNode {
		all.Go(func() { e.confirmedAt(ctx, s, addr, cmds, which, replies) })
	}
	all.Wait()
	return replies
}

// confirmedAt sends those of cmds that are named by which to one server.
func (e *Engine) confirmedAt(ctx context.Context, s *shape, addr string, cmds []rueidis.Completed, which []int, replies []rueidis.RedisResult) {
	part := make([]rueidis.Completed, len(which))
	for j, i := range which {
		part[j] = cmds[i]
	}
	for j, reply := range e.confirmedBy(ctx, addr, part) {
		if err, ok := rueidis.IsRedisErr(reply.Error()); ok {
			if to, ask := err.IsAsk(); ask {
				asking := e.client.B().Arbitrary("ASKING").Build()
				reply = e.confirmedBy(ctx, to, []rueidis.Completed{asking, part[j]})[1]
			}
		}
		if reply.NonRedisError() != nil || slotMoves(reply) {
			e.known.CompareAndSwap(s, nil) // it may be another's turn
		}
		replies[which[j]] = reply
	}
}

func (e *Engine) confirmedBy(ctx context.Context, addr string, cmds []rueidis.Completed) []rueidis.RedisResult {
	client, err := e.nodes.at(ctx, addr)
	if err != nil {
		return slices.Repeat([]rueidis.RedisResult{rueidis.NewErrorResult(e.closedOr(err))}, len(cmds))
	}
	return e.withWait(ctx, client, cmds)
}
