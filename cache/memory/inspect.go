package memory

import "context"

// MemoryUsage is the part of Stats.Bytes that one key makes up; ok is false if
// it is missing.
func (e *Engine) MemoryUsage(ctx context.Context, key string) (bytes int64, ok bool, err error) {
	bytes, err = read(ctx, e, "memory usage", key, func(r reader) (int64, error) {
		if it := r.find(key); it != nil {
			return it.accounted, nil
		}
		return 0, nil
	})
	return bytes, bytes > 0, err
}
