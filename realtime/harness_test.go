package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// rig is a running hub on fakes.
type rig struct {
	pubsub    *fakePubSub
	orders    *fakeOrders
	positions *fakePositions
	hub       *Hub
	stop      func() error
}

// newRig starts a hub; the test's end stops it. In a synctest bubble its clock
// is the bubble's.
func newRig(t testing.TB, opts Options) *rig {
	t.Helper()
	r := &rig{pubsub: newFakePubSub(), orders: newFakeOrders(), positions: newFakePositions()}
	r.hub = NewHub(r.pubsub, r.positions, r.orders, opts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.hub.Run(ctx) }()
	var result error
	stopped := false
	r.stop = func() error {
		if !stopped {
			cancel()
			result, stopped = <-done, true
		}
		return result
	}
	t.Cleanup(func() { _ = r.stop() })
	return r
}

// bubble runs a test on a hub with a fake clock.
func bubble(t *testing.T, opts Options, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, opts)
		synctest.Wait() // the hub is running
		test(t, r)
	})
}

// step publishes an order's next event.
func (r *rig) step(order, status, driver string) Event {
	e, payload := r.orders.add(order, status, driver)
	_, _ = r.pubsub.Publish(context.Background(), orderChannel+"{"+order+"}", payload)
	return e
}

// message is a frame as a follower sees it.
type message struct {
	Topic string          `json:"topic"`
	ID    string          `json:"id"`
	Type  string          `json:"type"`
	Data  json.RawMessage `json:"data"`
}

func decodeMessage(t testing.TB, body []byte) message {
	t.Helper()
	var m message
	require.NoError(t, json.Unmarshal(body, &m), "%s", body)
	return m
}

// fan is a follower without a connection.
type fan struct {
	t   testing.TB
	cl  *client
	ctx context.Context // of what it sends
}

func (r *rig) newFan(t testing.TB) *fan {
	t.Helper()
	cl, err := r.hub.attach(0)
	require.NoError(t, err)
	t.Cleanup(func() { r.hub.detach(cl) })
	return &fan{t, cl, context.Background()}
}

func (f *fan) send(format string, args ...any) bool {
	return f.cl.handle(f.ctx, fmt.Appendf(nil, format, args...))
}

// frames takes all frames that wait, making those of states now.
func (f *fan) frames() []*frame {
	var out []*frame
	for {
		fr, s, c := f.cl.out.take()
		switch {
		case c != nil:
			return append(out, nil)
		case fr != nil:
			out = append(out, fr)
		case s != nil:
			if fr = s.topic.next(s); fr != nil {
				out = append(out, fr)
			}
		default:
			return out
		}
	}
}

// messages waits until the hub is idle and takes what it has sent.
func (f *fan) messages() []message {
	f.t.Helper()
	synctest.Wait()
	var out []message
	for _, fr := range f.frames() {
		require.NotNil(f.t, fr, "the follower was closed")
		out = append(out, decodeMessage(f.t, fr.body))
	}
	return out
}

// one requires exactly one message of a type.
func (f *fan) one(kind string) message {
	f.t.Helper()
	ms := f.messages()
	require.Len(f.t, ms, 1, "%+v", ms)
	require.Equal(f.t, kind, ms[0].Type, "%s", ms[0].Data)
	return ms[0]
}

// statuses requires statuses only, and returns their numbers.
func (f *fan) statuses() []int64 {
	f.t.Helper()
	var seqs []int64
	for _, m := range f.messages() {
		require.Equal(f.t, typeStatus, m.Type)
		seqs = append(seqs, seqOf(f.t, m))
	}
	return seqs
}

func seqOf(t testing.TB, m message) int64 {
	t.Helper()
	var e Event
	require.NoError(t, json.Unmarshal(m.Data, &e))
	require.Equal(t, strconv.FormatInt(e.Seq, 10), m.ID)
	return e.Seq
}

func upTo(n int64) []int64 { return between(1, n) }

func between(from, to int64) []int64 {
	var out []int64
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

// eventually polls what no channel tells, with a deadline.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			require.FailNow(t, "did not happen in time: "+what)
		}
	}
}
