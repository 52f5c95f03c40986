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
// something else, [ErrUnavailable] when the host cannot be reached or is
// closed. Errors wrap these sentinels; match with errors.Is.
package cache

import (
	"context"
	"time"
)

// Engine is what the product needs of a speed layer.
type Engine interface {
	Keys
	Strings
	Hashes
	SortedSets
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
	// Ephemeral promises nothing: the write is not journaled at all and is
	// only as old as the last snapshot after a restart.
	Ephemeral
)

// Stats is the size of a data set.
type Stats struct {
	Keys  int64 // live keys
	Bytes int64 // bytes of memory the host attributes to the data set
}

// Optional is a string that may be missing, such as a field of a hash.
type Optional struct {
	Str string
	OK  bool
}

// Field is one field of a hash or of a stream entry.
type Field struct{ Name, Value string }

// Keys are the operations that do not ask for a key's type.
type Keys interface {
	// Del removes keys and returns how many there were.
	Del(ctx context.Context, keys ...string) (int64, error)
	// Exists returns how many of keys exist; one named twice counts twice.
	Exists(ctx context.Context, keys ...string) (int64, error)
	// Expire sets a key's time to live and reports whether the key exists. A
	// ttl of zero or less removes the key.
	Expire(ctx context.Context, key string, ttl time.Duration) (bool, error)
	// TTL returns the remaining time to live, NoTTL or NoKey.
	TTL(ctx context.Context, key string) (time.Duration, error)
	// Type returns "string", "hash", "zset", "stream", or "none".
	Type(ctx context.Context, key string) (string, error)
	// Scan pages through the keys that match a Redis glob pattern. Start with
	// cursor "" and go on until the returned cursor is "". A key that exists
	// during the whole scan is returned at least once. count is a hint.
	Scan(ctx context.Context, cursor, match string, count int) (keys []string, next string, err error)
}

// What TTL returns for a key that never expires and for one that is not there.
const (
	NoTTL time.Duration = -1
	NoKey time.Duration = -2
)

// SetOptions are the conditions and the time to live of a Set.
type SetOptions struct {
	TTL time.Duration // zero: none, and an older one is removed
	NX  bool          // only if the key does not exist
	XX  bool          // only if it does
}

// Strings are single values.
type Strings interface {
	// Set reports whether it wrote: false only with NX or XX.
	Set(ctx context.Context, key, value string, opt SetOptions) (bool, error)
	Get(ctx context.Context, key string) (Optional, error)
	// MGet answers in the order of keys; a key of another type is missing.
	MGet(ctx context.Context, keys ...string) ([]Optional, error)
	// IncrBy returns the new value; ErrNotInteger on text or overflow.
	IncrBy(ctx context.Context, key string, delta int64) (int64, error)
}

// Hashes are maps from field to value under one key. An empty hash does not
// exist.
type Hashes interface {
	// HSet returns how many fields are new.
	HSet(ctx context.Context, key string, fields ...Field) (int64, error)
	HGet(ctx context.Context, key, field string) (Optional, error)
	// HMGet answers in the order of fields.
	HMGet(ctx context.Context, key string, fields ...string) ([]Optional, error)
	// HGetAll returns an empty map for a missing key.
	HGetAll(ctx context.Context, key string) (map[string]string, error)
	HDel(ctx context.Context, key string, fields ...string) (int64, error)
	HLen(ctx context.Context, key string) (int64, error)
	// HIncrBy returns the new value; ErrNotInteger on text or overflow.
	HIncrBy(ctx context.Context, key, field string, delta int64) (int64, error)
}

// Member is an element of a sorted set. Scores are ordered numerically and
// equal ones by the bytes of the member, as in Redis.
type Member struct {
	Name  string
	Score float64
}

// ScoreRange selects members of a sorted set by score, both ends included. Use
// math.Inf for open ends.
type ScoreRange struct {
	Min, Max float64
	Reverse  bool // highest score first
	Offset   int  // members to skip
	Limit    int  // at most so many; zero: all
}

// GeoMember is a place to add to a sorted set: WGS 84 degrees.
type GeoMember struct {
	Name     string
	Lat, Lon float64
}

// GeoQuery asks for the members within a circle.
type GeoQuery struct {
	Lat, Lon float64 // centre, WGS 84 degrees
	RadiusM  float64 // metres on Redis's sphere (radius 6,372,797.560856 m)
	Count    int     // the nearest so many; zero: all
}

// GeoHit is a member found by GeoSearch, its place being the centre of its
// 52-bit geohash cell, at most 0.6 m from where it was added.
type GeoHit struct {
	Name      string
	Lat, Lon  float64
	DistanceM float64
}

// SortedSets are sets ordered by score, geo sets among them: a place is stored
// as its 52-bit geohash score, equal to GEOADD's.
type SortedSets interface {
	// ZAdd returns how many members are new.
	ZAdd(ctx context.Context, key string, members ...Member) (int64, error)
	ZRem(ctx context.Context, key string, names ...string) (int64, error)
	ZScore(ctx context.Context, key, name string) (score float64, ok bool, err error)
	ZCard(ctx context.Context, key string) (int64, error)
	ZRangeByScore(ctx context.Context, key string, r ScoreRange) ([]Member, error)
	// GeoAdd is ZAdd with geohash scores. It fails with ErrInvalidPlace for a
	// latitude beyond ±85.05112878 or a longitude beyond ±180.
	GeoAdd(ctx context.Context, key string, places ...GeoMember) (int64, error)
	// GeoSearch answers nearest first.
	GeoSearch(ctx context.Context, key string, q GeoQuery) ([]GeoHit, error)
}

// Entry is one entry of a stream. Fields keep their order.
type Entry struct {
	ID     string
	Fields []Field
}

// Streams are append-only logs with ascending ids "<ms>-<seq>".
type Streams interface {
	// XAdd appends an entry and returns its id. id is "*" for one made from
	// the clock, or explicit and greater than the last, else ErrStreamID. With
	// maxLen > 0 the oldest entries beyond it go (exactly, not about).
	XAdd(ctx context.Context, key, id string, maxLen int, fields ...Field) (string, error)
	// XRange returns at most count entries (zero: all) from id start to id
	// end, both included unless prefixed with "("; "-" and "+" are the ends.
	XRange(ctx context.Context, key, start, end string, count int) ([]Entry, error)
	// XRevRange is XRange backwards: newest first, from end down to start.
	XRevRange(ctx context.Context, key, end, start string, count int) ([]Entry, error)
	// XTrim removes the entries with ids below minID and returns how many.
	XTrim(ctx context.Context, key, minID string) (int64, error)
	XLen(ctx context.Context, key string) (int64, error)
}
