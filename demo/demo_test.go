package demo

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/inplace"
	"hyperlocal/loadtest"
)

// city is the largest demo of the tests, read once: the race detector takes
// seconds to read it.
var city = sync.OnceValues(func() (*Demo, error) { return New(Config{Partners: 1000}) })

// run runs a demo on a server for a while, in the bubble's time.
func run(t *testing.T, s *fakeServer, partners int, while time.Duration) *Demo {
	t.Helper()
	base, err := city()
	require.NoError(t, err)
	d := &Demo{traces: base.traces, anchors: base.anchors, stores: base.stores}
	d.cfg = Config{Partners: partners, Logger: slog.New(slog.DiscardHandler), Transport: inplace.Transport(s)}
	ctx, cancel := context.WithTimeout(t.Context(), while)
	defer cancel()
	require.NoError(t, d.Run(ctx, "http://demo"))
	return d
}

func statuses(o *fakeOrder) []string {
	var all []string
	for _, e := range o.events {
		all = append(all, e.status)
	}
	return all
}

func TestRunDeliversOrderAfterOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeServer(t)
		d := run(t, s, 1000, 15*time.Minute)

		require.Len(t, s.drivers, 1000)
		require.Equal(t, s.orders[len(s.orders)-1].OrderID, d.OrderID())
		done := s.orders[:len(s.orders)-1] // the last is under way
		require.GreaterOrEqual(t, len(done), 4)
		var sum time.Duration
		for _, o := range done {
			require.Equal(t, []string{placed, accepted, beingPrepared, pickedUp, outForDelivery, delivered}, statuses(o))
			require.Equal(t, "committed", s.reservations[o.ReservationID])
			require.True(t, len(o.Lines) >= 1 && len(o.Lines) <= 3)
			for _, e := range o.events[1:] {
				require.Equal(t, o.DriverID, e.driver, "one partner from beginning to end")
			}
			// The last report may still have been under way to the server.
			const near = nearM + 8*5
			require.LessOrEqual(t, o.events[3].metres, near, "picked up at the store")
			require.Greater(t, o.events[4].metres, 200.0, "sets out towards the drop")
			require.LessOrEqual(t, o.events[5].metres, near, "delivered at the drop")
			lasted := o.events[5].at.Sub(o.events[0].at)
			require.Less(t, lasted, 6*time.Minute, o.OrderID)
			sum += lasted
		}
		require.InDelta(t, 150, (sum / time.Duration(len(done))).Seconds(), 40, "an order's mean duration in seconds")
	})
}

// After a stop in the middle of an order, however it came, the next start finds
// that order and carries it on.
func TestRunGoesOnWithTheOrderUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeServer(t)
		for _, stop := range []struct {
			after  time.Duration
			status string // of the order that is stopped
		}{
			{2 * time.Second, placed},
			{4 * time.Second, accepted},
			{6 * time.Second, beingPrepared},
			{15 * time.Second, beingPrepared},
		} {
			run(t, s, 300, stop.after)
			require.Equal(t, stop.status, s.orders[0].Status)
		}
		for s.orders[0].Status == beingPrepared {
			run(t, s, 300, time.Minute+40*time.Second)
		}
		run(t, s, 300, 5*time.Minute)
		require.Equal(t, []string{placed, accepted, beingPrepared, pickedUp, outForDelivery, delivered}, statuses(s.orders[0]))
		require.Equal(t, "committed", s.reservations[s.orders[0].ReservationID])
		require.Equal(t, "demo-2", s.orders[1].OrderID)
	})
}

func TestRunOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeServer(t)
		go func() {
			for _, down := range []bool{true, false} {
				time.Sleep(time.Minute)
				s.mu.Lock()
				s.down = down
				s.mu.Unlock()
			}
		}()
		run(t, s, 300, 10*time.Minute)
		require.Equal(t, delivered, s.orders[0].Status)
		require.GreaterOrEqual(t, len(s.orders), 2)
	})
}

func TestRunGivesUpAnOrderNobodyCanCarry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeServer(t)
		run(t, s, 1000, 6*time.Second)
		o := s.orders[0]
		require.Equal(t, accepted, o.Status)
		s.drivers["partner-9999"] = s.drivers[o.DriverID]
		o.DriverID = "partner-9999" // of a larger fleet

		run(t, s, 300, 2*time.Minute)
		require.Equal(t, cancelled, o.Status)
		require.Equal(t, "released", s.reservations[o.ReservationID])
		require.Len(t, s.orders, 2, "the next one is under way")
	})
}

func TestRunGivesUpAnOrderOfYesterday(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeServer(t)
		run(t, s, 300, 10*time.Second)
		time.Sleep(24 * time.Hour)
		s.reservations[s.orders[0].ReservationID] = "expired"
		run(t, s, 300, time.Minute)
		require.Equal(t, cancelled, s.orders[0].Status)
		require.Len(t, s.orders, 2)
	})
}

// Anybody may send pings to a demo; only the fleet's partners can be directed.
func TestStrangersGetNoOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeServer(t)
		for _, st := range s.stores {
			s.drivers["stranger at "+st.ID] = loadtest.Ping{Lat: st.Lat, Lon: st.Lon}
		}
		run(t, s, 300, time.Minute)
		require.Contains(t, s.orders[0].DriverID, "partner-")
	})
}

func TestNewErrors(t *testing.T) {
	for _, n := range []int{-1, loadtest.MaxPartners + 1} {
		_, err := New(Config{Partners: n})
		require.ErrorContains(t, err, "partners")
	}
}
