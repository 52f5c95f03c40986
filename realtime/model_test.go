package realtime

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hyperlocal/cache"
)

// The model of one followed order: whatever is lost, doubled or reordered on
// the way, a follower gets n+1, n+2, … once each, n being what it saw last, or
// is told that the history is gone and goes on from the present.

const modelOrder = "O1"

// modelStep is one thing that happens.
type modelStep struct {
	op       string
	follower int
	n        int64
}

var modelOps = []string{
	"publish", "publish", "publish", // more often than the others
	"drop", "lost", "double", "reorder", "garbage", "forget", "cut", "break", "mend", "wait", "join", "join meanwhile", "leave", "read",
}

func drawSteps(t *rapid.T) []modelStep {
	step := rapid.Custom(func(t *rapid.T) modelStep {
		return modelStep{
			op:       rapid.SampledFrom(modelOps).Draw(t, "op"),
			follower: rapid.IntRange(0, 2).Draw(t, "follower"),
			n:        rapid.Int64Range(0, 3).Draw(t, "n"),
		}
	})
	return rapid.SliceOfN(step, 1, 60).Draw(t, "steps")
}

// modelFollower checks what it gets.
type modelFollower struct {
	fan   *fan
	seen  int64 // number of the last event; since it comes back
	known bool  // it has been told where it stands
	trims *bool // whether events were forgotten or lost
}

// take checks all that waits. It runs in a bubble, so it reports by an error.
func (f *modelFollower) take(t *testing.T) error {
	if f.fan == nil {
		return nil
	}
	for _, fr := range f.fan.frames() {
		if fr == nil {
			return fmt.Errorf("the follower was closed")
		}
		m := decodeMessage(t, fr.body)
		if m.Type == typeError { // the source was down when it joined
			f.leave()
			return nil
		}
		id, err := strconv.ParseInt(m.ID, 10, 64)
		switch {
		case m.Type == typePosition:
			continue
		case err != nil:
			return err
		case m.Type == typeHistoryGone && !*f.trims:
			return fmt.Errorf("history is said to be gone after %d", f.seen)
		case m.Type == typeHistoryGone, !f.known && m.Type == typeSubscribed:
			f.seen, f.known = id, true
		case m.Type == typeSubscribed && id != f.seen:
			return fmt.Errorf("acknowledged from %d, asked for %d", id, f.seen)
		case m.Type == typeStatus && id != f.seen+1:
			return fmt.Errorf("got event %d after %d", id, f.seen)
		case m.Type == typeStatus:
			f.seen = id
		}
	}
	return nil
}

// join follows the order from what was seen last. meanwhile is called after
// each read of events.
func (f *modelFollower) join(t *testing.T, r *rig, meanwhile func()) {
	if f.fan != nil {
		return
	}
	f.fan = r.newFan(t)
	f.fan.ctx = context.WithValue(context.Background(), duringRead{}, meanwhile)
	if f.known {
		f.fan.send(`{"subscribe":["order:%s"],"since":{"order:%s":"%d"}}`, modelOrder, modelOrder, f.seen)
	} else {
		f.fan.send(`{"subscribe":["order:%s"]}`, modelOrder)
	}
}

func (f *modelFollower) leave() {
	if f.fan != nil {
		f.fan.cl.hub.detach(f.fan.cl)
		f.fan = nil
	}
}

func TestFollowersGetEveryStatusOnceInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := drawSteps(rt)
		var failure error
		bubble(t, Options{}, func(t *testing.T, r *rig) { failure = playModel(t, r, steps) })
		if failure != nil {
			rt.Fatal(failure)
		}
	})
}

func playModel(t *testing.T, r *rig, steps []modelStep) error {
	channel := orderChannel + "{" + modelOrder + "}"
	send := func(payloads ...string) {
		for _, p := range payloads {
			_, _ = r.pubsub.Publish(context.Background(), channel, p)
		}
	}
	length := func() int64 { return int64(len(r.orders.events[modelOrder])) }
	add := func() string { _, p := r.orders.add(modelOrder, "accepted", "d1"); return p }
	add()
	var trims bool
	followers := []*modelFollower{{trims: &trims}, {trims: &trims}, {trims: &trims}}

	for i, s := range steps {
		f := followers[s.follower]
		switch s.op {
		case "publish":
			send(add())
		case "drop":
			add()
		case "lost":
			add()
			r.pubsub.lose()
		case "double":
			p := add()
			send(p, p)
		case "reorder":
			a, b := add(), add()
			send(b, a)
		case "garbage":
			r.pubsub.c <- cache.Message{Channel: channel, Payload: `{"seq":-1}`}
		case "forget":
			trims = true
			r.orders.forget(modelOrder, max(0, length()-s.n))
		case "cut": // a failover lost what was acknowledged
			trims = true
			if synctest.Wait(); length() > s.n+1 {
				r.orders.cut(modelOrder, length()-s.n)
				r.pubsub.lose()
				// A number may mean another event from here on, so nobody
				// can be held to having seen the old one.
				synctest.Wait()
			}
		case "break":
			r.orders.fail(errDown)
		case "mend":
			r.orders.fail(nil)
		case "wait":
			time.Sleep(time.Duration(s.n) * 10 * time.Second)
		case "join":
			f.join(t, r, func() {})
		case "join meanwhile": // events happen while the follower reads
			left := s.n
			f.join(t, r, func() {
				if left > 0 {
					left--
					send(add())
					synctest.Wait()
				}
			})
		case "leave":
			f.leave()
		case "read":
			synctest.Wait()
			if err := f.take(t); err != nil {
				return fmt.Errorf("step %d, follower %d: %w", i, s.follower, err)
			}
		}
	}
	r.orders.fail(nil)
	time.Sleep(2 * r.hub.opts.Recheck) // whatever nobody noticed is noticed by then
	for i, f := range followers {
		synctest.Wait()
		err := f.take(t)
		if err == nil && f.fan != nil && f.seen != length() {
			err = fmt.Errorf("it stands at %d of %d", f.seen, length())
		}
		if err != nil {
			return fmt.Errorf("at the end, follower %d: %w", i, err)
		}
		f.leave()
	}
	return nil
}
