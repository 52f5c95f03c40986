package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"hyperlocal/loadtest"
)

const (
	// nearM is when a partner has arrived: about a door's width on a phone's map.
	nearM = 50.0
	// An order that has not been delivered by then is given up, and its
	// reservation expires by itself not long after.
	orderPatience   = 15 * time.Minute
	reservationTTLS = 20 * 60
	// Between two orders, and before asking again what has failed.
	pause = 8 * time.Second
	// The drop is so far from a store that the ride takes about a minute.
	minDropM, maxDropM = 500.0, 750.0
)

// dwell is how long an order at least stays in a status, so that people can
// follow it.
var dwell = map[string]time.Duration{
	placed:        4 * time.Second,
	accepted:      4 * time.Second,
	beingPrepared: 12 * time.Second,
	pickedUp:      3 * time.Second,
}

// courier keeps one order alive at a time. Orders are numbered from 1, so that
// the one to go on with after a restart can be found.
type courier struct {
	api      api
	fleet    *loadtest.Fleet
	stores   []Store
	rng      *rand.Rand
	log      *slog.Logger
	announce func(orderID string)
}

func newCourier(a api, fleet *loadtest.Fleet, stores []Store, log *slog.Logger, announce func(orderID string)) *courier {
	return &courier{
		api: a, fleet: fleet, stores: stores, log: log, announce: announce,
		// Other orders at each start, and another choice when one is tried again.
		rng: rand.New(rand.NewPCG(seed, uint64(time.Now().UnixNano()))),
	}
}

func orderID(number int) string { return fmt.Sprintf("demo-%d", number) }

