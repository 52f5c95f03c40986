package cache

import "context"

// Lists are sequences with cheap ends. An empty list does not exist.
type Lists interface {
	// LPush adds values in front, one after the other, so that the last comes
	// to stand first, and returns the new length.
	LPush(ctx context.Context, key string, values ...string) (int64, error)
	// RPush adds values at the end and returns the new length.
	RPush(ctx context.Context, key string, values ...string) (int64, error)
	// LPop removes up to n values from the front; nil means that the key is
	// missing.
	LPop(ctx context.Context, key string, n int) ([]string, error)
	// RPop removes up to n values from the end, the last one first.
	RPop(ctx context.Context, key string, n int) ([]string, error)
	// LRange returns the values from index start to index stop, both included;
	// negative ones count from the end, -1 being the last.
	LRange(ctx context.Context, key string, start, stop int64) ([]string, error)
	// LTrim removes all values but those LRange would return.
	LTrim(ctx context.Context, key string, start, stop int64) error
	LLen(ctx context.Context, key string) (int64, error)
}
