package fence

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Target is where an order's driver is on the way to.
type Target uint8

// The targets.
const (
	Nowhere Target = iota
	AtStore
	AtDrop
	targets
)

// Order is an order that has a driver.
type Order struct {
	ID       string
	DriverID string
	StoreID  string
	Drop     Place
	Target   Target // Nowhere if the driver has been there
}

// Orders is where orders are read, and told what their drivers have reached.
type Orders interface {
	// Carried returns orders with a driver that have changed since a time, in ms
	// since 1970; next is what to ask from to get the others, and is sinceMS if
	// there are none. A change may be seen as late as lateOrders after its time.
	Carried(ctx context.Context, sinceMS int64) (orders []Order, next int64, err error)
	// Reached notes that the order's driver has reached the target, and reports
	// whether that was news. It may be told again, and when it is true no more.
	Reached(ctx context.Context, orderID, driverID string, target Target) (bool, error)
}

const (
	lateOrders = 5 * time.Second
	// All orders are read again so often, which finds those that are no more.
	allOrdersEvery = time.Minute
	// abandoned orders, without a step for so long, are not waited for.
	abandonedAfter = 24 * time.Hour
	// maxAwaited bounds the orders that wait; more cost memory and no more.
	maxAwaited = 100_000
	// maxReached bounds the milestones that are to be written. Those beyond are
	// counted anew from the next fixes.
	maxReached = 1024
	// writers is how many of them are written at one time.
	writers = 4
)

// await is an order that waits for its driver to come somewhere.
type await struct {
	order  Order
	at     Place  // where that is
	shape  *shape // around it; nil while the place is not known
	rules  rules
	state  state // Fences.counting guards it, and queued
	queued bool
}

// orderReader follows the orders. One goroutine uses it.
type orderReader struct {
	fences *Fences
	since  int64 // what the next look asks from, ms
	all    int64 // when all were last read, ms
}

func (r *orderReader) read(ctx context.Context) error {
	now := r.fences.nowMS()
	if now-r.all < allOrdersEvery.Milliseconds() {
		next, err := r.follow(ctx, r.since, func(Order) {})
		r.since = max(r.since, next-lateOrders.Milliseconds())
		return err
	}
	known := map[string]bool{}
	next, err := r.follow(ctx, now-abandonedAfter.Milliseconds(), func(o Order) { known[o.ID] = true })
	if err != nil {
		return err
	}
	r.all, r.since = now, max(r.since, min(next, now)-lateOrders.Milliseconds())
	r.fences.mu.Lock()
	defer r.fences.mu.Unlock()
	for id, a := range r.fences.byOrder {
		if !known[id] {
			r.fences.leaveOff(a)
		}
	}
	return nil
}

// follow takes in all orders that changed since a time, and returns from when to
// ask the next time.
func (r *orderReader) follow(ctx context.Context, since int64, each func(Order)) (int64, error) {
	for {
		orders, next, err := r.fences.orders.Carried(ctx, since)
		if err != nil {
			return since, fmt.Errorf("read orders under way: %w", err)
		}
		r.fences.mu.Lock()
		for _, o := range orders {
			each(o)
			r.fences.await(o)
		}
		r.fences.mu.Unlock()
		if next <= since {
			return since, nil
		}
		since = next
	}
}

// await makes this server wait for what an order waits for. The caller holds
// f.mu.
func (f *Fences) await(o Order) {
	before := f.byOrder[o.ID]
	if before != nil && before.order == o {
		return
	}
	if before != nil {
		f.leaveOff(before)
	}
	at, radiusM := o.Drop, f.opt.CustomerRadiusM
	if o.Target == AtStore {
		at, radiusM = f.storeAt[o.StoreID], f.opt.StoreRadiusM
	}
	switch {
	case o.Target == Nowhere:
		return
	case len(f.byOrder) >= maxAwaited:
		f.unwatched.Add(1)
		return
	}
	a := &await{order: o, at: at}
	f.byOrder[o.ID] = a
	if at == (Place{}) || !(at.Lat >= -MaxLat && at.Lat <= MaxLat) {
		return
	}
	a.shape = circleShape(at.Lat, at.Lon, radiusM)
	a.rules = f.rules(a.shape, 0)
	f.placed++
	f.awaiting.put(o.DriverID, append(f.awaiting.get(o.DriverID), a))
}

// storesMoved makes orders wait at where their stores are now. The caller holds f.mu.
func (f *Fences) storesMoved() {
	var moved []Order
	for _, a := range f.byOrder {
		if a.order.Target == AtStore && a.at != f.storeAt[a.order.StoreID] {
			moved = append(moved, a.order)
		}
	}
	for _, o := range moved {
		f.leaveOff(f.byOrder[o.ID])
		f.await(o)
	}
}

// leaveOff ends waiting. The caller holds f.mu.
func (f *Fences) leaveOff(a *await) {
	delete(f.byOrder, a.order.ID)
	if a.shape == nil {
		return
	}
	f.placed--
	rest := slices.DeleteFunc(f.awaiting.get(a.order.DriverID), func(other *await) bool { return other == a })
	if len(rest) == 0 {
		f.awaiting.remove(a.order.DriverID)
	} else {
		f.awaiting.put(a.order.DriverID, rest)
	}
}

// count counts fixes of drivers who are on the way somewhere, and queues what
// they have reached.
func (f *Fences) count(fixes []awaitedFix) {
	if len(fixes) == 0 {
		return
	}
	f.counting.Lock()
	defer f.counting.Unlock()
	for _, fix := range fixes {
		a := fix.await
		if a.queued || a.state.step(a.rules, fix.observation) != Enter {
			continue
		}
		select {
		case f.reached <- a:
			a.queued = true
		default:
			a.state = state{}
		}
	}
}

// noteReached tells the orders, until the context ends.
func (f *Fences) noteReached(ctx context.Context) {
	done := make(chan struct{})
	for range writers {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				select {
				case a := <-f.reached:
					f.tell(ctx, a)
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	for range writers {
		<-done
	}
}

func (f *Fences) tell(ctx context.Context, a *await) {
	news, err := f.orders.Reached(ctx, a.order.ID, a.order.DriverID, a.order.Target)
	if err != nil {
		f.failures.Add(1)
		f.opt.Log.Warn("milestone is not written, waiting for the next fixes", "order", a.order.ID, "err", err)
		f.counting.Lock()
		a.state, a.queued = state{}, false
		f.counting.Unlock()
		return
	}
	if news {
		f.milestone[a.order.Target].Add(1)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byOrder[a.order.ID] == a {
		f.leaveOff(a)
	}
}
