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
	"hyperlocal/internal/spill"
	"hyperlocal/persist"
)

// TrackWriter is what the flusher needs of the durable record.
type TrackWriter interface {
	WriteTracks(ctx context.Context, rows []persist.TrackRow) error
}

// FlushOptions are the flusher's settings. The zero value of a field stands
// for its default.
type FlushOptions struct {
	Every time.Duration // how often each zone has its turn; default 30 s
	// Grace is how long after its end a bucket stays open for fixes under way.
	// What comes later makes another row. Default 5 s.
	Grace time.Duration
	// DrainRows is how many rows per second are written of what waited while
	// the database did not answer, beside what is due. Default 10,000.
	DrainRows int
	Spill     SpillOptions
	// Aside takes rows that the database refuses. Without it, a zone with such
	// a row waits until somebody has looked.
	Aside *Aside
	// Logger hears of turns that failed. Default slog.Default.
	Logger *slog.Logger
}

// Flusher moves closed buckets from the engine to the durable record. Any
// number of servers may run one: a lease per zone keeps them from doing the
// same work, and if it fails to, the same rows are written twice.
type Flusher struct {
	fleet  *Fleet
	store  TrackWriter
	every  time.Duration
	grace  time.Duration
	owner  string // of leases
	logger *slog.Logger

	spill     *spill.Queue // or nil
	waitBytes int64
	pace      *rate.Limiter // of rows that waited
	aside     *Aside        // or nil

	mu      sync.Mutex
	stats   FlushStats
	oldest  map[string]int64            // by zone: start of the oldest bucket that could not be written
	waiting map[string]map[string]int64 // by zone and member of sealeds: bytes, as weighed in hold
	wait    *backoff.ExponentialBackOff
	retryAt time.Time
}

// How the flusher works.
const (
	rowsPerWrite   = 4000 // some 2 MB
	sealedPerRead  = 256
	zonesAtOnce    = 4
	turnsPerPeriod = 60 // Run looks so many times per period for zones whose turn it is
)

// NewFlusher makes a flusher of the fleet's buckets. It does nothing before
// Run or FlushAll.
func NewFlusher(fleet *Fleet, store TrackWriter, opt FlushOptions) *Flusher {
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
		opt.DrainRows = 10_000
	}
	if opt.Spill.WaitBytes <= 0 {
		opt.Spill.WaitBytes = 64 << 20
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = time.Second, opt.Every
	return &Flusher{
		fleet: fleet, store: store, every: opt.Every, grace: opt.Grace,
		logger: opt.Logger,
		spill:  opt.Spill.Queue, waitBytes: opt.Spill.WaitBytes,
		pace:    rate.NewLimiter(rate.Limit(opt.DrainRows), rowsPerWrite),
		aside:   opt.Aside,
		owner:   uuid.NewString(),
		oldest:  map[string]int64{},
		waiting: map[string]map[string]int64{},
		wait:    wait,
	}
}

// Run flushes each zone once per period until ctx ends, zones at different
// times. Failures are logged and tried again, after a pause that grows to the
// period; what could not be written waits: see hold.go.
func (fl *Flusher) Run(ctx context.Context) {
	var drain sync.WaitGroup
	defer drain.Wait()
	if fl.spill != nil {
		drain.Go(func() { fl.runDrain(ctx) })
	}
	tick := time.NewTicker(fl.every / turnsPerPeriod)
	defer tick.Stop()
	reports := time.NewTicker(reportEvery)
	defer reports.Stop()
	reported := fl.Stats()
	turns, held := map[string]int64{}, map[string]int64{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-reports.C:
			reported = fl.report(ctx, reported)
		case <-tick.C:
			if err := fl.turn(ctx, turns, held); err != nil && ctx.Err() == nil {
				fl.logger.WarnContext(ctx, "tracks could not be written and wait in the engine", "error", err)
			}
		}
	}
}

