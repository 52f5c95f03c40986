package fence

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/cache/redis"
	"hyperlocal/internal/testenv"
)

// hosts are the engines that all is tested on.
var hosts = map[string]func(testing.TB) cache.Engine{
	"memory": func(t testing.TB) cache.Engine { return enginetest.Memory(t) },
	"redis": func(t testing.TB) cache.Engine {
		e, err := redis.Open(t.Context(), "redis://"+testenv.OwnRedis(t), redis.Options{Timeout: enginetest.Patience})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, e.Close()) })
		return e
	},
}

// world is what the fences are told of: stores, orders and drivers.
type world struct {
	mu      sync.Mutex
	ms      int64
	stores  []Store
	orders  []Order
	changed map[string]int64 // order → when, ms
	at      map[string]Fix
	reached []string
	fail    error
}

func newWorld() *world {
	return &world{ms: 1_700_000_000_000, changed: map[string]int64{}, at: map[string]Fix{}}
}

func (w *world) locked(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.UnixMilli(w.ms)
}

func (w *world) pass(d time.Duration) { w.locked(func() { w.ms += d.Milliseconds() }) }

func (w *world) Stores(context.Context) ([]Store, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stores, nil
}

func (w *world) Positions(_ context.Context, ids []string) (out []Fix, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if f, ok := w.at[id]; ok {
			out = append(out, f)
		}
	}
	return out, nil
}

func (w *world) Carried(_ context.Context, sinceMS int64) (out []Order, next int64, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next = sinceMS
	for _, o := range w.orders {
		if ms := w.changed[o.ID]; ms >= sinceMS {
			out, next = append(out, o), max(next, ms+1)
		}
	}
	return out, next, nil
}

func (w *world) Reached(_ context.Context, orderID, driverID string, target Target) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return false, w.fail
	}
	w.reached = append(w.reached, fmt.Sprintf("%s %s %d", orderID, driverID, target))
	for i := range w.orders {
		if w.orders[i].ID == orderID {
			w.orders[i].Target, w.changed[orderID] = Nowhere, w.ms
		}
	}
	return true, nil
}

// order has the order carried anew.
func (w *world) order(o Order) {
	w.locked(func() {
		w.changed[o.ID] = w.ms
		for i := range w.orders {
			if w.orders[i].ID == o.ID {
				w.orders[i] = o
				return
			}
		}
		w.orders = append(w.orders, o)
	})
}

// rig is one server.
type rig struct {
	*Fences
	t testing.TB
	w *world
}

func newRig(t testing.TB, e cache.Engine, w *world) *rig {
	t.Helper()
	r := &rig{New(e, w, w, w, Options{Now: w.now, MaxFences: 3}), t, w}
	require.NoError(t, r.Load(t.Context()))
	return r
}

// fix makes the driver be so many metres north of 12.97, 77.59.
func (w *world) fix(driver string, metres float64) Fix {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ms += 4000
	f := Fix{DriverID: driver, Lat: 12.97 + metres/metresPerDegree, Lon: 77.59, TS: w.ms, AccuracyM: 10}
	w.at[driver] = f
	return f
}

func (r *rig) observe(fixes ...Fix) {
	r.t.Helper()
	require.NoError(r.t, r.Observe(r.t.Context(), len(fixes), func(i int) (Fix, bool) { return fixes[i], true }))
}

// go sends n fixes of a driver at a place.
func (r *rig) send(n int, driver string, metres float64) {
	r.t.Helper()
	for range n {
		r.observe(r.w.fix(driver, metres))
	}
}

// kinds are the events of a fence, as "driver kind".
func (r *rig) kinds(id string) []string {
	r.t.Helper()
	events, err := r.Events(r.t.Context(), id, 0, MaxEvents)
	require.NoError(r.t, err)
	out := []string{}
	for i, e := range events {
		require.Equal(r.t, int64(i+1), e.Seq)
		require.Equal(r.t, id, e.FenceID)
		out = append(out, e.DriverID+" "+string(e.Kind))
	}
	return out
}

func circle(id string, metres float64) Fence {
	return Fence{ID: id, Circle: &Circle{12.97, 77.59, metres}}
}

func (r *rig) put(f Fence) {
	r.t.Helper()
	got, err := r.Put(r.t.Context(), f)
	require.NoError(r.t, err)
	require.Equal(r.t, f, got)
}

