package cache

import "context"

// Field is one field of a hash or of a stream entry.
type Field struct{ Name, Value string }

// Hashes are maps from field to value under one key. An empty hash does not
// exist.
type Hashes interface {
	// HSet returns how many fields are new.
	HSet(ctx context.Context, key string, fields ...Field) (int64, error)
	// HSetNX reports whether it wrote: only if the field does not exist.
	HSetNX(ctx context.Context, key, field, value string) (bool, error)
	HGet(ctx context.Context, key, field string) (Optional, error)
	// HMGet answers in the order of fields.
	HMGet(ctx context.Context, key string, fields ...string) ([]Optional, error)
	// HGetAll returns an empty map for a missing key.
	HGetAll(ctx context.Context, key string) (map[string]string, error)
	// HScan pages through the fields whose names match a Redis glob pattern
	// ("" is any), as Scan does through keys.
	HScan(ctx context.Context, key, cursor, match string, count int) (fields []Field, next string, err error)
	HDel(ctx context.Context, key string, fields ...string) (int64, error)
	HLen(ctx context.Context, key string) (int64, error)
	// HIncrBy returns the new value; ErrNotInteger on text or overflow.
	HIncrBy(ctx context.Context, key, field string, delta int64) (int64, error)
}
