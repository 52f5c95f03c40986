package geo

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"hyperlocal/cache"
	"hyperlocal/cache/lease"
	"hyperlocal/internal/giveway"
	"hyperlocal/internal/spill"
	"hyperlocal/persist"
)

// FlushOptions are the flusher's settings. The zero value of a field stands
// for its default.
type FlushOptions struct {
	Every time.Duration // how often each zone has its turn; default 30 s
	// Grace is how long after its end a bucket stays open for fixes under way.
	// What comes later makes another row. Default 5 s.
	Grace time.Duration
	// DrainRows is how many rows per second are written of what waited while
	// the database did not answer, beside what is due. Default 5000.
	DrainRows int
	Spill     SpillOptions
	// Aside takes rows that the database refuses. Without it, a zone with such
	// a row waits until somebody has looked.
	Aside *Aside
	// Lane is where buckets are read and summarized, beside other computations that give
	// way to requests. It may be nil.
	Lane *giveway.Lane
	// Logger hears of turns that failed. Default slog.Default.
	Logger *slog.Logger
}

// Flusher moves closed buckets from the engine to the durable record. Any
// number of servers may run one: leases keep them from doing the same work, and
// if they fail to, the same rows are written twice. Servers on one engine should
// have the same settings.
type Flusher struct {
	fleet  *Fleet
	store  persist.Tracks
	every  time.Duration
	grace  time.Duration
	owner  string // of leases
	logger *slog.Logger
	lane   *giveway.Lane

	spill     *spill.Queue // or nil
	waitBytes int64
	pace      *rate.Limiter // of rows that waited
	aside     *Aside        // or nil

	slots   slots
	writers sync.Pool // of *zoneWriter
	rows    sync.Pool // of *[]persist.TrackRow, empty

	mu        sync.Mutex
	stats     FlushStats
	backlogs  map[string]*backlog // by zone
	waiting   int64               // bytes of all backlogs
	inFiles   int64               // since when the oldest spilled bucket that is known waits, ms; 0 for none
	wait      *backoff.ExponentialBackOff
	retryAt   time.Time
	complains map[string]time.Time // by message: when it was logged last
}

// How the flusher works.
const (
	rowsPerWrite   = 4000 // some 2 MB
	turnsPerPeriod = 60   // Run looks so many times per period for zones whose turn it is
)

// NewFlusher makes a flusher of the fleet's buckets. It does nothing before
// Run or FlushAll.
func NewFlusher(fleet *Fleet, store persist.Tracks, opt FlushOptions) *Flusher {
	if opt.Every <= 0 {
		opt.Every = 30 * time.Second
	}
	if opt.Grace <= 0 {
		opt.Grace = 5 * time.Second
	}
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	if opt.DrainRows <= 0 {
		opt.DrainRows = 5000
	}
	if opt.Spill.WaitBytes <= 0 {
		opt.Spill.WaitBytes = 64 << 20
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = time.Second, opt.Every
	fl := &Flusher{
		fleet: fleet, store: store, every: opt.Every, grace: opt.Grace,
		logger: opt.Logger, lane: opt.Lane,
		spill: opt.Spill.Queue, waitBytes: opt.Spill.WaitBytes,
		pace:      rate.NewLimiter(rate.Limit(opt.DrainRows), min(rowsPerWrite, opt.DrainRows)),
		aside:     opt.Aside,
		owner:     uuid.NewString(),
		slots:     newSlots(),
		backlogs:  map[string]*backlog{},
		wait:      wait,
		complains: map[string]time.Time{},
	}
	fl.writers.New = fl.newZoneWriter
	fl.rows.New = func() any { return new([]persist.TrackRow) }
	return fl
}

// Run flushes each zone once per period until ctx ends, zones at different
// times. Failures are logged and tried again, after a pause that grows to the
// period; what could not be written waits: see hold.go. Looking after what waits,
// writing it and reporting go on by themselves, however long a write takes.
func (fl *Flusher) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { fl.runTurns(ctx) })
	work.Go(func() { fl.runDrain(ctx) })
	work.Go(func() { fl.runReports(ctx) })
	work.Wait()
}

