// Package cache is the contract of the speed layer: Redis's data types and
// semantics behind one Go interface with two hosts, this process
// (cache/memory) and a Redis or Valkey server (cache/redis). It knows nothing
// of drivers, products or orders. Where the contract is silent, the referee is
// a real Redis 7; the suite in cache/enginetest asks it.
//
// # Keys and slots
//
// A key's hash tag is what stands between the first '{' and the next '}' of
// it, as in Redis Cluster; a key without one is its own tag. Whatever must be
// atomic over several keys is a [Script], and all keys of a script carry one
// tag. A script over two tags is refused with [ErrCrossSlot] on every host.
//
// # Concurrency
//
// Every method may be called from any goroutine. One call is atomic; two calls
// are not. A call returns when its effect is visible to every later call, and,
// for a view made by [Engine.Durable], when the effect is as durable as asked.
//
// # Errors
//
// [ErrWrongType] for a key of another type, [ErrNotInteger] for arithmetic on
// something else, [ErrOutOfMemory] for a write that would grow a data set at
// its limit, [ErrUnavailable] when the host cannot be reached or is closed. Errors wrap these sentinels; match with errors.Is.
package cache

import "context"

// Engine is what the product needs of a speed layer.
type Engine interface {
	Keys
	Strings
	Hashes
	Lists
	Sets
	SortedSets
	Geo
	HyperLogLogs
	Streams
	PubSub
	Scripts

	// Durable returns a view of the same engine whose writes return only when
	// they are as durable as d says. The engine itself writes with EverySecond.
	Durable(d Durability) Engine

	// Stats reports the size of the data set.
	Stats(ctx context.Context) (Stats, error)

	// Ping returns nil when the host answers.
	Ping(ctx context.Context) error

	// Close flushes what is journaled and releases the host. Later calls
	// return ErrUnavailable.
	Close() error
}

// Durability says what a crash of the process (memory) or of the primary
// (Redis) may take back of an acknowledged write.
type Durability uint8

const (
	// EverySecond may lose about the last second of writes.
	EverySecond Durability = iota
	// Always loses nothing: the write is on disk before the call returns.
	// Concurrent writers share one fsync.
	Always
	// Ephemeral promises nothing: the write is not journaled at all. After a
	// restart it is there only if a snapshot happened to hold it and no
	// journaled write came after.
	Ephemeral
)

// Stats is the size of a data set.
type Stats struct {
	Keys  int64 // live keys
	Bytes int64 // bytes of memory the host attributes to the data set

	// Since the host started.
	Hits    int64 // reads of a key that was there
	Misses  int64 // reads of one that was not
	Expired int64 // keys that outlived their time to live
	Evicted int64 // keys that went to make room
}
