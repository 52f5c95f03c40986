package cassandra

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"hyperlocal/persist"
)

func stepOf(id string, version int64) (persist.Order, []persist.OrderEvent) {
	o := persist.Order{ID: id, Status: "s" + strconv.FormatInt(version, 10), Version: version, DriverID: strconv.FormatInt(version, 10)}
	return o, []persist.OrderEvent{{OrderID: id, Seq: version, TS: version, Status: o.Status}}
}

// A server that dies between an order's first event and the order leaves nothing that
// anybody sees; the same step again makes it whole.
func TestStepInHalves(t *testing.T) {
	s := openStore(t, fresh(t))
	o, events := stepOf("o1", 1)
	require.NoError(t, s.addEvents(t.Context(), events))
	_, _, err := s.Order(t.Context(), o.ID)
	require.ErrorIs(t, err, persist.ErrNotFound)
	none := func(o persist.Order, _ []persist.OrderEvent) error { t.Errorf("order %s is there", o.ID); return nil }
	require.NoError(t, s.ScanOrders(t.Context(), none))
	require.NoError(t, s.PutOrder(t.Context(), o, events))
	got, history, err := s.Order(t.Context(), o.ID)
	require.NoError(t, err)
	require.Equal(t, o, got)
	require.Equal(t, events, history)
}

// Two stores take an order through twenty steps, each step by both and at any time: the
// last stays, with all of its columns, and every event is there once.
func TestStepsAtOnce(t *testing.T) {
	url := fresh(t)
	stores := []*Store{openStore(t, url), openStore(t, url)}
	var g errgroup.Group
	g.SetLimit(8)
	for _, i := range rand.Perm(40) {
		g.Go(func() error {
			o, events := stepOf("o1", int64(i/2)+1)
			return stores[i%2].PutOrder(t.Context(), o, events)
		})
	}
	require.NoError(t, g.Wait())
	got, history, err := stores[0].Order(t.Context(), "o1")
	require.NoError(t, err)
	want, _ := stepOf("o1", 20)
	require.Equal(t, want, got)
	require.Len(t, history, 20)
}