// The same on every host.
func TestFences(t *testing.T) {
	for name, open := range hosts {
		t.Run(name, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, cache.Engine){
				"visits": testVisits, "registry": testRegistry, "two servers": testTwoServers, "sweep": testSweep, "silent dwell": testSilentDwell, "stores": testStores,
			} {
				t.Run(name, func(t *testing.T) { test(t, open(t)) })
			}
		})
	}
}

func testVisits(t *testing.T, e cache.Engine) {
	w := newWorld()
	r := newRig(t, e, w)
	near := circle("near", 100)
	near.DwellS = 30
	r.put(near)
	r.put(circle("wide", 300))
	sub, err := e.Subscribe(t.Context(), Channel("near"))
	require.NoError(t, err)
	defer sub.Close()

	r.send(5, "passer", 5000)
	require.Zero(t, r.Stats().Visitors, "nobody is near, nothing is kept")
	n, err := e.Exists(t.Context(), keyOccupied)
	require.NoError(t, err)
	require.Zero(t, n)

	r.send(3, "d1", 40)
	r.send(1, "d2", 40)
	require.Equal(t, []string{"d1 enter"}, r.kinds("near"))
	require.Equal(t, []string{"d1 enter"}, r.kinds("wide"))
	require.Contains(t, (<-sub.C()).Payload, `{"fence_id":"near","seq":1,"kind":"enter","driver_id":"d1","ts":1700000032000,"lat":12.970360,"lon":77.590000}`)
	require.Equal(t, 2, r.Stats().Visitors)
	r.send(8, "d1", 40)
	require.Equal(t, []string{"d1 enter", "d1 dwell"}, r.kinds("near"))
	r.send(3, "d1", 200)
	require.Equal(t, []string{"d1 enter", "d1 dwell", "d1 exit"}, r.kinds("near"))
	require.Equal(t, []string{"d1 enter"}, r.kinds("wide"))
	r.send(3, "d1", 90_000)
	require.Equal(t, []string{"d1 enter", "d1 exit"}, r.kinds("wide"))
	r.send(1, "d2", 90_000)
	require.Zero(t, r.Stats().Visitors)
	for _, id := range []string{"near", "wide"} {
		n, err := e.HLen(t.Context(), keyDrivers(id))
		require.NoError(t, err)
		require.Zero(t, n, "of who is away nothing is kept")
	}
	require.Equal(t, [...]int64{2, 2, 1}, r.Stats().Events)

	// A whole way in one batch.
	var way []Fix
	for _, metres := range []float64{9000, 40, 40, 40, 40, 200, 200, 200} {
		way = append(way, w.fix("d3", metres))
	}
	r.observe(way...)
	require.Equal(t, []string{"d3 enter", "d3 exit"}, r.kinds("near")[3:])
	later, err := r.Events(t.Context(), "near", 3, 1)
	require.NoError(t, err)
	require.Equal(t, int64(4), later[0].Seq)
	_, err = r.Events(t.Context(), "nowhere", 0, 1)
	require.ErrorIs(t, err, ErrNotFound)
}

