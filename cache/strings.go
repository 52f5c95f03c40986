package cache

import (
	"context"
	"time"
)

// Optional is a string that may be missing, such as a field of a hash.
type Optional struct {
	Str string
	OK  bool
}

// SetOptions are the conditions and the time to live of a Set. NX with XX, or
// KeepTTL with a TTL, is ErrSyntax.
type SetOptions struct {
	TTL     time.Duration // zero: none, and an older one is removed
	KeepTTL bool          // leave an older one
	NX      bool          // only if the key does not exist
	XX      bool          // only if it does
}

// GetOptions are what GetEx does to the time to live; at most one of them.
type GetOptions struct {
	TTL     time.Duration // set it; zero: leave it
	Persist bool          // take it away
}

// Strings are single values.
type Strings interface {
	// Set reports whether it wrote: false only with NX or XX.
	Set(ctx context.Context, key, value string, opt SetOptions) (bool, error)
	// SetGet is Set that also returns the value the key had. A key of another
	// type is ErrWrongType.
	SetGet(ctx context.Context, key, value string, opt SetOptions) (old Optional, wrote bool, err error)
	Get(ctx context.Context, key string) (Optional, error)
	// GetDel returns a value and removes the key.
	GetDel(ctx context.Context, key string) (Optional, error)
	// GetEx returns a value and changes the key's time to live.
	GetEx(ctx context.Context, key string, opt GetOptions) (Optional, error)
	// MGet answers in the order of keys; a key of another type is missing.
	MGet(ctx context.Context, keys ...string) ([]Optional, error)
	// MSet sets each field's name, a key, to its value, and removes times to
	// live. It is atomic to readers on one host; on a Cluster per slot.
	MSet(ctx context.Context, pairs ...Field) error
	// IncrBy returns the new value; ErrNotInteger on text or overflow. The key
	// keeps its time to live.
	IncrBy(ctx context.Context, key string, delta int64) (int64, error)
}
