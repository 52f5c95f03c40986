package cache

import (
	"context"
	"time"
)

// Keys are the operations that do not ask for a key's type.
type Keys interface {
	// Del removes keys and returns how many there were.
	Del(ctx context.Context, keys ...string) (int64, error)
	// Exists returns how many of keys exist; one named twice counts twice.
	Exists(ctx context.Context, keys ...string) (int64, error)
	// Expire sets a key's time to live and reports whether it did: false if the
	// key is missing or a condition does not hold. A ttl of zero or less
	// removes the key. A fraction of a millisecond counts as one.
	Expire(ctx context.Context, key string, ttl time.Duration, when ExpireCondition) (bool, error)
	// ExpireAt is Expire with the moment, to the millisecond.
	ExpireAt(ctx context.Context, key string, at time.Time, when ExpireCondition) (bool, error)
	// Persist takes a key's time to live away and reports whether it had one.
	Persist(ctx context.Context, key string) (bool, error)
	// TTL returns the remaining time to live, NoTTL or NoKey.
	TTL(ctx context.Context, key string) (time.Duration, error)
	// Type returns "string", "list", "set", "hash", "zset", "stream", or
	// "none". A HyperLogLog is a string.
	Type(ctx context.Context, key string) (string, error)
	// Scan pages through the keys that match a Redis glob pattern ("" is any).
	// Start with cursor "" and go on until the returned cursor is "". A key
	// that exists during the whole scan is returned at least once. count is a
	// hint.
	Scan(ctx context.Context, cursor, match string, count int) (keys []string, next string, err error)
}

// What TTL returns for a key that never expires and for one that is not there.
const (
	NoTTL time.Duration = -1
	NoKey time.Duration = -2
)

// ExpireCondition restricts Expire; zero is always. NX excludes all others, GT
// and LT each other: ErrSyntax. A key that never expires counts as expiring
// infinitely late.
type ExpireCondition uint8

// The conditions, to be combined by |.
const (
	ExpireNX ExpireCondition = 1 << iota // only if the key has no time to live
	ExpireXX                             // only if it has one
	ExpireGT                             // only if the new moment is later
	ExpireLT                             // only if it is earlier
)
