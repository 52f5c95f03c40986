package geo

import (
	"context"
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

	"hyperlocal/cache"
	"hyperlocal/cache/lease"
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

	mu      sync.Mutex
	stats   FlushStats
	oldest  map[string]int64 // by zone: start of the oldest bucket that could not be written
	wait    *backoff.ExponentialBackOff
	retryAt time.Time
}

// FlushStats tell how the flusher is doing. The counts are since the start of
// this process.
type FlushStats struct {
	Rows, Fixes int64 // written
	Failures    int64 // turns of a zone that ended with an error
	// LastSuccess is when rows were last written; zero for never.
	LastSuccess time.Time
	// Lag is the age of the oldest closed bucket that could not be written at
	// its zone's turn; zero if there is none.
	Lag time.Duration
}

// How the flusher works.
const (
	rowsPerWrite   = 500
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
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = time.Second, opt.Every
	return &Flusher{
		fleet: fleet, store: store, every: opt.Every, grace: opt.Grace,
		logger: opt.Logger,
		owner:  uuid.NewString(),
		oldest: map[string]int64{},
		wait:   wait,
	}
}

// Run flushes each zone once per period until ctx ends, zones at different
// times. Failures are logged and tried again, after a pause that grows to the
// period; what could not be written stays in the engine.
func (fl *Flusher) Run(ctx context.Context) {
	tick := time.NewTicker(fl.every / turnsPerPeriod)
	defer tick.Stop()
	turns := map[string]int64{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := fl.turn(ctx, turns); err != nil && ctx.Err() == nil {
				fl.logger.WarnContext(ctx, "tracks could not be written and wait in the engine", "error", err)
			}
		}
	}
}

// turn flushes the zones whose turn it is. turns holds the number of each
// zone's last one.
func (fl *Flusher) turn(ctx context.Context, turns map[string]int64) error {
	now := fl.fleet.now()
	if fl.pausing(now) {
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
		} else if last != number {
			due = append(due, z.Name)
		}
	}
	for zone := range turns {
		if !active[zone] {
			delete(turns, zone)
		}
	}
	err = fl.flushZones(ctx, due)
	if err == nil {
		for _, zone := range due {
			turns[zone] = (now.UnixMilli() - fl.offset(zone)) / fl.every.Milliseconds()
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
		group.Go(func() error { return fl.flushZone(ctx, newZoneKeys(z.Name), latest) })
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

// flushLeased flushes a zone unless another server does so at the moment. The
// lease saves work, no more: it may expire while we work, and nothing breaks.
func (fl *Flusher) flushLeased(ctx context.Context, k *zoneKeys) error {
	e := fl.fleet.engine
	ours, err := claim(ctx, e, k.lease, fl.owner, fl.every)
	if err != nil {
		return fmt.Errorf("flush zone %s: %w", k.id, fl.failed(err))
	}
	if !ours {
		return nil
	}
	err = fl.flushZone(ctx, k, fl.closedBy())
	if _, releaseErr := e.Run(ctx, lease.ReleaseScript, []string{k.lease}, []string{fl.owner}); err == nil {
		err = releaseErr
	}
	return err
}

// flushZone seals the zone's buckets that start at latest or before, and writes
// and removes all sealed ones, oldest first.
func (fl *Flusher) flushZone(ctx context.Context, k *zoneKeys, latest float64) error {
	e := fl.fleet.engine
	err := seal(ctx, e, k, latest, fl.fleet.nowMS())
	for err == nil {
		var sealed []cache.Member
		sealed, err = e.ZRangeByScore(ctx, k.sealeds, cache.ScoreRange{Min: math.Inf(-1), Max: math.Inf(1), Limit: sealedPerRead})
		if err != nil || len(sealed) == 0 {
			break
		}
		if err = fl.writeSealed(ctx, k, sealed); err != nil {
			fl.stuck(k.id, int64(sealed[0].Score))
		}
	}
	if err != nil {
		return fmt.Errorf("flush zone %s: %w", k.id, fl.failed(err))
	}
	fl.unstuck(k.id)
	return nil
}

// writeSealed writes sealed buckets of a zone and, once the store has them all,
// removes them.
func (fl *Flusher) writeSealed(ctx context.Context, k *zoneKeys, sealed []cache.Member) error {
	e := fl.fleet.engine
	keys := make([]string, len(sealed))
	members := make([]string, len(sealed))
	rows := make([]persist.TrackRow, 0, rowsPerWrite)
	for i, m := range sealed {
		members[i], keys[i] = m.Name, k.sealedKey(m.Name)
		start, part, ok := parseSealed(m.Name)
		if !ok {
			continue // not ours: there is nothing to write
		}
		drivers, err := e.HGetAll(ctx, keys[i])
		if err != nil {
			return err
		}
		for driver, packed := range drivers {
			row, ok := summarize(k.id, driver, start, part, packed)
			if !ok {
				continue
			}
			if rows = append(rows, row); len(rows) == rowsPerWrite {
				if err := fl.write(ctx, rows); err != nil {
					return err
				}
				rows = rows[:0]
			}
		}
	}
	if err := fl.write(ctx, rows); err != nil {
		return err
	}
	// In this order: an index entry without a bucket is harmless.
	if _, err := e.Del(ctx, keys...); err != nil {
		return err
	}
	_, err := e.ZRem(ctx, k.sealeds, members...)
	return err
}

func (fl *Flusher) write(ctx context.Context, rows []persist.TrackRow) error {
	if len(rows) == 0 {
		return nil
	}
	if err := fl.store.WriteTracks(ctx, rows); err != nil {
		return err
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.stats.Rows += int64(len(rows))
	for i := range rows {
		fl.stats.Fixes += int64(rows[i].Fixes)
	}
	fl.stats.LastSuccess = fl.fleet.now()
	fl.wait.Reset()
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
}

// Stats returns how the flusher is doing.
func (fl *Flusher) Stats() FlushStats {
	now := fl.fleet.nowMS()
	fl.mu.Lock()
	defer fl.mu.Unlock()
	s := fl.stats
	for _, start := range fl.oldest {
		age := time.Duration(now-start-fl.fleet.bucketMS) * time.Millisecond
		s.Lag = max(s.Lag, age)
	}
	return s
}
