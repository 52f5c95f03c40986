package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func TestOrderIsFollowedFromNow(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		r.step("O1", "placed", "")
		r.step("O1", "accepted", "")
		f := r.newFan(t)
		require.True(t, f.send(`{"subscribe":["order:O1"]}`))
		ack := f.one(typeSubscribed)
		require.Equal(t, "order:O1", ack.Topic)
		require.Equal(t, "2", ack.ID)
		var o Order
		require.NoError(t, json.Unmarshal(ack.Data, &o))
		require.Equal(t, Order{OrderID: "O1", Seq: 2, Status: "accepted", TS: 1_700_000_000_002, StoreID: "S1"}, o)

		e := r.step("O1", "being_prepared", "")
		m := f.one(typeStatus)
		require.Equal(t, "3", m.ID)
		var got Event
		require.NoError(t, json.Unmarshal(m.Data, &got))
		require.Equal(t, e, got)
	})
}

func TestOrderIsReplayedFromSince(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		for range 5 {
			r.step("O1", "placed", "")
		}
		for since, want := range map[string][]int64{"0": upTo(5), "3": {4, 5}, "5": nil} {
			f := r.newFan(t)
			f.send(`{"subscribe":["order:O1"],"since":{"order:O1":%q}}`, since)
			ms := f.messages()
			require.Equal(t, typeSubscribed, ms[0].Type)
			require.Equal(t, since, ms[0].ID, "the acknowledgement says where events go on")
			var got []int64
			for _, m := range ms[1:] {
				got = append(got, seqOf(t, m))
			}
			require.Equal(t, want, got, "since %s", since)
		}
	})
}

func TestUnknownOrderIsRefusedAlone(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		r.step("O1", "placed", "")
		f := r.newFan(t)
		f.send(`{"subscribe":["order:nope","order:O1"]}`)
		ms := f.messages()
		require.Len(t, ms, 2)
		require.Equal(t, typeError, ms[0].Type)
		require.Equal(t, "order:nope", ms[0].Topic)
		require.JSONEq(t, `{"code":"not-found","detail":"there is no such order","field":"subscribe[0]"}`, string(ms[0].Data))
		require.Equal(t, typeSubscribed, ms[1].Type)
		require.Equal(t, []string{"order_updates:{O1}"}, r.pubsub.subscribed())
	})
}

// How publications get lost, and when the follower must have the events all
// the same.
func TestLostPublications(t *testing.T) {
	lost := func(r *rig) { r.orders.add("O1", "accepted", "") }
	tests := map[string]func(t *testing.T, r *rig){
		"the next publication shows the gap": func(_ *testing.T, r *rig) {
			lost(r)
			lost(r)
			r.step("O1", "picked_up", "")
		},
		"the engine says so": func(_ *testing.T, r *rig) {
			for range 3 {
				lost(r)
			}
			r.pubsub.lose()
		},
		"nobody says so": func(_ *testing.T, r *rig) {
			for range 3 {
				lost(r)
			}
			time.Sleep(40 * time.Second) // of the bubble's clock: past Options.Recheck
		},
		"one is garbage": func(_ *testing.T, r *rig) {
			lost(r)
			lost(r)
			lost(r)
			r.pubsub.c <- cache.Message{Channel: "order_updates:{O1}", Payload: "{"}
		},
		"they come out of order, and twice": func(_ *testing.T, r *rig) {
			_, two := r.orders.add("O1", "accepted", "")
			_, three := r.orders.add("O1", "being_prepared", "")
			_, four := r.orders.add("O1", "picked_up", "")
			for _, payload := range []string{four, three, two, two, four} {
				r.pubsub.c <- cache.Message{Channel: "order_updates:{O1}", Payload: payload}
			}
		},
		"while the source is down": func(_ *testing.T, r *rig) {
			r.orders.fail(errDown)
			lost(r)
			lost(r)
			r.step("O1", "picked_up", "")
			time.Sleep(5 * time.Second)
			r.orders.fail(nil)
			time.Sleep(2 * time.Second)
		},
	}
	for name, lose := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, r *rig) {
				r.step("O1", "placed", "")
				f := r.newFan(t)
				f.send(`{"subscribe":["order:O1"]}`)
				f.one(typeSubscribed)
				lose(t, r)
				require.Equal(t, []int64{2, 3, 4}, f.statuses())
			})
		})
	}
}

