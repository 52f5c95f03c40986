package redis

import "context"

// PFAdd implements cache.HyperLogLogs.
func (e *Engine) PFAdd(ctx context.Context, key string, elements ...string) (bool, error) {
	n, err := e.do(ctx, e.client.B().Pfadd().Key(key).Element(elements...).Build()).ToInt64()
	return n == 1, fail("PFADD", key, err)
}

// PFCount implements cache.HyperLogLogs.
func (e *Engine) PFCount(ctx context.Context, keys ...string) (int64, error) {
	if len(keys) == 0 {
		return 0, nil
	}
	n, err := e.do(ctx, e.client.B().Pfcount().Key(keys...).Build()).ToInt64()
	return n, fail("PFCOUNT", keys[0], err)
}

// PFMerge implements cache.HyperLogLogs.
func (e *Engine) PFMerge(ctx context.Context, dest string, sources ...string) error {
	return fail("PFMERGE", dest, e.do(ctx, e.client.B().Pfmerge().Destkey(dest).Sourcekey(sources...).Build()).Error())
}
