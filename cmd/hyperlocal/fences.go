package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"hyperlocal/fence"
	"hyperlocal/geo"
	"hyperlocal/inventory"
	"hyperlocal/orders"
)

// openFences makes the fences and what connects them with the others.
func (p *parts) openFences(ctx context.Context, c config) error {
	p.fences = fence.New(p.engine, fenceStores{p.inventory}, fenceOrders{p.orders}, fencePositions{p.fleet}, fence.Options{
		MaxFences: c.MaxFences, StoreRadiusM: c.StoreFence, CustomerRadiusM: c.CustomerFence,
		ConfirmFixes: c.FenceFixes, ConfirmAfter: c.FenceAfter, Log: p.log,
	})
	return p.fences.Load(ctx)
}

// checkFences refuses what cannot work, by the name of its flag.
func (c config) checkFences() error {
	if c.MaxFences < 1 || c.MaxFences > 1_000_000 {
		return fmt.Errorf("--max-fences %d: must be between 1 and 1000000", c.MaxFences)
	}
	if c.FenceFixes < 1 || c.FenceFixes > 100 {
		return fmt.Errorf("--fence-fixes %d: must be between 1 and 100", c.FenceFixes)
	}
	for flag, metres := range map[string]float64{"store-fence": c.StoreFence, "customer-fence": c.CustomerFence} {
		if !(metres >= fence.MinRadiusM && metres <= fence.MaxRadiusM) {
			return fmt.Errorf("--%s %v: must be between %d and %d metres", flag, metres, fence.MinRadiusM, fence.MaxRadiusM)
		}
	}
	return nil
}

// fencedFleet records fixes, and shows the fences those that moved a driver. What
// the fences cannot take in does not concern the sender: they make up for it by
// the next fix.
type fencedFleet struct {
	fleet  *geo.Fleet
	fences *fence.Fences
	log    *slog.Logger
}

func (f fencedFleet) Record(ctx context.Context, fixes []geo.Fix) ([]geo.Outcome, error) {
	outcomes, err := f.fleet.Record(ctx, fixes)
	if err != nil {
		return nil, err
	}
	err = f.fences.Observe(ctx, len(fixes), func(i int) (fence.Fix, bool) {
		p := &fixes[i]
		return fence.Fix{DriverID: p.DriverID, Lat: p.Lat, Lon: p.Lon, TS: p.TS, AccuracyM: p.AccuracyM}, outcomes[i].Verdict.Present()
	})
	if err != nil {
		f.log.Debug("fences did not take in a batch of fixes", "err", err)
	}
	return outcomes, nil
}

// fenceStores lets the fences read the stores.
type fenceStores struct{ inventory *inventory.Inventory }

func (s fenceStores) Stores(ctx context.Context) ([]fence.Store, error) {
	rows, err := s.inventory.Stores(ctx)
	out := make([]fence.Store, len(rows))
	for i, r := range rows {
		out[i] = fence.Store{ID: r.ID, Lat: r.Lat, Lon: r.Lon, Open: r.Open}
	}
	return out, err
}

// fencePositions lets the fences ask where drivers are.
type fencePositions struct{ fleet *geo.Fleet }

func (p fencePositions) Positions(ctx context.Context, ids []string) ([]fence.Fix, error) {
	ps, err := p.fleet.Positions(ctx, ids)
	out := make([]fence.Fix, len(ps))
	for i := range ps {
		out[i] = fence.Fix{DriverID: ps[i].DriverID, Lat: ps[i].Lat, Lon: ps[i].Lon, TS: ps[i].TS, AccuracyM: ps[i].AccuracyM}
	}
	return out, err
}

// fenceOrders lets the fences follow the orders. A target is where the milestone
// that the order waits for is reached.
type fenceOrders struct{ orders *orders.Orders }

var (
	targets    = map[orders.Milestone]fence.Target{orders.ArrivedAtStore: fence.AtStore, orders.NearCustomer: fence.AtDrop}
	milestones = map[fence.Target]orders.Milestone{fence.AtStore: orders.ArrivedAtStore, fence.AtDrop: orders.NearCustomer}
)

func (o fenceOrders) Carried(ctx context.Context, sinceMS int64) ([]fence.Order, int64, error) {
	carried, next, err := o.orders.CarriedSince(ctx, sinceMS)
	out := make([]fence.Order, len(carried))
	for i, c := range carried {
		out[i] = fence.Order{
			ID: c.ID, DriverID: c.DriverID, StoreID: c.StoreID,
			Drop: fence.Place{Lat: c.DropLat, Lon: c.DropLon}, Target: targets[c.Awaits],
		}
	}
	return out, next, err
}

func (o fenceOrders) Reached(ctx context.Context, orderID, driverID string, t fence.Target) (bool, error) {
	return o.orders.Reach(ctx, orderID, driverID, milestones[t])
}

// fenceMetrics registers what the fences count.
func fenceMetrics(reg *prometheus.Registry, f *fence.Fences) {
	counter := func(name, help string, labels prometheus.Labels, value func(fence.Stats) int64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "hyperlocal_" + name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value(f.Stats())) }))
	}
	gauge := func(name, help string, labels prometheus.Labels, value func(fence.Stats) int) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hyperlocal_" + name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value(f.Stats())) }))
	}
	for i, kind := range fence.Kinds {
		counter("fence_events_total", "Events of fences, by kind.", prometheus.Labels{"kind": string(kind)},
			func(s fence.Stats) int64 { return s.Events[i] })
	}
	counter("order_milestones_total", "Milestones that orders' drivers have reached, by kind.", prometheus.Labels{"kind": string(orders.ArrivedAtStore)},
		func(s fence.Stats) int64 { return s.ArrivedAtStore })
	counter("order_milestones_total", "Milestones that orders' drivers have reached, by kind.", prometheus.Labels{"kind": string(orders.NearCustomer)},
		func(s fence.Stats) int64 { return s.NearCustomer })
	counter("fence_failures_total", "Batches of fixes that the engine did not take for the fences, and milestones that were not written.", nil,
		func(s fence.Stats) int64 { return s.Failures })
	counter("fence_orders_left_out_total", "Orders that are not watched, because there are too many.", nil,
		func(s fence.Stats) int64 { return s.Unwatched })
	gauge("fences", "Fences, by who put them.", prometheus.Labels{"of": "callers"}, func(s fence.Stats) int { return s.Fences })
	gauge("fences", "Fences, by who put them.", prometheus.Labels{"of": "stores"}, func(s fence.Stats) int { return s.Stores })
	gauge("fences", "Fences, by who put them.", prometheus.Labels{"of": "orders"}, func(s fence.Stats) int { return s.Orders })
	gauge("fence_visitors", "Drivers within a fence, or about to be, of whom this server knows.", nil, func(s fence.Stats) int { return s.Visitors })
}
