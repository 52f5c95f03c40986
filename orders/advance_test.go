package orders

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

func TestAdvanceToTheDoor(t *testing.T) {
	r := newRig(t)
	r.place(t)
	sub, err := r.engine.Subscribe(t.Context(), Channel("56789"))
	require.NoError(t, err)
	defer sub.Close()
	r.advance(t, Accepted, BeingPrepared, PickedUp, OutForDelivery)
	order, events, err := r.Advance(t.Context(), "56789", AdvanceRequest{Status: Delivered, Note: "left with \"Asha\""})
	require.NoError(t, err)
	require.Equal(t, "delivered", order.Status)
	require.Equal(t, "d7", order.DriverID)
	require.Equal(t, int64(6), order.Version)
	require.Len(t, events, 6)
	for i, e := range events {
		require.Equal(t, int64(i+1), e.Seq)
		require.Equal(t, string(way[i]), e.Status)
	}
	require.Equal(t, persist.OrderEvent{
		OrderID: "56789", Seq: 6, TS: r.clock.now().UnixMilli(), Status: "delivered", DriverID: "d7", Note: "left with \"Asha\"",
	}, events[5])
	require.Equal(t, order.UpdatedTS, events[5].TS)

	gotOrder, gotEvents, err := r.Get(t.Context(), "56789")
	require.NoError(t, err)
	require.Equal(t, order, gotOrder)
	require.Equal(t, events, gotEvents)
	later, err := r.Events(t.Context(), "56789", 4)
	require.NoError(t, err)
	require.Equal(t, events[4:], later)
	later, err = r.Events(t.Context(), "56789", 6)
	require.NoError(t, err)
	require.Empty(t, later)

	for seq := 2; seq <= 5; seq++ {
		require.Contains(t, (<-sub.C()).Payload, fmt.Sprintf(`"seq":%d`, seq))
	}
	require.JSONEq(t, `{"order_id":"56789","seq":6,"ts":1764000240000,"status":"delivered","driver_id":"d7","note":"left with \"Asha\""}`,
		(<-sub.C()).Payload)
}

// Every pair of states: one step ahead, or cancelled before the end, and no
// other way.
func TestTransitions(t *testing.T) {
	all := append([]Status{Cancelled}, way...)
	for _, from := range all {
		for _, to := range all {
			t.Run(fmt.Sprintf("%s to %s", from, to), func(t *testing.T) {
				r := newRig(t)
				r.place(t)
				if from == Cancelled {
					r.advance(t, Cancelled)
				}
				for _, s := range way[1:] {
					if from == Cancelled || from == Placed {
						break
					}
					r.advance(t, s)
					if s == from {
						break
					}
				}
				before, _, err := r.Get(t.Context(), "56789")
				require.NoError(t, err)
				require.Equal(t, string(from), before.Status)

				ahead := from != Cancelled && from != Delivered && (to == Cancelled || to == way[before.Version])
				after, _, err := r.Advance(t.Context(), "56789", AdvanceRequest{Status: to, DriverID: before.DriverID})
				if ahead || to == from {
					require.NoError(t, err)
					require.Equal(t, string(to), after.Status)
				} else {
					var e *TransitionError
					require.ErrorAs(t, err, &e)
					require.ErrorIs(t, err, ErrTransition)
					require.Equal(t, TransitionError{From: from, To: to, Allowed: from.Next()}, *e)
					require.ErrorContains(t, err, string(from))
				}
				now, _, err := r.Get(t.Context(), "56789")
				require.NoError(t, err)
				if !ahead {
					require.Equal(t, before, now, "nothing has changed")
				} else {
					require.Equal(t, before.Version+1, now.Version)
				}
			})
		}
	}
}

func TestAdvanceIsIdempotent(t *testing.T) {
	r := newRig(t)
	r.place(t)
	step := AdvanceRequest{Status: Accepted, DriverID: "d7", Note: "soon"}
	order, events, err := r.Advance(t.Context(), "56789", step)
	require.NoError(t, err)
	for _, again := range []AdvanceRequest{step, {Status: Accepted, Note: "soon"}} {
		gotOrder, gotEvents, err := r.Advance(t.Context(), "56789", again)
		require.NoError(t, err)
		require.Equal(t, order, gotOrder)
		require.Equal(t, events, gotEvents)
	}
	_, _, err = r.Advance(t.Context(), "56789", AdvanceRequest{Status: Accepted, DriverID: "d7", Note: "later"})
	requireField(t, err, ErrConflict, "note")
	_, _, err = r.Advance(t.Context(), "56789", AdvanceRequest{Status: Accepted, DriverID: "d8", Note: "soon"})
	requireField(t, err, ErrConflict, "driver_id")
}