// run carries order after order until ctx is done. What fails is tried again
// after a pause; what it has been before is read from the server, not kept.
func (c *courier) run(ctx context.Context) {
	number := 0
	for {
		var err error
		if number == 0 {
			number, err = c.lastNumber(ctx)
		}
		if err == nil {
			err = c.carry(ctx, number)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			number++
		default:
			c.log.Warn("demo: the order does not get on, trying again", "err", err)
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// lastNumber finds the order to go on with: the last there is, or the first.
// Numbers have no gaps, so doubling and then halving finds it in a few calls.
func (c *courier) lastNumber(ctx context.Context) (int, error) {
	exists := func(number int) (bool, error) {
		_, err := c.api.order(ctx, orderID(number))
		if refused(err, http.StatusNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	found, missing := 0, 1
	for {
		there, err := exists(missing)
		if err != nil {
			return 0, err
		}
		if !there {
			break
		}
		found, missing = missing, missing*2
	}
	for missing-found > 1 {
		middle := (found + missing) / 2
		there, err := exists(middle)
		if err != nil {
			return 0, err
		}
		if there {
			found = middle
		} else {
			missing = middle
		}
	}
	return max(found, 1), nil
}

// carry takes an order from where it is to its end. The error says why it could
// not go on; nil that the order is delivered or cancelled.
func (c *courier) carry(ctx context.Context, number int) error {
	o, err := c.api.order(ctx, orderID(number))
	if refused(err, http.StatusNotFound) {
		o, err = c.order(ctx, number)
	}
	if err != nil {
		return err
	}
	c.announce(o.OrderID)
	defer func() { c.letGo(o.DriverID) }() // whoever it is then
	for o.Status != delivered && o.Status != cancelled {
		if err := c.step(ctx, o); err != nil {
			return err
		}
		if o, err = c.api.order(ctx, o.OrderID); err != nil {
			return err
		}
		c.log.Debug("demo: order", "order", o.OrderID, "status", o.Status, "store", o.StoreID, "driver", o.DriverID)
	}
	return c.settle(ctx, o)
}

// letGo sends the order's partner back to its trace; without one there is
// nothing to do.
func (c *courier) letGo(driverID string) {
	if driverID != "" {
		_ = c.fleet.Release(driverID) // of another fleet: not ours to release
	}
}

// settle turns the reservation of an order that has ended into a sale, or gives
// it back. One that has expired or was settled before is left as it is.
func (c *courier) settle(ctx context.Context, o orderDoc) error {
	if o.ReservationID == "" {
		return nil
	}
	end := c.api.commit
	if o.Status == cancelled {
		end = c.api.release
	}
	err := end(ctx, o.ReservationID)
	if refused(err, http.StatusConflict) || refused(err, http.StatusNotFound) {
		c.log.Info("demo: the reservation had ended already", "order", o.OrderID, "err", err)
		return nil
	}
	return err
}

// order is what a customer's app does: ask what the nearest store has, reserve
// some of it, and place the order.
func (c *courier) order(ctx context.Context, number int) (orderDoc, error) {
	drop := c.drop()
	products, err := c.api.products(ctx)
	if err != nil {
		return orderDoc{}, err
	}
	c.rng.Shuffle(len(products), func(i, j int) { products[i], products[j] = products[j], products[i] })
	products = products[:min(len(products), 50)]
	if len(products) == 0 {
		return orderDoc{}, errors.New("the catalogue is empty")
	}
	store, stock, err := c.api.availability(ctx, drop, products)
	if err != nil {
		return orderDoc{}, err
	}
	lines := c.choose(products, stock)
	if len(lines) == 0 {
		return orderDoc{}, fmt.Errorf("store %s has none of %d products", store.StoreID, len(products))
	}
	reservation, err := c.api.reserve(ctx, store.StoreID, orderID(number), lines, reservationTTLS)
	if err != nil {
		return orderDoc{}, err
	}
	return c.api.place(ctx, orderID(number), store.StoreID, reservation, drop, lines)
}

// drop picks the customer's door, a short ride from one of the stores.
func (c *courier) drop() place {
	s := c.stores[c.rng.IntN(len(c.stores))]
	p := geo.PointAtBearingAndDistance(orb.Point{s.Lon, s.Lat}, c.rng.Float64()*360, minDropM+c.rng.Float64()*(maxDropM-minDropM))
	return place{Lat: p.Lat(), Lon: p.Lon()}
}

// choose takes a unit or two of up to three products that are there.
func (c *courier) choose(products []string, stock map[string]int) []line {
	var lines []line
	for _, id := range products {
		if stock[id] < 1 {
			continue
		}
		lines = append(lines, line{ProductID: id, Units: 1 + c.rng.IntN(min(stock[id], 2))})
		if len(lines) == 3 {
			break
		}
	}
	return lines
}

// step does what an order's status calls for and gives it the next one.
func (c *courier) step(ctx context.Context, o orderDoc) error {
	if time.Since(time.UnixMilli(o.CreatedTS)) > orderPatience {
		return c.api.advance(ctx, o.OrderID, cancelled, "")
	}
	if !sleep(ctx, dwell[o.Status]-time.Since(time.UnixMilli(o.UpdatedTS))) {
		return ctx.Err()
	}
	switch o.Status {
	case placed:
		return c.assign(ctx, o)
	case accepted:
		return c.api.advance(ctx, o.OrderID, beingPrepared, o.DriverID)
	case beingPrepared:
		store, err := c.api.store(ctx, o.StoreID)
		if err != nil {
			return err
		}
		return c.ride(ctx, o, store.place, pickedUp)
	case pickedUp:
		return c.api.advance(ctx, o.OrderID, outForDelivery, o.DriverID)
	case outForDelivery:
		return c.ride(ctx, o, o.Drop, delivered)
	default:
		return fmt.Errorf("order %s has the unknown status %q", o.OrderID, o.Status)
	}
}

// assign has the nearest partner of this fleet accept the order and set out for
// the store. Anybody may send pings to a demo, but only the fleet's own partners
// can be told where to go.
func (c *courier) assign(ctx context.Context, o orderDoc) error {
	store, err := c.api.store(ctx, o.StoreID)
	if err != nil {
		return err
	}
	drivers, err := c.api.nearby(ctx, store.place)
	if err != nil {
		return err
	}
	for _, id := range drivers {
		if c.fleet.Direct(id, store.Lat, store.Lon) != nil {
			continue
		}
		err := c.api.advance(ctx, o.OrderID, accepted, id)
		if err != nil {
			c.letGo(id)
		}
		return err
	}
	return fmt.Errorf("no partner near store %s", o.StoreID)
}

// ride directs the order's partner to a place, waits until it has arrived, and
// gives the order a status there. A partner who is not in this fleet, as after
// a start with a smaller one, cannot ride: the order is cancelled.
func (c *courier) ride(ctx context.Context, o orderDoc, to place, then string) error {
	if err := c.fleet.Direct(o.DriverID, to.Lat, to.Lon); err != nil {
		return c.api.advance(ctx, o.OrderID, cancelled, "")
	}
	for {
		metres, err := c.fleet.Distance(o.DriverID, to.Lat, to.Lon)
		if err != nil {
			return err
		}
		if metres <= nearM {
			return c.api.advance(ctx, o.OrderID, then, o.DriverID)
		}
		if !sleep(ctx, tick) {
			return ctx.Err()
		}
	}
}

// sleep waits, and tells whether there is any point in going on.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
