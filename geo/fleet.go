package geo

import (
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"hyperlocal/cache"
)

// FleetOptions are the fleet's settings. The zero value of a field stands for
// its default.
type FleetOptions struct {
	// StaleAfter is the age, by event time, past which a driver is left out of
	// answers about the present. Default 60 s.
	StaleAfter time.Duration
	// BucketLength is the time that one row covers. Default 30 s, at most
	// MaxBucketLength. Buckets of another length that wait in the engine are
	// flushed all the same.
	BucketLength time.Duration
	Limits       Limits
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger hears of sweeps that failed. Default slog.Default.
	Logger *slog.Logger
}

// MaxBucketLength bounds FleetOptions.BucketLength: a bucket keeps times as 16
// bits of milliseconds.
const MaxBucketLength = time.Minute

// cellCache bounds how many zones outside the zone file have their keys ready.
const cellCache = 1 << 16

// Fleet records fixes and answers where drivers are. See the package comment.
type Fleet struct {
	engine     cache.Engine
	limits     Limits
	staleAfter time.Duration
	bucketMS   int64
	now        func() time.Time
	logger     *slog.Logger

	zoning   atomic.Pointer[zoning]
	cells    *otter.Cache[uint32, *zoneKeys]
	suspects *suspects
	batches  sync.Pool
	active   activeZones

	// The record script's first arguments.
	maxSpeed, window, bucketLen string
}

// NewFleet makes a fleet whose present and recent past are in engine.
func NewFleet(engine cache.Engine, zones *Zones, opt FleetOptions) *Fleet {
	if opt.StaleAfter <= 0 {
		opt.StaleAfter = time.Minute
	}
	if opt.BucketLength <= 0 {
		opt.BucketLength = 30 * time.Second
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	f := &Fleet{
		engine:     engine,
		limits:     opt.Limits.withDefaults(),
		staleAfter: opt.StaleAfter,
		bucketMS:   min(opt.BucketLength, MaxBucketLength).Milliseconds(),
		now:        opt.Now,
		logger:     opt.Logger,
		cells:      otter.Must(&otter.Options[uint32, *zoneKeys]{MaximumSize: cellCache}),
	}
	f.suspects = newSuspects(f.limits)
	f.zoning.Store(newZoning(zones))
	f.batches.New = func() any { return newBatch() }
	f.maxSpeed = strconv.FormatInt(f.limits.maxSpeed(), 10)
	f.window = strconv.FormatInt(f.limits.PlausibilityWindow.Milliseconds(), 10)
	f.bucketLen = strconv.FormatInt(f.bucketMS, 10)
	return f
}

func (f *Fleet) nowMS() int64 { return f.now().UnixMilli() }