func testRegistry(t *testing.T, e cache.Engine) {
	w := newWorld()
	a, b := newRig(t, e, w), newRig(t, e, w)
	f := Fence{ID: "b", Name: "gate", Polygon: [][][]float64{{{77.58, 12.96, 900}, {77.6, 12.96}, {77.6, 12.98}, {77.58, 12.98}, {77.58, 12.96, 900}}}}
	a.put(f)
	a.put(circle("a", 100))
	got, err := b.Get(t.Context(), "b")
	require.NoError(t, err)
	require.Equal(t, f, got)
	list, err := b.List("", 10)
	require.NoError(t, err)
	require.Empty(t, list, "the other server does not know yet")
	require.NoError(t, b.refreshFences(t.Context()))
	list, err = b.List("", 10)
	require.NoError(t, err)
	require.Equal(t, []Fence{circle("a", 100), f}, list)
	list, err = b.List("a", 10)
	require.NoError(t, err)
	require.Equal(t, []Fence{f}, list)
	list, err = b.List("", 1)
	require.NoError(t, err)
	require.Equal(t, []Fence{circle("a", 100)}, list)

	a.put(circle("a", 200))
	b.put(circle("c", 100))
	_, err = b.Put(t.Context(), circle("d", 100))
	require.ErrorIs(t, err, ErrTooMany)
	require.NoError(t, a.Remove(t.Context(), "b"))
	require.ErrorIs(t, a.Remove(t.Context(), "b"), ErrNotFound)
	require.ErrorIs(t, a.Remove(t.Context(), "store:S1"), ErrNotFound)
	_, err = a.Get(t.Context(), "b")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = a.Put(t.Context(), circle("", 100))
	require.ErrorIs(t, err, ErrInvalid)
	for _, r := range []*rig{a, b} {
		require.NoError(t, r.refreshFences(t.Context()))
		list, err = r.List("", 10)
		require.NoError(t, err)
		require.Equal(t, []Fence{circle("a", 200), circle("c", 100)}, list)
		require.Equal(t, 2, r.Stats().Fences)
	}
	// More changes than are kept: everything is read again.
	for i := range keepChanges + 10 {
		call := putCall("a", fmt.Sprintf(`{"fence_id":"a","circle":{"lat":12.97,"lon":77.59,"radius_m":%d}}`, 100+i), 10)
		_, err := e.Run(t.Context(), call.Script, call.Keys, call.Args)
		require.NoError(t, err)
	}
	require.NoError(t, b.refreshFences(t.Context()))
	list, err = b.List("", 1)
	require.NoError(t, err)
	require.Equal(t, float64(100+keepChanges+9), list[0].Circle.RadiusM)
	// The engine is lost.
	_, err = e.Del(t.Context(), keyFences, keyChanges)
	require.NoError(t, err)
	require.NoError(t, b.refreshFences(t.Context()))
	require.Zero(t, b.Stats().Fences)
}

// A driver's fixes go to either server: there is one visit, and one event of each
// kind.
func testTwoServers(t *testing.T, e cache.Engine) {
	w := newWorld()
	a := newRig(t, e, w)
	a.put(circle("near", 100))
	b := newRig(t, e, w)
	for i := range 6 {
		[]*rig{a, b}[i%2].send(1, "d1", 40)
	}
	require.Equal(t, []string{"d1 enter"}, a.kinds("near"))
	for i := range 6 {
		[]*rig{a, b}[i%2].send(1, "d1", 400)
	}
	require.Equal(t, []string{"d1 enter", "d1 exit"}, b.kinds("near"))

	// A server that starts anew knows nobody; who leaves far away is found.
	a.send(3, "d1", 40)
	c := newRig(t, e, w)
	c.send(3, "d1", 9000)
	require.Equal(t, []string{"d1 enter", "d1 exit", "d1 enter"}, c.kinds("near"))
	for range 3 {
		w.fix("d1", 9000)
		w.pass(overlookedAfterMS * time.Millisecond)
		require.NoError(t, c.Sweep(t.Context()))
	}
	require.Equal(t, []string{"d1 enter", "d1 exit", "d1 enter", "d1 exit"}, c.kinds("near"))
}

func testSweep(t *testing.T, e cache.Engine) {
	w := newWorld()
	r := newRig(t, e, w)
	r.put(circle("near", 100))
	r.send(3, "d1", 40)
	r.send(2, "d2", 40)
	r.send(3, "forgotten", 40)
	w.locked(func() { delete(w.at, "forgotten") })
	require.NoError(t, r.Sweep(t.Context()))
	w.pass(20 * time.Minute)
	require.NoError(t, r.Sweep(t.Context()))
	require.Len(t, r.kinds("near"), 2, "silence is not leaving yet")
	w.pass(20 * time.Minute)
	require.NoError(t, r.Sweep(t.Context()))
	require.NoError(t, r.Sweep(t.Context()))
	require.ElementsMatch(t, []string{"d1 exit", "forgotten exit"}, r.kinds("near")[2:])
	events, err := r.Events(t.Context(), "near", 2, 10)
	require.NoError(t, err)
	for _, e := range events {
		require.True(t, e.Silent)
	}
	w.pass(unoccupiedAfterMS * time.Millisecond)
	require.NoError(t, r.Sweep(t.Context()))
	n, err := e.Exists(t.Context(), keyOccupied, keyDrivers("near"))
	require.NoError(t, err)
	require.Zero(t, n, "nothing is left to sweep")

	// A fence is removed while another server, which does not know, takes fixes.
	late := newRig(t, e, w)
	require.NoError(t, r.Remove(t.Context(), "near"))
	late.send(3, "d1", 40)
	require.NoError(t, late.refreshFences(t.Context()))
	require.NoError(t, r.Sweep(t.Context()))
	w.pass(unoccupiedAfterMS * time.Millisecond)
	require.NoError(t, r.Sweep(t.Context()))
	keys, _, err := e.Scan(t.Context(), "", "fence:*", 1000)
	require.NoError(t, err)
	require.Empty(t, keys)
	late.send(1, "d1", 40)
	w.pass(time.Second)
	late.forgetVisitors()
	require.Zero(t, late.Stats().Visitors)
}