// offset spreads the zones over the period, ms.
func (fl *Flusher) offset(zone string) int64 {
	h := fnv.New32a()
	h.Write([]byte(zone))
	return int64(h.Sum32()) % fl.every.Milliseconds()
}

// FlushAll writes all closed buckets now, or all buckets, as before a shutdown.
// It asks for no lease: two that write the same bucket write the same rows.
func (fl *Flusher) FlushAll(ctx context.Context, includingOpen bool) error {
	zones, err := readActiveZones(ctx, fl.fleet.engine)
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(zonesAtOnce)
	for _, z := range zones {
		group.Go(func() error { return fl.flushZone(ctx, newZoneKeys(z.Name), includingOpen) })
	}
	return group.Wait()
}

// flushZone seals and writes all closed buckets of a zone, or all.
func (fl *Flusher) flushZone(ctx context.Context, k *zoneKeys, includingOpen bool) error {
	latest := fl.closedAt(fl.fleet.nowMS())
	if includingOpen {
		latest = math.MaxInt64
	}
	err := fl.seal(ctx, k, latest)
	var all []sealedBucket
	if err == nil {
		all, err = fl.sealed(ctx, k)
	}
	if err == nil {
		if err = fl.writeSealed(ctx, k, newestFirst(all), false); err != nil {
			fl.overdue(k.id, all)
		}
	}
	if err != nil {
		return fmt.Errorf("flush zone %s: %w", k.id, fl.failed(err))
	}
	return nil
}

// closedAt returns the start of the newest bucket that is closed at a time, ms.
func (fl *Flusher) closedAt(now int64) int64 {
	return now - fl.fleet.bucketMS - fl.grace.Milliseconds()
}

// claimScript sets a key that is missing, for so many ms or, with 0, for ever,
// and answers whether it did. It runs at the memory limit, too, since making
// room begins with it.
var claimScript = &cache.Script{
	Name:     "claim",
	AllowOOM: true,
	Lua: `if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
if ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`,
	Go: func(tx cache.Tx, keys, args []string) cache.Value {
		if tx.Exists(keys[0]) {
			return cache.Int(0)
		}
		ms, _ := strconv.ParseInt(args[1], 10, 64) // claim wrote it
		tx.Set(keys[0], args[0], time.Duration(ms)*time.Millisecond)
		return cache.Int(1)
	},
}

func claim(ctx context.Context, e cache.Engine, key, value string, ttl time.Duration) (ours bool, err error) {
	v, err := e.Run(ctx, claimScript, []string{key}, []string{value, strconv.FormatInt(ttl.Milliseconds(), 10)})
	return v.Int == 1, err
}

// leased does a job with a zone's sealed buckets unless another server does so at
// the moment. The lease saves work, no more: it may expire while we work, and
// nothing breaks.
func (fl *Flusher) leased(ctx context.Context, k *zoneKeys, job flushJob, do func() error) error {
	e, key := fl.fleet.engine, k.leaseKey(job)
	ours, err := claim(ctx, e, key, fl.owner, fl.every)
	if err != nil || !ours {
		return err
	}
	err = do()
	if _, releaseErr := e.Run(ctx, lease.ReleaseScript, []string{key}, []string{fl.owner}); err == nil {
		err = releaseErr
	}
	return err
}

func (fl *Flusher) pausing(now time.Time) bool {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return now.Before(fl.retryAt)
}

// failed counts a failure. If the database does not answer, writing pauses: what
// one zone met the others would, too. Any other trouble is that zone's own.
func (fl *Flusher) failed(err error) error {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.stats.Failures++
	if now := fl.fleet.now(); errors.Is(err, persist.ErrUnavailable) && !now.Before(fl.retryAt) {
		fl.retryAt = now.Add(fl.wait.NextBackOff())
	}
	return err
}
