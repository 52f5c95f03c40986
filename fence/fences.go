package fence

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hyperlocal/cache"
	"hyperlocal/internal/periodic"
)

// Place is a point in WGS 84 degrees.
type Place struct{ Lat, Lon float64 }

// Fix is a driver's place at a time.
type Fix struct {
	DriverID  string
	Lat, Lon  float64 // WGS 84 degrees
	TS        int64   // ms since 1970
	AccuracyM float32 // radius of confidence, metres; negative: unknown
}

// Store is a store, as far as it matters here.
type Store struct {
	ID       string
	Lat, Lon float64
	Open     bool
}

// Stores is where stores are read.
type Stores interface {
	Stores(ctx context.Context) ([]Store, error)
}

// Positions is where drivers are asked for.
type Positions interface {
	// Positions returns the newest fixes of drivers, however old, in any order.
	// Unknown drivers are left out.
	Positions(ctx context.Context, driverIDs []string) ([]Fix, error)
}

// Options are the settings. The zero value of a field stands for its default.
type Options struct {
	MaxFences       int     // that callers may put; default DefaultMaxFences
	StoreRadiusM    float64 // of the fence around a store; default 100 m
	CustomerRadiusM float64 // of the fence around where an order goes; default 200 m
	// So many fixes in a row, or two of them so far apart, say that a driver has
	// entered or left; default 3 and 10 s.
	ConfirmFixes int
	ConfirmAfter time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Log hears when work in the background starts to fail and when it works
	// again. Default: nobody.
	Log *slog.Logger
}

// DefaultMaxFences costs about 25 MB.
const DefaultMaxFences = 25_000

const (
	refreshEvery = time.Second
	storesEvery  = 5 * time.Second
	sweepEvery   = 5 * time.Second
	// silentAfter ends the visit of a driver who is not heard of.
	silentAfter = 30 * time.Minute
	// maxRemembered bounds the drivers that this server remembers to be in a
	// fence. Those beyond are left to Sweep.
	maxRemembered = 1 << 17
	// lookAtOnce bounds the drivers of whom it is asked at once whether to forget them.
	lookAtOnce = 4096
)

// Fences are the fences. See the package comment.
type Fences struct {
	engine    cache.Engine
	durable   cache.Engine
	stores    Stores
	orders    Orders
	positions Positions
	opt       Options

	refreshing sync.Mutex // held while the fences are brought up to date; guards loaded and lastChange
	loaded     bool
	lastChange int64 // number of the last change of fences that is known

	mu       sync.RWMutex // guards what follows
	held     map[string]*held
	index    index
	storeAt  map[string]Place
	visitors *byDriver[*visitor]
	awaiting *byDriver[[]*await]
	byOrder  map[string]*await
	placed   int // of byOrder: those of which it is known where that is

	reader   orderReader // of Load, then of Run
	counting sync.Mutex  // guards the states of awaits
	reached  chan *await

	events    [3]atomic.Int64 // by place in Kinds
	milestone [targets]atomic.Int64
	failures  atomic.Int64
	unwatched atomic.Int64
}

// visitor is a driver whom this server knows to have a state at fences.
type visitor struct {
	fences []*held
	seenTS atomic.Int64 // when this server last heard of them, ms
}

// New makes the fences on an engine. They know of no store and no order until Run
// runs.
func New(engine cache.Engine, stores Stores, orders Orders, positions Positions, opt Options) *Fences {
	if opt.MaxFences <= 0 {
		opt.MaxFences = DefaultMaxFences
	}
	if opt.StoreRadiusM <= 0 {
		opt.StoreRadiusM = 100
	}
	if opt.CustomerRadiusM <= 0 {
		opt.CustomerRadiusM = 200
	}
	if opt.ConfirmFixes <= 0 {
		opt.ConfirmFixes = defaultConfirmFixes
	}
	if opt.ConfirmAfter <= 0 {
		opt.ConfirmAfter = defaultConfirmAfter
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	f := &Fences{
		engine: engine, durable: engine.Durable(cache.Always), stores: stores, orders: orders, positions: positions, opt: opt,
		held: map[string]*held{}, storeAt: map[string]Place{}, visitors: newByDriver[*visitor](),
		awaiting: newByDriver[[]*await](), byOrder: map[string]*await{},
		reached: make(chan *await, maxReached),
	}
	f.reader.fences = f
	return f
}

func (f *Fences) nowMS() int64 { return f.opt.Now().UnixMilli() }

// Run keeps what this server knows of fences, stores and orders up to date, and
// notes what orders have reached, until the context ends.
func (f *Fences) Run(ctx context.Context) {
	var work sync.WaitGroup
	loop := func(every time.Duration, what string, fn func(context.Context) error) {
		work.Go(func() { periodic.Run(ctx, f.opt.Log, every, what, fn) })
	}
	loop(refreshEvery, "reading fences", f.refreshFences)
	loop(storesEvery, "reading stores for their fences", func(ctx context.Context) error {
		f.forgetVisitors()
		return f.refreshStores(ctx)
	})
	loop(refreshEvery, "reading orders for their fences", f.reader.read)
	work.Go(func() { f.noteReached(ctx) })
	work.Wait()
}

// Load reads fences, stores and orders before the first fix. It is called before
// Run.
func (f *Fences) Load(ctx context.Context) error {
	if err := f.refreshFences(ctx); err != nil {
		return err
	}
	if err := f.refreshStores(ctx); err != nil {
		return err
	}
	return f.reader.read(ctx)
}

// forgetVisitors forgets drivers who were not heard of for long: Sweep ends their
// visits. All fixes wait meanwhile, so it looks at some drivers only. Which ones is
// chance, since a map is gone through from anywhere: in half an hour it comes to all.
func (f *Fences) forgetVisitors() {
	f.mu.Lock()
	defer f.mu.Unlock()
	oldest := f.nowMS() - silentAfter.Milliseconds()
	looked := 0
	for driver, v := range f.visitors.all {
		if looked++; looked > lookAtOnce {
			return
		}
		v.fences = slices.DeleteFunc(v.fences, func(h *held) bool { return h.gone })
		if v.seenTS.Load() < oldest || len(v.fences) == 0 {
			f.visitors.remove(driver)
		}
	}
}

// Kinds are the kinds of events, in the order of Stats.Events.
var Kinds = [...]Kind{Enter, Exit, Dwell}

// Stats is what the fences are doing, for metrics. The second group counts since
// they were made.
type Stats struct {
	Fences   int // put by callers
	Stores   int // with a fence
	Orders   int // with a fence, where they wait for a milestone
	Visitors int // drivers within a fence, or about to be, of whom this server knows

	Events         [len(Kinds)]int64
	ArrivedAtStore int64
	NearCustomer   int64
	Failures       int64 // batches of fixes that the engine did not take
	Unwatched      int64 // orders that were left out because there were too many
}

// Stats may be called at any time.
func (f *Fences) Stats() Stats {
	s := Stats{
		ArrivedAtStore: f.milestone[AtStore].Load(), NearCustomer: f.milestone[AtDrop].Load(),
		Failures: f.failures.Load(), Unwatched: f.unwatched.Load(),
	}
	for i := range f.events {
		s.Events[i] = f.events[i].Load()
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, h := range f.held {
		if h.text != "" {
			s.Fences++
		} else {
			s.Stores++
		}
	}
	s.Orders, s.Visitors = f.placed, len(f.visitors.all)
	return s
}