// A phone that falls silent inside dwells, and the next fix counts.
func testSilentDwell(t *testing.T, e cache.Engine) {
	w := newWorld()
	r := newRig(t, e, w)
	near := circle("near", 100)
	near.DwellS = 60
	r.put(near)
	r.send(3, "d1", 40)
	w.pass(59 * time.Second)
	require.NoError(t, r.Sweep(t.Context()))
	require.Equal(t, []string{"d1 enter"}, r.kinds("near"))
	w.pass(time.Second)
	require.NoError(t, r.Sweep(t.Context()))
	require.NoError(t, r.Sweep(t.Context()))
	require.Equal(t, []string{"d1 enter", "d1 dwell"}, r.kinds("near"))
	events, err := r.Events(t.Context(), "near", 1, 1)
	require.NoError(t, err)
	require.Equal(t, Event{FenceID: "near", Seq: 2, Kind: Dwell, DriverID: "d1", TS: w.now().UnixMilli(), Lat: 12.97036, Lon: 77.59, Silent: true}, events[0])
	require.Equal(t, int64(1), r.Stats().Events[2])
	w.pass(-30 * time.Second) // the phone has kept some
	r.send(3, "d1", 400)
	require.Equal(t, []string{"d1 enter", "d1 dwell", "d1 exit"}, r.kinds("near"))
}

func testStores(t *testing.T, e cache.Engine) {
	w := newWorld()
	w.stores = []Store{{"S1", 12.97, 77.59, true}, {"S2", 13.5, 77.59, false}, {"pole", 89, 0, true}}
	r := newRig(t, e, w)
	require.Equal(t, 1, r.Stats().Stores)
	r.send(3, "d1", 40)
	require.Equal(t, []string{"d1 enter"}, r.kinds("store:S1"))
	list, err := r.List("", 10)
	require.NoError(t, err)
	require.Empty(t, list)
	w.locked(func() { w.stores = []Store{{"S1", 12.98, 77.59, true}, {"S2", 12.97, 77.59, true}} })
	require.NoError(t, r.refreshStores(t.Context()))
	r.send(3, "d1", 40)
	require.Equal(t, []string{"d1 enter", "d1 exit"}, r.kinds("store:S1"))
	require.Equal(t, []string{"d1 enter"}, r.kinds("store:S2"))
	w.locked(func() { w.stores = w.stores[:1] })
	require.NoError(t, r.refreshStores(t.Context()))
	require.Equal(t, 1, r.Stats().Stores)
}