// turn flushes the zones whose turn it is, or, while writing pauses, holds
// them. turns and held have the number of each zone's last turn.
func (fl *Flusher) turn(ctx context.Context, turns, held map[string]int64) error {
	now := fl.fleet.now()
	pausing := fl.pausing(now)
	if pausing && fl.spill == nil {
		return nil
	}
	zones, err := readActiveZones(ctx, fl.fleet.engine)
	if err != nil {
		return err
	}
	due := make([]string, 0, len(zones))
	active := make(map[string]bool, len(zones))
	for _, z := range zones {
		active[z.Name] = true
		number := (now.UnixMilli() - fl.offset(z.Name)) / fl.every.Milliseconds()
		if last, known := turns[z.Name]; !known {
			turns[z.Name] = number // its own turn will come within a period
		} else if last != number && (!pausing || held[z.Name] != number) {
			due = append(due, z.Name)
		}
	}
	for zone := range turns {
		if !active[zone] {
			delete(turns, zone)
			delete(held, zone)
		}
	}
	done := turns
	if pausing {
		done = held
		err = fl.holdZones(ctx, due)
	} else {
		err = fl.flushZones(ctx, due)
	}
	if err == nil || pausing { // a full disk is no reason to try at every tick
		for _, zone := range due {
			done[zone] = (now.UnixMilli() - fl.offset(zone)) / fl.every.Milliseconds()
		}
	}
	return err
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
	latest := fl.closedBy()
	if includingOpen {
		latest = math.Inf(1)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(zonesAtOnce)
	for _, z := range zones {
		group.Go(func() error { return fl.flushZone(ctx, newZoneKeys(z.Name), latest, false) })
	}
	return group.Wait()
}

// flushZones flushes closed buckets under a lease. After a failure in one zone
// no other is begun.
func (fl *Flusher) flushZones(ctx context.Context, zones []string) error {
	var group errgroup.Group
	group.SetLimit(zonesAtOnce)
	for _, zone := range zones {
		group.Go(func() error {
			if fl.pausing(fl.fleet.now()) {
				return nil
			}
			return fl.flushLeased(ctx, newZoneKeys(zone))
		})
	}
	return group.Wait()
}

// holdZones keeps zones' closed buckets within the bound.
func (fl *Flusher) holdZones(ctx context.Context, zones []string) error {
	var errs []error
	for _, zone := range zones {
		if err := fl.hold(ctx, newZoneKeys(zone)); err != nil {
			errs = append(errs, fmt.Errorf("hold zone %s: %w", zone, err))
		}
	}
	return errors.Join(errs...)
}

// closedBy returns the start of the newest bucket that is closed now.
func (fl *Flusher) closedBy() float64 {
	return float64(fl.fleet.nowMS() - fl.fleet.bucketMS - fl.grace.Milliseconds())
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

// flushLeased flushes a zone unless another server does so at the moment.
func (fl *Flusher) flushLeased(ctx context.Context, k *zoneKeys) error {
	return fl.leased(ctx, k, func() error { return fl.flushZone(ctx, k, fl.closedBy(), true) })
}

// leased does something with a zone's closed buckets unless another server does
// so at the moment. The lease saves work, no more: it may expire while we work,
// and nothing breaks.
func (fl *Flusher) leased(ctx context.Context, k *zoneKeys, do func() error) error {
	e := fl.fleet.engine
	ours, err := claim(ctx, e, k.lease, fl.owner, fl.every)
	if err != nil {
		return fmt.Errorf("flush zone %s: %w", k.id, fl.failed(err))
	}
	if !ours {
		return nil
	}
	err = do()
	if _, releaseErr := e.Run(ctx, lease.ReleaseScript, []string{k.lease}, []string{fl.owner}); err == nil {
		err = releaseErr
	}
	return err
}

// flushZone seals the zone's buckets that start at latest or before, and writes
// and removes all sealed ones, newest first. If it is paced, those that waited
// longer than a turn are written at the rate of drains.
func (fl *Flusher) flushZone(ctx context.Context, k *zoneKeys, latest float64, paced bool) error {
	e := fl.fleet.engine
	err := seal(ctx, e, k, latest, fl.fleet.nowMS())
	for err == nil {
		var sealed []cache.Member
		sealed, err = e.ZRangeByScore(ctx, k.sealeds, cache.ScoreRange{Min: math.Inf(-1), Max: math.Inf(1), Reverse: true, Limit: sealedPerRead})
		if err != nil || len(sealed) == 0 {
			break
		}
		if err = fl.writeSealed(ctx, k, sealed, paced); err != nil {
			oldest := sealed[len(sealed)-1] // of this page; hold looks at all
			fl.stuck(k.id, int64(oldest.Score))
		}
	}
	if err != nil {
		return fmt.Errorf("flush zone %s: %w", k.id, fl.failed(err))
	}
	fl.unstuck(k.id)
	return nil
}

func (fl *Flusher) pausing(now time.Time) bool {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return now.Before(fl.retryAt)
}

// failed counts a failure, and pauses all zones' turns: what one of them met,
// the others would too.
func (fl *Flusher) failed(err error) error {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.stats.Failures++
	if now := fl.fleet.now(); !now.Before(fl.retryAt) {
		fl.retryAt = now.Add(fl.wait.NextBackOff())
	}
	return err
}

func (fl *Flusher) stuck(zone string, start int64) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.oldest[zone] = start
}

func (fl *Flusher) unstuck(zone string) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	delete(fl.oldest, zone)
	delete(fl.waiting, zone)
}
