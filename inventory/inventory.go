// Package inventory knows what is sold, where, and how much of it is left: the
// catalogue, the dark stores, their stock, and the reservations on it.
//
// # The live truth
//
// The engine's hash of a store is what reservations are decided by, not a copy
// of the database. Every change is a script: all lines or none, never below
// zero, and recorded as movements in the same atomic step. So at every moment,
// for every store and product,
//
//	units available = sum of the movements' Available
//	units reserved  = sum of the movements' Reserved
//
// over the ledger in the database and the movements that still wait in the
// store's stream. [Inventory.Check] verifies it. Movements of a store are
// numbered 1, 2, 3, … without gaps. Those of a reservation say which units it has;
// the last one of each of its states tells the rest of it, for its own table.
//
// # Durability
//
// A call that changes stock returns when the change is as durable as the engine
// makes anything (cache.Always). The database follows behind: [Inventory.Drain]
// takes a movement out of its stream only after the ledger has it. A call that
// fails with cache.ErrUnavailable may or may not have happened; repeat it with
// the same idempotency key and it happens once.
//
// # Before Load
//
// A store that the engine has lost would give its movements numbers that the ledger
// has already, and there the first row of a number stays. So until [Inventory.Load]
// has succeeded nothing moves or reserves stock, and what the engine does not have is
// not said to be unknown: both fail with persist.ErrUnavailable. What the engine has is
// answered, and open reservations are closed: where one is, its store's numbers are,
// too, as they lie under one hash tag.
//
// # Concurrency
//
// Every method may be called from any goroutine, and any number of servers may
// share one engine and one database. The locks are putStore, which keeps two
// changes of stores from mixing, Load's among them, and is held while calling out,
// and the one inside each known set, which is not; the order is putStore, then known.
package inventory

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hyperlocal/cache"
	"hyperlocal/internal/aside"
	"hyperlocal/persist"
)

// DB is what the package needs of the database.
type DB interface {
	persist.Catalogue
	persist.Ledger
	persist.Reservations
}

// Options of New. The zero value is what a server wants.
type Options struct {
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Log is told when the background work starts to fail and when it works
	// again. Nil: nobody.
	Log *slog.Logger
	// MaxBacklog bounds the movements of one store that may wait for the
	// database; beyond it stock is neither moved nor reserved (ErrBacklog),
	// only reservations are still closed. 0: DefaultMaxBacklog.
	MaxBacklog int64
	// Aside takes the movements that the database refuses. Nil: they stay in their
	// store's stream, and those behind them.
	Aside *aside.File
}

// DefaultMaxBacklog is some 200 MB of movements of one store, or ten of them a
// second for a day.
const DefaultMaxBacklog = 1_000_000

// Inventory is the catalogue, the stores and their stock.
type Inventory struct {
	engine  cache.Engine // reads, and writes that can be made again
	durable cache.Engine // changes of stock
	db      DB
	now     func() time.Time
	log     *slog.Logger

	maxBacklog int64
	aside      *aside.File // or nil

	loaded   atomic.Bool // Load has succeeded
	products known
	stores   known
	putStore sync.Mutex

	drained       atomic.Int64
	refused       atomic.Int64
	drainFailures atomic.Int64
	oldestWaiting atomic.Int64 // ms; 0: nothing waited at the last pass
	expired       atomic.Int64
}

// New returns an inventory on an engine and a database. Call [Inventory.Load]
// before anything else: until it has succeeded, most is refused.
func New(engine cache.Engine, db DB, opt Options) *Inventory {
	inv := &Inventory{
		engine:     engine,
		durable:    engine.Durable(cache.Always),
		db:         db,
		now:        opt.Now,
		log:        opt.Log,
		maxBacklog: opt.MaxBacklog,
		aside:      opt.Aside,
	}
	if inv.now == nil {
		inv.now = time.Now
	}
	if inv.log == nil {
		inv.log = slog.New(slog.DiscardHandler)
	}
	if inv.maxBacklog <= 0 {
		inv.maxBacklog = DefaultMaxBacklog
	}
	return inv
}

// Load brings the stores and the catalogue from the database to where they are
// asked for, and rebuilds the stock of stores that the engine has lost. Calling
// it again is harmless, also while others call.
//
// Errors: ErrUndrained.
func (inv *Inventory) Load(ctx context.Context) error {
	if err := inv.loadProducts(ctx); err != nil {
		return fmt.Errorf("load the catalogue: %w", err)
	}
	if err := inv.loadStores(ctx); err != nil {
		return fmt.Errorf("load the stores: %w", err)
	}
	inv.loaded.Store(true)
	return nil
}

// errNotLoaded is what is answered before Load has succeeded.
var errNotLoaded = fmt.Errorf("%w: its stores and their stock have not been read yet", persist.ErrUnavailable)

// requireLoaded returns nil if Load has succeeded. It comes before whatever may begin a
// store's movements.
func (inv *Inventory) requireLoaded() error {
	if !inv.loaded.Load() {
		return errNotLoaded
	}
	return nil
}

// absent returns err, for what the engine does not have. Before Load it may have lost
// that.
func (inv *Inventory) absent(err error) error {
	if !inv.loaded.Load() {
		return errNotLoaded
	}
	return err
}

// Stats are the package's counters since the process started.
type Stats struct {
	Drained       int64         // movements written to the ledger
	SetAside      int64         // movements and reservations that the database refused
	DrainFailures int64         // passes of the drainer that failed and will be tried again
	DrainLag      time.Duration // age of the oldest movement that waited at the last pass; 0 if none did
	Expired       int64         // reservations given back because their time was up
}

// Stats returns the counters.
func (inv *Inventory) Stats() Stats {
	s := Stats{
		Drained:       inv.drained.Load(),
		SetAside:      inv.refused.Load(),
		DrainFailures: inv.drainFailures.Load(),
		Expired:       inv.expired.Load(),
	}
	if oldest := inv.oldestWaiting.Load(); oldest > 0 {
		s.DrainLag = max(0, inv.now().Sub(time.UnixMilli(oldest)))
	}
	return s
}

// nowMS is the present in milliseconds since 1970.
func (inv *Inventory) nowMS() int64 { return inv.now().UnixMilli() }

// known is a set of ids that have been seen to exist. Products and stores are
// never removed, so an id that is in the set needs no further question; its
// size is bounded by the number of rows in the database.
type known struct {
	mu  sync.RWMutex
	ids map[string]struct{}
}

func (k *known) add(ids ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ids == nil {
		k.ids = make(map[string]struct{}, len(ids))
	}
	for _, id := range ids {
		k.ids[id] = struct{}{}
	}
}

// missing returns those of ids that are not in the set.
func (k *known) missing(ids []string) []string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var out []string
	for _, id := range ids {
		if _, ok := k.ids[id]; !ok {
			out = append(out, id)
		}
	}
	return out
}