// Only the order's driver arrives, once, and what could not be written is written
// after the next fixes.
func TestOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.stores = []Store{{"S1", 12.97, 77.59, true}}
		r := newRig(t, enginetest.Memory(t), w)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var running sync.WaitGroup
		running.Go(func() { r.Run(ctx) })
		settle := func() {
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
		}
		o := Order{ID: "o1", DriverID: "d1", StoreID: "S1", Drop: Place{12.99, 77.59}, Target: AtStore}
		const toDrop = 0.02 * metresPerDegree
		w.order(o)
		settle()
		require.Equal(t, 1, r.Stats().Orders)
		r.send(5, "d2", 10)
		r.send(2, "d1", 10)
		r.send(4, "d1", 95)
		settle()
		require.Empty(t, w.reached, "somebody else, or not sure")

		w.locked(func() { w.fail = errors.New("the engine is gone") })
		r.send(3, "d1", 10) // no more: those after a failure would count for the next try
		synctest.Wait()
		require.Equal(t, int64(1), r.Stats().Failures)
		w.locked(func() { w.fail = nil })
		r.send(2, "d1", 10)
		synctest.Wait()
		require.Empty(t, w.reached)
		r.send(3, "d1", 10)
		synctest.Wait()
		require.Equal(t, []string{"o1 d1 1"}, w.reached)
		settle()
		r.send(6, "d1", 10)
		settle()
		require.Equal(t, []string{"o1 d1 1"}, w.reached)
		require.Zero(t, r.Stats().Orders)

		o.Target = AtDrop
		w.order(o)
		settle()
		r.send(3, "d1", toDrop-150)
		settle()
		require.Equal(t, []string{"o1 d1 1", "o1 d1 2"}, w.reached)
		require.Equal(t, int64(1), r.Stats().ArrivedAtStore)
		require.Equal(t, int64(1), r.Stats().NearCustomer)

		// Another driver takes over; then the order is no more.
		o.Target, o.DriverID = AtStore, "d3"
		w.order(o)
		settle()
		r.send(3, "d1", 10)
		settle()
		require.Len(t, w.reached, 2)
		w.locked(func() { w.orders = nil })
		w.pass(allOrdersEvery)
		settle()
		require.Zero(t, r.Stats().Orders)
		require.Empty(t, r.awaiting.all)
		cancel()
		running.Wait()
	})
}

// An order waits at where its store is, also if that is not known at first, and also
// if it changes.
func TestOrdersFollowStores(t *testing.T) {
	w := newWorld()
	r := newRig(t, enginetest.Memory(t), w)
	w.order(Order{ID: "o1", DriverID: "d1", StoreID: "S1", Drop: Place{12.99, 77.59}, Target: AtStore})
	require.NoError(t, r.reader.read(t.Context()))
	require.Zero(t, r.Stats().Orders)
	r.send(3, "d1", 10)
	require.Empty(t, r.reached, "nobody knows where the store is")

	store := func(lat float64) {
		w.locked(func() { w.stores = []Store{{"S1", lat, 77.59, false}} })
		require.NoError(t, r.refreshStores(t.Context()))
	}
	store(12.98)
	store(12.97)
	r.send(2, "d1", 0.01*metresPerDegree)
	r.send(3, "d1", 10)
	require.Len(t, r.reached, 1, "once, at the newer place")
	require.Equal(t, 1, r.Stats().Orders)
	require.Len(t, r.awaiting.all, 1)
	r.tell(t.Context(), <-r.reached)
	require.Equal(t, []string{"o1 d1 1"}, w.reached)
	require.Zero(t, r.Stats().Orders)
	require.Empty(t, r.awaiting.all)

	w.order(Order{ID: "o2", DriverID: "d1", StoreID: "S2", Target: AtStore})
	require.NoError(t, r.reader.read(t.Context()))
	require.Len(t, r.byOrder, 1)
	w.locked(func() { w.orders = nil })
	w.pass(allOrdersEvery)
	require.NoError(t, r.reader.read(t.Context()))
	require.Empty(t, r.byOrder, "one without a place is forgotten like others")
}

func TestConfirmation(t *testing.T) {
	w := newWorld()
	r := &rig{New(enginetest.Memory(t), w, w, w, Options{Now: w.now, ConfirmFixes: 5, ConfirmAfter: time.Minute}), t, w}
	r.put(circle("near", 100))
	r.send(4, "d1", 40)
	require.Empty(t, r.kinds("near"))
	r.send(1, "d1", 40)
	require.Equal(t, []string{"d1 enter"}, r.kinds("near"))
	r.send(1, "d1", 400)
	w.pass(time.Minute)
	r.send(1, "d1", 400)
	require.Equal(t, []string{"d1 enter", "d1 exit"}, r.kinds("near"))
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld()
	r := newRig(t, enginetest.Memory(t), w)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 30 {
				f := circle(fmt.Sprint("f", worker%2), 100+float64(i))
				_, err := r.Put(t.Context(), f)
				require.NoError(t, err)
				if i%7 == 6 {
					_ = r.Remove(t.Context(), f.ID) // the other worker may have
				}
				for _, metres := range []float64{10, 20, 30, 900} {
					r.observe(w.fix(fmt.Sprint("d", worker), metres))
				}
				require.NoError(t, r.Sweep(t.Context()))
				r.Stats()
			}
		})
	}
	wg.Wait()
}
