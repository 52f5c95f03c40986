package orders

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

func (r *rig) reach(t testing.TB, driver string, m Milestone) bool {
	t.Helper()
	news, err := r.Reach(t.Context(), "56789", driver, m)
	require.NoError(t, err)
	return news
}

func TestMilestonesAreEvents(t *testing.T) {
	r := newRig(t)
	r.place(t)
	require.False(t, r.reach(t, "d7", ArrivedAtStore), "nobody brings it yet")
	r.advance(t, Accepted)
	sub, err := r.engine.Subscribe(t.Context(), Channel("56789"))
	require.NoError(t, err)
	defer sub.Close()
	require.False(t, r.reach(t, "d7", NearCustomer), "not yet")
	require.False(t, r.reach(t, "d8", ArrivedAtStore), "somebody else's order")
	require.True(t, r.reach(t, "d7", ArrivedAtStore))
	require.Contains(t, (<-sub.C()).Payload, `"seq":3,"ts":1764000060000,"status":"arrived_at_store","driver_id":"d7"`)
	require.False(t, r.reach(t, "d7", ArrivedAtStore), "once only")

	order, events, err := r.Get(t.Context(), "56789")
	require.NoError(t, err)
	require.Equal(t, "accepted", order.Status)
	require.Equal(t, int64(3), order.Version)
	require.Equal(t, persist.OrderEvent{OrderID: "56789", Seq: 3, TS: r.clock.now().UnixMilli(), Status: "arrived_at_store", DriverID: "d7"}, events[2])
	_, again, err := r.Advance(t.Context(), "56789", AdvanceRequest{Status: Accepted, DriverID: "d7"})
	require.NoError(t, err, "a step is repeatable after a milestone, too")
	require.Equal(t, events, again)

	r.advance(t, BeingPrepared, PickedUp)
	require.False(t, r.reach(t, "d7", ArrivedAtStore), "too late")
	require.True(t, r.reach(t, "d7", NearCustomer))
	r.advance(t, OutForDelivery)
	require.False(t, r.reach(t, "d7", NearCustomer))
	r.advance(t, Delivered)
	require.False(t, r.reach(t, "d7", NearCustomer))
	r.drain(t)
	require.Len(t, r.db.events["56789"], 8, "the record has them")
	_, err = r.Reach(t.Context(), "1", "d7", ArrivedAtStore)
	require.ErrorIs(t, err, ErrNotFound)
}

// Another partner takes over, and arrives as well.
func TestEachDriverArrives(t *testing.T) {
	r := newRig(t)
	r.place(t)
	r.advance(t, Accepted)
	require.True(t, r.reach(t, "d7", ArrivedAtStore))
	_, _, err := r.Advance(t.Context(), "56789", AdvanceRequest{Status: BeingPrepared, DriverID: "d8"})
	require.NoError(t, err)
	require.False(t, r.reach(t, "d7", ArrivedAtStore))
	require.True(t, r.reach(t, "d8", ArrivedAtStore))
}

func TestReachedFromManySides(t *testing.T) {
	r := newRig(t)
	r.place(t)
	r.advance(t, Accepted)
	var wg sync.WaitGroup
	var news [8]bool
	for i := range news {
		wg.Go(func() {
			news[i], _ = New(r.engine, r.db, Options{Now: r.clock.now}).Reach(t.Context(), "56789", "d7", ArrivedAtStore)
		})
	}
	wg.Wait()
	n := 0
	for _, is := range news {
		if is {
			n++
		}
	}
	require.Equal(t, 1, n)
	_, events, err := r.Get(t.Context(), "56789")
	require.NoError(t, err)
	require.Len(t, events, 3)
}

func TestCarriedSince(t *testing.T) {
	r := newRig(t)
	r.place(t)
	carried := func(since int64) (out []Carried, next int64) {
		out, next, err := r.CarriedSince(t.Context(), since)
		require.NoError(t, err)
		return out, next
	}
	got, next := carried(0)
	require.Empty(t, got)
	require.Zero(t, next)
	r.advance(t, Accepted)
	got, next = carried(0)
	require.Len(t, got, 1)
	require.Equal(t, ArrivedAtStore, got[0].Awaits)
	require.Equal(t, "d7", got[0].DriverID)
	require.Equal(t, r.clock.now().UnixMilli()+1, next)
	got, _ = carried(next)
	require.Empty(t, got)
	r.clock.advance(time.Second)
	r.reach(t, "d7", ArrivedAtStore)
	got, next = carried(next)
	require.Len(t, got, 1)
	require.Empty(t, got[0].Awaits)
	r.advance(t, BeingPrepared, PickedUp, OutForDelivery, Delivered)
	got, _ = carried(next)
	require.Len(t, got, 1)
	require.Equal(t, "delivered", got[0].Status)
	require.Empty(t, got[0].Awaits)
	r.drain(t)
	got, _ = carried(0)
	require.Empty(t, got, "a finished order is nobody's burden")
}

// More orders than one answer holds, many of them of one millisecond: all are
// found, each once.
func TestCarriedSincePages(t *testing.T) {
	r := newRig(t)
	const n = carriedPage + 100
	for i := range n {
		o := someOrder()
		o.ID = "o" + decimal(int64(i))
		if i%carriedPage == 10 {
			r.clock.advance(time.Millisecond)
		}
		_, _, err := r.Create(t.Context(), o)
		require.NoError(t, err)
		_, _, err = r.Advance(t.Context(), o.ID, AdvanceRequest{Status: Accepted, DriverID: "d7"})
		require.NoError(t, err)
	}
	seen := map[string]int{}
	for since := int64(0); ; {
		got, next, err := r.CarriedSince(t.Context(), since)
		require.NoError(t, err)
		if len(got) == 0 {
			break
		}
		for _, c := range got {
			seen[c.ID]++
		}
		since = next
	}
	require.Len(t, seen, n)
	for id, times := range seen {
		require.Equal(t, 1, times, id)
	}
}