func TestDriver(t *testing.T) {
	r := newRig(t)
	r.place(t)
	step := func(s Status, driver string) error {
		_, _, err := r.Advance(t.Context(), "56789", AdvanceRequest{Status: s, DriverID: driver})
		return err
	}
	require.NoError(t, step(Accepted, ""))
	require.NoError(t, step(BeingPrepared, "d1"))
	require.NoError(t, step(PickedUp, "d2"), "another may take it until then")
	requireField(t, step(OutForDelivery, "d3"), ErrConflict, "driver_id")
	require.NoError(t, step(OutForDelivery, "d2"))
	require.NoError(t, step(Delivered, ""))
	order, events, err := r.Get(t.Context(), "56789")
	require.NoError(t, err)
	require.Equal(t, "d2", order.DriverID)
	var drivers []string
	for _, e := range events {
		drivers = append(drivers, e.DriverID)
	}
	require.Equal(t, []string{"", "", "d1", "d2", "d2", "d2"}, drivers)
}

func TestPickedUpNeedsADriver(t *testing.T) {
	r := newRig(t)
	r.place(t)
	for _, s := range []Status{Accepted, BeingPrepared} {
		_, _, err := r.Advance(t.Context(), "56789", AdvanceRequest{Status: s})
		require.NoError(t, err)
	}
	_, _, err := r.Advance(t.Context(), "56789", AdvanceRequest{Status: PickedUp})
	requireField(t, err, ErrInvalid, "driver_id")
	_, _, err = r.Advance(t.Context(), "56789", AdvanceRequest{Status: Cancelled})
	require.NoError(t, err, "a cancelled order needs none")
}

func TestAdvanceRefuses(t *testing.T) {
	r := newRig(t)
	r.place(t)
	for field, req := range map[string]AdvanceRequest{
		"status":    {Status: "eaten"},
		"driver_id": {Status: Accepted, DriverID: strings.Repeat("d", 65)},
		"note":      {Status: Accepted, Note: strings.Repeat("ü", 501)},
	} {
		_, _, err := r.Advance(t.Context(), "56789", req)
		requireField(t, err, ErrInvalid, field)
	}
	for _, id := range []string{"1", "", "a}b", "{}"} {
		_, _, err := r.Advance(t.Context(), id, AdvanceRequest{Status: Accepted})
		require.ErrorIs(t, err, ErrNotFound)
		_, _, err = r.Get(t.Context(), id)
		require.ErrorIs(t, err, ErrNotFound)
		_, err = r.Events(t.Context(), id, 0)
		require.ErrorIs(t, err, ErrNotFound)
	}
}

// Twenty dispatchers take the same steps at once, some of them backwards: each
// step is taken once.
func TestAdvanceFromManySides(t *testing.T) {
	r := newRig(t)
	r.place(t)
	var taken atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			other := New(r.engine, r.db, Options{Now: r.clock.now})
			for _, s := range way[1:] {
				_, events, err := other.Advance(t.Context(), "56789", AdvanceRequest{Status: s, DriverID: "d7", Note: fmt.Sprint("by ", i)})
				if err == nil && events[len(events)-1].Note == fmt.Sprint("by ", i) {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	order, events, err := r.Get(t.Context(), "56789")
	require.NoError(t, err)
	require.Equal(t, "delivered", order.Status)
	require.Len(t, events, len(way))
	require.Equal(t, int64(len(way)-1), taken.Load())
	for i, e := range events {
		require.Equal(t, string(way[i]), e.Status)
		require.Equal(t, int64(i+1), e.Seq)
	}
}

// The engine is lost while the order is on its way: it goes on from what the
// database has, with its whole history.
func TestAdvanceAfterTheEngineWasLost(t *testing.T) {
	r := newRig(t)
	r.place(t)
	r.advance(t, Accepted)
	r.drain(t)
	r.loseEngine(t)
	r.advance(t, BeingPrepared)
	_, events, err := r.Get(t.Context(), "56789")
	require.NoError(t, err)
	require.Len(t, events, 3)
	entries, err := r.engine.XRange(t.Context(), keyEvents("56789"), "-", "+", 0)
	require.NoError(t, err)
	require.Len(t, entries, 3, "the stream is whole again")
	r.drain(t)
	require.Equal(t, events, r.db.events["56789"])

	r.advance(t, Cancelled)
	r.drain(t)
	r.loseEngine(t)
	_, _, err = r.Advance(t.Context(), "56789", AdvanceRequest{Status: Accepted})
	require.ErrorIs(t, err, ErrTransition)
	r.db.failWith(persist.ErrUnavailable)
	_, _, err = r.Advance(t.Context(), "56789", AdvanceRequest{Status: Accepted})
	require.ErrorIs(t, err, persist.ErrUnavailable)
}