func TestHistoryGone(t *testing.T) {
	five := func(r *rig) {
		for range 5 {
			r.step("O1", "accepted", "")
		}
	}
	requireGone := func(t *testing.T, m message, seq int64) {
		t.Helper()
		require.Equal(t, typeHistoryGone, m.Type)
		var o Order
		require.NoError(t, json.Unmarshal(m.Data, &o))
		require.Equal(t, seq, o.Seq)
	}
	t.Run("forgotten before the follower came back", func(t *testing.T) {
		bubble(t, Options{}, func(t *testing.T, r *rig) {
			five(r)
			r.orders.forget("O1", 3)
			f := r.newFan(t)
			f.send(`{"subscribe":["order:O1"],"since":{"order:O1":"2"}}`)
			ms := f.messages()
			require.Equal(t, typeSubscribed, ms[0].Type)
			requireGone(t, ms[1], 5)
			require.Len(t, ms, 2)
			r.step("O1", "picked_up", "")
			require.Equal(t, []int64{6}, f.statuses())
		})
	})
	t.Run("all of it forgotten", func(t *testing.T) {
		bubble(t, Options{}, func(t *testing.T, r *rig) {
			five(r)
			r.orders.forget("O1", 5)
			f := r.newFan(t)
			f.send(`{"subscribe":["order:O1"],"since":{"order:O1":"2"}}`)
			ms := f.messages()
			requireGone(t, ms[len(ms)-1], 5)
		})
	})
	t.Run("the follower saw more than there is", func(t *testing.T) {
		bubble(t, Options{}, func(t *testing.T, r *rig) {
			five(r)
			f := r.newFan(t)
			f.send(`{"subscribe":["order:O1"],"since":{"order:O1":"9"}}`)
			requireGone(t, f.one(typeHistoryGone), 5)
			r.step("O1", "picked_up", "")
			require.Equal(t, []int64{6}, f.statuses())
		})
	})
	t.Run("forgotten while publications were lost", func(t *testing.T) {
		bubble(t, Options{}, func(t *testing.T, r *rig) {
			five(r)
			f := r.newFan(t)
			f.send(`{"subscribe":["order:O1"]}`)
			f.one(typeSubscribed)
			r.orders.add("O1", "picked_up", "")
			r.orders.forget("O1", 6)
			r.step("O1", "out_for_delivery", "")
			requireGone(t, f.one(typeHistoryGone), 7)
			r.step("O1", "delivered", "")
			require.Equal(t, []int64{8}, f.statuses())
		})
	})
	t.Run("the engine lost acknowledged events", func(t *testing.T) {
		bubble(t, Options{}, func(t *testing.T, r *rig) {
			five(r)
			f := r.newFan(t)
			f.send(`{"subscribe":["order:O1"]}`)
			f.one(typeSubscribed)
			r.orders.cut("O1", 3)
			r.pubsub.lose() // as a failover does
			requireGone(t, f.one(typeHistoryGone), 3)
			r.step("O1", "picked_up", "")
			require.Equal(t, []int64{4}, f.statuses())
		})
	})
}

func TestNewFollowerOvertakesTheOthers(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		r.step("O1", "placed", "")
		early := r.newFan(t)
		early.send(`{"subscribe":["order:O1"]}`)
		early.one(typeSubscribed)
		r.orders.add("O1", "accepted", "") // its publication is lost
		late := r.newFan(t)
		late.send(`{"subscribe":["order:O1"],"since":{"order:O1":"0"}}`)
		require.Equal(t, []int64{2}, early.statuses(), "what the newcomer read serves the others, too")
		require.Len(t, late.messages(), 3)
		r.step("O1", "being_prepared", "")
		require.Equal(t, []int64{3}, early.statuses())
		require.Equal(t, []int64{3}, late.statuses())
	})
}

// Between the reading of the events and the joining there is a moment.
func TestEventWhileJoining(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		r.step("O1", "placed", "")
		want := []string{"0", "1", "2"} // the acknowledgement, then the events
		for range 2 {                   // the first to follow it, and the second
			f := r.newFan(t)
			more := 1
			f.ctx = context.WithValue(t.Context(), duringRead{}, func() {
				if more > 0 {
					more--
					r.step("O1", "accepted", "")
					synctest.Wait()
				}
			})
			f.send(`{"subscribe":["order:O1"],"since":{"order:O1":"0"}}`)
			var ids []string
			for _, m := range f.messages() {
				ids = append(ids, m.ID)
			}
			require.Equal(t, want, ids)
			want = append(want, "3")
		}
	})
}

