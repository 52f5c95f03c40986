package memory

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What people ask of a key when they look around; none of it counts as a use of
// the key. ok is false if the key is missing.

// MemoryUsage is the part of Stats.Bytes that one key makes up.
func (e *Engine) MemoryUsage(ctx context.Context, key string) (bytes int64, ok bool, err error) {
	return inspect(ctx, e, "memory usage", key, func(_ reader, it *item) int64 { return it.size() })
}

// IdleTime is how long ago a key was last used. Only a policy that goes by it
// keeps track of it: otherwise errors.ErrUnsupported.
func (e *Engine) IdleTime(ctx context.Context, key string) (d time.Duration, ok bool, err error) {
	if e.limiter == nil || e.limiter.policy != AllKeysLRU && e.limiter.policy != VolatileLRU {
		return 0, false, fmt.Errorf("memory: idle time: %w by the eviction policy", errors.ErrUnsupported)
	}
	return inspect(ctx, e, "idle time", key, func(r reader, it *item) time.Duration {
		return time.Duration(r.limiter.rank(it, r.now())<<tickShift) * time.Millisecond
	})
}

// Frequency is how often a key was used lately, from 0 to 255 on Redis's
// logarithmic scale. Only AllKeysLFU keeps track of it: otherwise
// errors.ErrUnsupported.
func (e *Engine) Frequency(ctx context.Context, key string) (n int64, ok bool, err error) {
	if e.limiter == nil || e.limiter.policy != AllKeysLFU {
		return 0, false, fmt.Errorf("memory: frequency: %w by the eviction policy", errors.ErrUnsupported)
	}
	return inspect(ctx, e, "frequency", key, func(r reader, it *item) int64 {
		return int64(lfuDecay(it.mark.Load(), r.limiter.minute(r.now())))
	})
}

func inspect[T any](ctx context.Context, e *Engine, op, key string, look func(r reader, it *item) T) (v T, ok bool, err error) {
	v, err = read(ctx, e, op, key, func(r reader) (v T, err error) {
		it := r.peek(key)
		if ok = it != nil; ok {
			v = look(r, it)
		}
		return v, nil
	})
	return v, ok, err
}
