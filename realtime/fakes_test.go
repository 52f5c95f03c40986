package realtime

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"hyperlocal/cache"
)

// fakePubSub is an engine's pub/sub that loses what a test tells it to lose.
type fakePubSub struct {
	mu       sync.Mutex
	channels map[string]int // channel → how often subscribed, less given back
	c        chan cache.Message
	refuse   error // what Add answers
	closed   bool
}

func newFakePubSub() *fakePubSub {
	return &fakePubSub{channels: map[string]int{}, c: make(chan cache.Message, 1024)}
}

var (
	_ cache.PubSub       = (*fakePubSub)(nil)
	_ cache.Subscription = (*fakePubSub)(nil)
)

func (f *fakePubSub) Publish(_ context.Context, channel, payload string) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.channels[channel] == 0 || f.closed {
		return 0, nil
	}
	f.c <- cache.Message{Channel: channel, Payload: payload}
	return 1, nil
}

func (f *fakePubSub) Subscribe(context.Context, ...string) (cache.Subscription, error) {
	return f, nil
}

func (f *fakePubSub) Add(_ context.Context, channels ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return f.refuse
	}
	for _, c := range channels {
		f.channels[c] = 1
	}
	return nil
}

func (f *fakePubSub) Remove(_ context.Context, channels ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range channels {
		delete(f.channels, c)
	}
	return nil
}

func (f *fakePubSub) C() <-chan cache.Message { return f.c }

func (f *fakePubSub) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		close(f.c)
	}
	return nil
}

func (f *fakePubSub) subscribed() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for c := range f.channels {
		names = append(names, c)
	}
	slices.Sort(names)
	return names
}

func (f *fakePubSub) lose() { f.c <- cache.Message{Lost: true} }

// fakeOrders keeps orders' events, and forgets some when told to.
type fakeOrders struct {
	mu     sync.Mutex
	events map[string][]Event
	kept   map[string]int64 // number of the last event that was forgotten
	err    error
	reads  int
}

func newFakeOrders() *fakeOrders {
	return &fakeOrders{events: map[string][]Event{}, kept: map[string]int64{}}
}

func (f *fakeOrders) Order(_ context.Context, id string) (Order, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if f.err != nil {
		return Order{}, f.err
	}
	events := f.events[id]
	if len(events) == 0 {
		return Order{}, ErrUnknownOrder
	}
	last := events[len(events)-1]
	o := Order{OrderID: id, Seq: last.Seq, Status: last.Status, TS: last.TS, StoreID: "S1"}
	for _, e := range events {
		if e.DriverID != "" {
			o.DriverID = e.DriverID
		}
	}
	return o, nil
}

// duringRead is the key of a context's func that is called when events have
// been read and before they are returned.
type duringRead struct{}

func (f *fakeOrders) Events(ctx context.Context, id string, afterSeq int64) ([]Event, error) {
	if hook, ok := ctx.Value(duringRead{}).(func()); ok {
		defer hook()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	if len(f.events[id]) == 0 {
		return nil, ErrUnknownOrder
	}
	var out []Event
	for _, e := range f.events[id] {
		if e.Seq > max(afterSeq, f.kept[id]) {
			out = append(out, e)
		}
	}
	return out, nil
}

// add appends an event and returns it with its payload.
func (f *fakeOrders) add(id, status, driver string) (Event, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := int64(len(f.events[id])) + 1
	e := Event{OrderID: id, Seq: n, Status: status, TS: 1_700_000_000_000 + n, DriverID: driver}
	f.events[id] = append(f.events[id], e)
	payload, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return e, string(payload)
}

// forget trims the events up to a number; cut takes back those after one.
func (f *fakeOrders) forget(id string, upTo int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept[id] = max(f.kept[id], upTo)
}

func (f *fakeOrders) cut(id string, after int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events[id] = f.events[id][:after]
}

func (f *fakeOrders) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

var errDown = errors.New("the engine is down")

// fakePositions is where drivers are.
type fakePositions struct {
	mu    sync.Mutex
	at    map[string]Position
	err   error
	asked map[string]int // zone → how often asked for
}

func newFakePositions() *fakePositions {
	return &fakePositions{at: map[string]Position{}, asked: map[string]int{}}
}

func (f *fakePositions) move(p Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at[p.DriverID] = p
}

func (f *fakePositions) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakePositions) MovedSince(_ context.Context, zone string, sinceMS, cursor int64, limit int) ([]Position, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[zone]++
	if f.err != nil {
		return nil, 0, f.err
	}
	var out []Position
	for _, p := range f.at {
		if p.Zone == zone && p.TS >= max(sinceMS, cursor) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Position) int { return cmp.Compare(a.TS, b.TS) })
	n := min(limit, len(out))
	for n > 0 && n < len(out) && out[n].TS == out[n-1].TS {
		n++
	}
	if n == len(out) {
		return out, 0, nil
	}
	return out[:n], out[n].TS, nil
}

func (f *fakePositions) Positions(_ context.Context, ids []string) ([]Position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	var out []Position
	for _, id := range ids {
		if p, ok := f.at[id]; ok {
			out = append(out, p)
		}
	}
	return out, nil
}
