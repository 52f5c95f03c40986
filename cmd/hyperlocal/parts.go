package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"hyperlocal/cache"
	"hyperlocal/cache/lease"
	"hyperlocal/fence"
	"hyperlocal/geo"
	"hyperlocal/ingest"
	"hyperlocal/internal/aside"
	"hyperlocal/internal/spill"
	"hyperlocal/inventory"
	"hyperlocal/orders"
	"hyperlocal/persist"
	"hyperlocal/realtime"
)

// How often the background work looks whether there is something to do.
const (
	sweepEvery  = 5 * time.Second
	expireEvery = 500 * time.Millisecond
	drainEvery  = time.Second
	// leaseFor is how long a job of a server that is gone waits for another.
	leaseFor = 6 * time.Second
)

// The jobs that change stock or take its movements, each done by one server at a time.
const (
	jobExpire     = "expire"
	jobDrainStock = "drain-stock"
)

// parts is a server without its HTTP surface.
type parts struct {
	log       *slog.Logger
	name      string // of this server among those on its engine
	shared    bool   // other servers may be on the engine
	engine    cache.Engine
	store     persist.Store
	begin     beginning
	zones     *liveZones
	fleet     *geo.Fleet
	flusher   *geo.Flusher
	pruner    *pruner
	spill     *spill.Queue // nil if another server has it
	ingest    *ingest.Handler
	streams   *ingest.Streams
	waiting   *ingest.Waiting
	fences    *fence.Fences
	inventory *inventory.Inventory
	orders    *orders.Orders
	hub       *realtime.Hub

	stopHub context.CancelFunc
	hubDone chan struct{}
	stop    context.CancelFunc
	work    sync.WaitGroup
}

// openParts opens the engine and the database and builds what works on them. A database
// that cannot be reached is no error.
func openParts(ctx context.Context, c config, zones *geo.Zones, log *slog.Logger) (_ *parts, err error) {
	p := &parts{log: log, name: uuid.NewString(), shared: c.Engine != "memory", begin: beginning{log: log}}
	if p.engine, err = openEngine(ctx, c, log); err != nil {
		return nil, err
	}
	if p.store, err = openStorePatiently(ctx, c); err != nil {
		return nil, errors.Join(err, p.engine.Close())
	}
	p.fleet = geo.NewFleet(p.engine, zones, geo.FleetOptions{StaleAfter: c.StaleAfter, BucketLength: c.Bucket, Limits: c.limits()})
	p.zones = &liveZones{fleet: p.fleet, read: func() (*geo.Zones, error) { return openZones(c) }, log: log}
	var flush geo.FlushOptions
	if flush, p.spill, err = c.flushOptions(log); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.flusher = geo.NewFlusher(p.fleet, p.store, flush)
	p.pruner = &pruner{store: p.store, retention: c.TrackRetention, now: time.Now, log: log}
	room, err := c.pingsWaiting()
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.inventory = inventory.New(p.engine, p.store, inventory.Options{Log: log, Aside: aside.New(c.refusedFile("movements"), maxAside)})
	p.orders = orders.New(p.engine, p.store, orders.Options{Log: log, Aside: aside.New(c.refusedFile("orders"), maxAside)})
	if err := p.begin.do(ctx, p.inventory.Load); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if err := p.openFences(ctx, c); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.waiting = ingest.NewWaiting(fencedFleet{p.fleet, p.fences, log}, room, log)
	limits, err := c.pingLimits()
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.ingest = ingest.New(p.waiting, ingest.Options{Limits: limits})
	p.waiting.Tell(p.ingest.Count)
	p.streams = ingest.NewStreams(p.ingest, ingest.StreamOptions{AllowedOrigins: c.AllowedOrigins, Logger: log})
	p.hub = realtime.NewHub(p.engine, livePositions{p.fleet}, liveOrders{p.orders}, realtime.Options{
		Tick: c.LiveTick, StaleAfter: c.StaleAfter, AllowedOrigins: c.AllowedOrigins, Logger: log,
	})
	return p, nil
}

// start begins the background work.
func (p *parts) start() {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	hubCtx, stopHub := context.WithCancel(ctx)
	p.stopHub, p.hubDone = stopHub, make(chan struct{})
	go func() {
		defer close(p.hubDone)
		p.runHub(hubCtx)
	}()
	for _, run := range []func(){
		func() { p.begin.finish(ctx) },
		func() { p.waiting.Run(ctx) },
		func() { p.flusher.Run(ctx) },
		func() { p.pruner.run(ctx) },
		func() { p.fences.Run(ctx) },
		p.alone(ctx, "fences", p.fences.RunSweeper),
		p.alone(ctx, "sweep", func(ctx context.Context) { p.fleet.RunSweeper(ctx, sweepEvery) }),
		p.alone(ctx, jobExpire, func(ctx context.Context) { p.inventory.RunExpirer(ctx, expireEvery) }),
		p.alone(ctx, jobDrainStock, func(ctx context.Context) { p.inventory.RunDrainer(ctx, drainEvery) }),
		p.alone(ctx, "drain-orders", func(ctx context.Context) { p.orders.RunDrainer(ctx, drainEvery) }),
	} {
		p.work.Go(run)
	}
}

// checkStore returns nil if the database answers and the start has got what it needs of
// it.
func (p *parts) checkStore(ctx context.Context) error {
	if err := p.store.Ping(ctx); err != nil {
		return err
	}
	return p.begin.undone()
}

// alone has one of the servers on a shared engine do a job. All may do it at once,
// each for nothing but the work.
func (p *parts) alone(ctx context.Context, job string, run func(context.Context)) func() {
	if !p.shared {
		return func() { run(ctx) }
	}
	l := lease.New(p.engine, job, p.name, leaseFor)
	return func() { l.Hold(ctx, p.log, run) }
}

// runHub keeps the hub running: when the engine has dropped its subscription
// the followers are asked to come back, and find a new one.
func (p *parts) runHub(ctx context.Context) {
	for ctx.Err() == nil {
		err := p.hub.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		p.log.Error("followers lost their connection to the engine, starting again", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// dismiss closes all WebSockets and event streams with the advice to come back.
// Without it the HTTP server would wait for the latter for ever.
func (p *parts) dismiss() {
	p.stopHub()
	p.streams.Close()
	<-p.hubDone
}

// finish ends the background work and writes to the database what still waits
// in the engine, open buckets included. Then it closes both. What cannot be
// written stays in the engine for the next start.
func (p *parts) finish(ctx context.Context) error {
	p.stop()
	p.work.Wait()

	var errs []error
	if err := p.waiting.Finish(ctx); err != nil {
		errs = append(errs, err)
	}
	if err := p.flusher.FlushAll(ctx, true); err != nil {
		errs = append(errs, fmt.Errorf("tracks that are not in the database wait in the engine: %w", err))
	}
	if _, err := p.inventory.Drain(ctx); err != nil {
		errs = append(errs, fmt.Errorf("stock movements that are not in the database wait in the engine: %w", err))
	}
	if _, err := p.orders.Drain(ctx); err != nil {
		errs = append(errs, fmt.Errorf("orders that are not in the database wait in the engine: %w", err))
	}
	return errors.Join(append(errs, p.close())...)
}

func (p *parts) close() error {
	errs := []error{p.store.Close(), p.engine.Close()}
	if p.spill != nil {
		errs = append(errs, p.spill.Close())
	}
	return errors.Join(errs...)
}
