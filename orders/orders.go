// Package orders follows an order from placed to delivered.
//
// # States
//
//	placed → accepted → being_prepared → picked_up → out_for_delivery → delivered
//
// one step at a time, or cancelled from any state but the final two. An order
// may be cancelled on the road too: customers refuse at the door and partners
// have accidents. Cancelling touches no stock; whoever cancels releases the
// reservation, or takes the goods back as a return. A driver may be named at
// any step, must be by picked_up, and stays the same from then on.
//
// # Events
//
// Each step is an event, numbered 1, 2, 3, … within its order, and is written
// in one atomic step with the order's new state and a publication on
// [Channel]. A publication may be missed, the events may not:
// [Orders.Events] returns them from any number on. What the driver does between
// two steps is an event, too, once each: see [Milestone].
//
// # The durable record
//
// The engine has an order while it is on its way and a day longer; a step
// returns when it is as durable there as the engine makes anything
// (cache.Always). The database follows: before a step, the order's id is put
// into an outbox, the sorted set orders:changed. [Orders.Drain] writes each
// order that has been in it for a while to the database and takes it out, if it
// has not changed meanwhile. An id whose step then failed does no harm.
//
// # Concurrency
//
// Every method may be called from any goroutine, and any number of servers may
// share one engine and one database. Of two conflicting steps one wins and the
// other is decided again on the new state. The package has no locks.
package orders

import (
	"log/slog"
	"sync/atomic"
	"time"

	"hyperlocal/cache"
	"hyperlocal/internal/aside"
	"hyperlocal/persist"
)

// Options of New. The zero value is what a server wants.
type Options struct {
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Log is told when the background work starts to fail and when it works
	// again. Nil: nobody.
	Log *slog.Logger
	// MaxBacklog bounds the orders that may wait for the database; beyond it no
	// more are placed (ErrBacklog). 0: DefaultMaxBacklog.
	MaxBacklog int64
	// Aside takes the orders that the database refuses. Nil: they stay in the outbox.
	Aside *aside.File
}

// DefaultMaxBacklog is about a gigabyte of orders.
const DefaultMaxBacklog = 500_000

// Orders are the orders.
type Orders struct {
	engine  cache.Engine // reads, and writes that can be made again
	durable cache.Engine // steps of orders
	db      persist.Orders
	now     func() time.Time
	log     *slog.Logger

	maxBacklog int64
	aside      *aside.File // or nil

	drained       atomic.Int64
	refused       atomic.Int64
	drainFailures atomic.Int64
	oldestWaiting atomic.Int64 // ms; 0: nothing was due at the last pass
}

// New returns the orders on an engine and a database.
func New(engine cache.Engine, db persist.Orders, opt Options) *Orders {
	o := &Orders{
		engine:     engine,
		durable:    engine.Durable(cache.Always),
		db:         db,
		now:        opt.Now,
		log:        opt.Log,
		maxBacklog: opt.MaxBacklog,
		aside:      opt.Aside,
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if o.maxBacklog <= 0 {
		o.maxBacklog = DefaultMaxBacklog
	}
	return o
}

// Stats are the package's counters since the process started.
type Stats struct {
	Drained       int64         // orders written to the database, one for each time
	SetAside      int64         // orders that it refused, one for each time
	DrainFailures int64         // passes of the drainer that failed and will be tried again
	DrainLag      time.Duration // how long the oldest change that was due has waited; 0 if none was
}

// Stats returns the counters.
func (o *Orders) Stats() Stats {
	s := Stats{Drained: o.drained.Load(), SetAside: o.refused.Load(), DrainFailures: o.drainFailures.Load()}
	if oldest := o.oldestWaiting.Load(); oldest > 0 {
		s.DrainLag = max(0, o.now().Sub(time.UnixMilli(oldest)))
	}
	return s
}

// The engine's keys. The order's id is the hash tag of its keys.
const (
	keyChanged = "orders:changed" // sorted set: order → when a step was last begun, ms
	keyDrained = "orders:drained" // when Drain last wrote, ms
	keyCarried = "orders:carried" // sorted set: order with a driver → when a step was last begun, ms
)

func keyOrder(id string) string  { return "order:{" + id + "}" }        // hash
func keyEvents(id string) string { return "order_events:{" + id + "}" } // stream

// KeyPrefixes are how the keys of this package begin. They are the truth about
// orders until the database has it.
func KeyPrefixes() []string { return []string{"order:{", "order_events:{", "orders:"} }

// Channel is the channel on which the steps of an order are published, as JSON:
//
//	{"order_id":"56789","seq":4,"ts":1700000000000,"status":"picked_up","driver_id":"d7","note":"…"}
//
// driver_id and note are absent if there is none. The status of a milestone is
// its name.
func Channel(orderID string) string { return "order_updates:{" + orderID + "}" }

// writeTimeout bounds a step of an order, from its mark in the outbox to its
// script.
const writeTimeout = 3 * time.Second

func (o *Orders) nowMS() int64 { return o.now().UnixMilli() }
