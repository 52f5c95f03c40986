// Package memory hosts [cache.Engine] in this process: no network, no
// serialization, several times cheaper than a server on the same machine.
//
// # Shards and locks
//
// Keys are spread over a fixed number of shards by the hash of their tag, so
// that all keys of a tag, and therefore of a script, are in one. A shard has
// one readers-writer lock. The lock order is
//
//	limiter.mu
//	→ shard.mu (in index order where a call needs several)
//	→ journal.mu → hub.mu, hub.queueMu
//	hub.delivery → hub.mu, hub.queueMu
//
// and the journal's own goroutines take journal.compacting → journal.io →
// journal.mu, and a shard's lock with neither io nor mu held, only to read it for a
// snapshot and to tell it that one is being taken.
//
// # Layers
//
// Each data structure is a type of its own that knows nothing of keys, expiry
// or the journal (hash, memberSet, sortedSet, list, stream; those with many
// elements are made of internal/dict and internal/zset). Each command is written
// once, on [reader] if it only reads and on [unit] if it writes; the methods
// of [Engine] and of a script's [cache.Tx] are thin covers of these two.
//
// # Memory
//
// Every value knows what it takes, in the size classes of Go's allocator, and a
// shard adds what its tables take. Readers mark the items they use with atomic
// writes, for eviction to go by. With a limit, whoever writes evicts first, as
// [limiter] describes; an eviction is a unit of work of its own. Items whose keys
// begin with one of Options.Keep are never among those that may go.
//
// # Durability
//
// With a directory, every atomic unit of work (one call, one script) appends
// the effects it had as one record to a log before its shard is unlocked, so
// the log has the order of the shard. docs/engine-format.md describes the
// files and what recovery may and may not repair. Without a directory nothing
// survives the process, whatever durability is asked for.
package memory

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"hyperlocal/cache"
)

// shardCount is part of the snapshot's format, a frame of which is of one shard.
// A power of two.
const shardCount = 64

// Options configure an engine; the zero value is one without durability.
type Options struct {
	// Dir holds the journal and its snapshots; created if missing. Empty:
	// nothing is written to disk.
	Dir string
	// Now is the clock of expiry and of stream ids. Default time.Now.
	Now func() time.Time
	// Logger hears of repairs, failures of the disk and compactions. Default
	// slog.Default.
	Logger *slog.Logger
	// SubscriptionBuffer is the number of messages a subscriber may be behind
	// before it loses some. Default 1024.
	SubscriptionBuffer int
	// CompactBytes is how long the journal may get before a snapshot replaces
	// it, unless the last snapshot was longer than half of that. Default 256 MiB.
	CompactBytes int64
	// MaxMemory is how much memory, in bytes and as Stats reports it, the data
	// set may take; zero is no limit. Above it Policy says what goes, and with
	// nothing left to go, writes that grow are refused with
	// cache.ErrOutOfMemory. See limiter for how far it may be passed.
	MaxMemory int64
	Policy    Policy
	// Keep are the prefixes of keys that are never evicted, whatever the
	// policy: those that are the truth and not a copy of it.
	Keep []string

	disk disk // for tests; default the file system
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.SubscriptionBuffer <= 0 {
		o.SubscriptionBuffer = 1024
	}
	if o.CompactBytes <= 0 {
		o.CompactBytes = defaultCompactBytes
	}
	if o.disk == nil {
		o.disk = osDisk{}
	}
	return o
}

// Engine is a view of one in-process data set with one durability for its
// writes. Views of the same data set differ in nothing else.
type Engine struct {
	*database
	durability cache.Durability
}

var _ cache.Engine = (*Engine)(nil)

// database is what all views share.
type database struct {
	shards  [shardCount]shard
	hub     *hub
	journal *journal // nil without a directory
	limiter *limiter // nil without a limit
	now     func() time.Time

	stop      chan struct{} // closed by Close: background goroutines end
	wg        sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

// Open starts an engine with what its directory holds. It fails with
// [ErrDirInUse] if another engine has the directory, and with a [*CorruptError]
// if a file is damaged in a way that a crash does not explain. Close the engine
// to stop its goroutines.
func Open(opt Options) (*Engine, error) {
	opt = opt.withDefaults()
	db := newDatabase(opt)
	if opt.Dir != "" {
		j, err := openJournal(db, opt)
		if err != nil {
			return nil, fmt.Errorf("memory: open %s: %w", opt.Dir, err)
		}
		db.journal = j
		db.wg.Go(j.commitLoop)
		db.wg.Go(j.compactLoop)
	}
	db.wg.Go(db.expireLoop)
	db.wg.Go(func() { db.hub.deliverLoop(db.stop) })
	db.makeRoom(context.Background()) // what was recovered may be more than the limit
	return &Engine{database: db}, nil
}

func newDatabase(opt Options) *database {
	db := &database{
		hub:  newHub(opt.SubscriptionBuffer),
		now:  opt.Now,
		stop: make(chan struct{}),

		limiter: newLimiter(opt),
	}
	for i := range db.shards {
		db.shards[i].clock = db.nowMS
		db.shards[i].init(db.limiter)
	}
	return db
}

// Durable returns a view of the same data set whose writes return only when
// they are as durable as d says.
func (e *Engine) Durable(d cache.Durability) cache.Engine {
	return &Engine{database: e.database, durability: d}
}

// Ping fails only when the engine is closed.
func (e *Engine) Ping(ctx context.Context) error {
	s := &e.shards[0]
	if err := s.rlock(ctx); err != nil {
		return fmt.Errorf("memory: ping: %w", err)
	}
	s.mu.RUnlock()
	return nil
}

// Stats adds up the shards, one after the other. Keys that have expired but
// are not yet collected count, as in Redis's DBSIZE. Bytes is kept with each
// write, and is what the heap holds for the data set to within 15 %.
func (e *Engine) Stats(ctx context.Context) (cache.Stats, error) {
	var st cache.Stats
	for i := range e.shards {
		s := &e.shards[i]
		if err := s.rlock(ctx); err != nil {
			return cache.Stats{}, fmt.Errorf("memory: stats: %w", err)
		}
		st.Keys += int64(s.keys.n)
		st.Bytes += s.size()
		s.mu.RUnlock()
		st.Hits += s.hits.Load()
		st.Misses += s.misses.Load()
		st.Expired += s.expired.Load()
		st.Evicted += s.evicted.Load()
	}
	return st, nil
}

// Fsyncs returns how often writes have been forced to disk since Open: many
// writers share one. Without a directory it is 0.
func (e *Engine) Fsyncs() int64 {
	if e.journal == nil {
		return 0
	}
	return e.journal.fsyncs.Load()
}

// Close waits for calls under way, ends every subscription and stops the
// background goroutines. Closing twice is harmless.
func (e *Engine) Close() error {
	e.closeOnce.Do(func() {
		for i := range e.shards {
			e.shards[i].close()
		}
		close(e.stop)
		e.wg.Wait()
		if e.journal != nil {
			e.closeErr = e.journal.close()
		}
		e.hub.close()
	})
	return e.closeErr
}

// running fails once the engine is being closed.
func (db *database) running() error {
	select {
	case <-db.stop:
		return errStopped
	default:
		return nil
	}
}

func (db *database) nowMS() int64 { return db.now().UnixMilli() }

func shardIndex(key string) int {
	return int(xxhash.Sum64String(cache.Tag(key)) & (shardCount - 1))
}

func (db *database) shardOf(key string) *shard { return &db.shards[shardIndex(key)] }