func TestSubscribingAgainStartsOver(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		r.step("O1", "placed", "")
		f := r.newFan(t)
		f.send(`{"subscribe":["order:O1"]}`)
		f.one(typeSubscribed)
		f.send(`{"subscribe":["order:O1"],"since":{"order:O1":"0"}}`)
		require.Len(t, f.messages(), 2)
		r.step("O1", "accepted", "")
		require.Equal(t, []int64{2}, f.statuses(), "once, not twice")
	})
}

func TestUnreadableOrderIsRefusedAsUnavailable(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		r.step("O1", "placed", "")
		f := r.newFan(t)
		r.orders.fail(errDown)
		f.send(`{"subscribe":["order:O1"]}`)
		require.Contains(t, string(f.one(typeError).Data), codeUnavailable)
		r.orders.fail(nil)
		r.pubsub.refuse = errDown
		f.send(`{"subscribe":["order:O1"]}`)
		require.Contains(t, string(f.one(typeError).Data), codeUnavailable)
		r.pubsub.refuse = nil
		f.send(`{"subscribe":["order:O1"]}`)
		f.one(typeSubscribed)
		require.Equal(t, 1, r.hub.Stats().Topics)
	})
}

func TestFollowerTooFarBehindIsClosed(t *testing.T) {
	bubble(t, Options{QueueBytes: 1000}, func(t *testing.T, r *rig) {
		r.step("O1", "placed", "")
		slow, quick := r.newFan(t), r.newFan(t)
		for _, f := range []*fan{slow, quick} {
			f.send(`{"subscribe":["order:O1"]}`)
			f.one(typeSubscribed)
		}
		for n := int64(2); n < 20; n++ {
			r.step("O1", "accepted", "")
			require.Equal(t, []int64{n}, quick.statuses())
		}
		_, _, c := slow.cl.out.take()
		require.Equal(t, &closeSlow, c)
		require.EqualValues(t, 1, r.hub.Stats().ClosedSlow)
	})
}

// A milestone moves the replay on like a status, but does not look like one.
func TestMilestones(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		r.step("1", "accepted", "d7")
		f := r.newFan(t)
		f.send(`{"subscribe":["order:1"]}`)
		f.one(typeSubscribed)
		e := r.step("1", "arrived_at_store", "d7")
		m := f.one(typeMilestone)
		require.Equal(t, "2", m.ID)
		require.JSONEq(t, fmt.Sprintf(`{"order_id":"1","seq":2,"milestone":"arrived_at_store","ts":%d,"driver_id":"d7"}`, e.TS), string(m.Data))
		r.step("1", "picked_up", "d7")
		f.one(typeStatus)

		late := r.newFan(t)
		late.send(`{"subscribe":["order:1"],"since":{"order:1":"1"}}`)
		ms := late.messages()
		require.Len(t, ms, 3)
		require.Equal(t, []string{typeSubscribed, typeMilestone, typeStatus}, []string{ms[0].Type, ms[1].Type, ms[2].Type})
	})
}

// A follower who came last has read an event that the others had not got yet, and that
// a failover lost then: only that one follower is ahead of what is left.
func TestAFollowerWhoIsAheadHearsOfALoss(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		r.step("O1", "placed", "")
		first, last := r.newFan(t), r.newFan(t)
		first.send(`{"subscribe":["order:O1"]}`)
		first.one(typeSubscribed)
		r.orders.add("O1", "accepted", "") // its publication is on the way
		last.ctx = context.WithValue(t.Context(), duringRead{}, func() { r.orders.fail(errDown) })
		last.send(`{"subscribe":["order:O1"]}`)
		require.Equal(t, "2", last.one(typeSubscribed).ID)
		r.orders.cut("O1", 1)
		r.orders.fail(nil)
		time.Sleep(2 * r.hub.opts.Recheck)
		require.Equal(t, "1", last.one(typeHistoryGone).ID)
		r.step("O1", "cancelled", "")
		require.Equal(t, []int64{2}, last.statuses())
	})
}
