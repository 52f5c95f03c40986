package redis

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/rueidis"
)

// bounded gives ctx the engine's deadline unless it has one.
func (e *Engine) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, e.opts.Timeout)
}

func (e *Engine) do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	return e.send(ctx, cmd)
}

func (e *Engine) doMulti(ctx context.Context, cmds ...rueidis.Completed) []rueidis.RedisResult {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	return e.sendAll(ctx, cmds)
}

// send and sendAll are the client's Do and DoMulti, but for four things. A
// closed engine does not ask the library: if that last failed to make a
// connection, it would repeat that and next time make one. Nobody waits for a
// server that has just not answered others. A view that confirms writes waits
// for replicas. And what was not done is asked for again.
func (e *Engine) send(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	return e.sendBy(ctx, []rueidis.Completed{cmd}, func(ctx context.Context, cmds []rueidis.Completed) []rueidis.RedisResult {
		return []rueidis.RedisResult{e.client.Do(ctx, cmds[0])}
	})[0]
}

func (e *Engine) sendAll(ctx context.Context, cmds []rueidis.Completed) []rueidis.RedisResult {
	return e.sendBy(ctx, cmds, func(ctx context.Context, cmds []rueidis.Completed) []rueidis.RedisResult {
		return e.client.DoMulti(ctx, cmds...)
	})
}

// sender sends commands and returns as many replies.
type sender func(ctx context.Context, cmds []rueidis.Completed) []rueidis.RedisResult

func (e *Engine) sendBy(ctx context.Context, cmds []rueidis.Completed, by sender) []rueidis.RedisResult {
	if len(cmds) == 0 {
		return nil
	}
	if e.life.Err() != nil {
		return slices.Repeat([]rueidis.RedisResult{errClosed}, len(cmds))
	}
	if e.breaker.opened.Load() {
		return slices.Repeat([]rueidis.RedisResult{rueidis.NewErrorResult(errOpen)}, len(cmds))
	}
	if slices.ContainsFunc(cmds, e.mustConfirm) {
		by = e.confirmed
	}
	if e.cluster {
		for i := range cmds {
			cmds[i] = cmds[i].Pin() // it may be sent again after a reply
		}
	}
	replies := patiently(ctx, cmds, by)
	e.breaker.report(e.life, noAnswer(ctx, replies))
	for i := range replies {
		replies[i] = e.orClosed(replies[i])
	}
	return replies
}

var errClosed = rueidis.NewErrorResult(rueidis.ErrClosing)

// orClosed blames Close for what failed during it.
func (e *Engine) orClosed(reply rueidis.RedisResult) rueidis.RedisResult {
	if e.life.Err() != nil && reply.NonRedisError() != nil {
		return errClosed
	}
	return reply
}

// closedOr is orClosed for an error.
func (e *Engine) closedOr(err error) error {
	if e.life.Err() != nil {
		return rueidis.ErrClosing
	}
	return err
}

// The pauses before a server is asked again.
const (
	shortestPause = time.Millisecond
	longestPause  = 50 * time.Millisecond
)

// patiently asks again, until the deadline, for what was not done: because a slot
// is moving from one node to another and some of a call's keys are here and some
// there; because the slot has moved; or because another call was to make the
// connection and gave up. The rest of cmds is done meanwhile, so calls on a slot
// that moves may change places.
func patiently(ctx context.Context, cmds []rueidis.Completed, do sender) []rueidis.RedisResult {
	replies := do(ctx, cmds)
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		var which []int
		var again []rueidis.Completed
		for i := range replies {
			if slotMoves(replies[i]) || notDialed(ctx, replies[i]) {
				which, again = append(which, i), append(again, cmds[i])
			}
		}
		if len(again) == 0 || !sleep(ctx, pause) {
			return replies
		}
		for j, reply := range do(ctx, again) {
			replies[which[j]] = reply
		}
	}
}

// notDialed says that nothing was sent because the call that was making the
// connection, for others too, ran out of its own time.
func notDialed(ctx context.Context, reply rueidis.RedisResult) bool {
	return errors.Is(reply.NonRedisError(), errDialGivenUp) && ctx.Err() == nil
}

// slotMoves says that nothing was done because of where a slot is at present.
func slotMoves(reply rueidis.RedisResult) bool {
	err, ok := rueidis.IsRedisErr(reply.Error())
	if !ok {
		return false
	}
	_, moved := err.IsMoved()
	_, ask := err.IsAsk()
	return moved || ask || err.IsTryAgain()
}

// sleep returns false at once if ctx would end first.
func sleep(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
