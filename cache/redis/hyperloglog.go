package redis

import (
	"context"
	"slices"
)

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
	if err := e.oneSlot("PFCOUNT", keys...); err != nil {
		return 0, err
	}
	n, err := e.do(ctx, e.client.B().Pfcount().Key(keys...).Build()).ToInt64()
	return n, fail("PFCOUNT", keys[0], err)
}

// PFMerge implements cache.HyperLogLogs.
func (e *Engine) PFMerge(ctx context.Context, dest string, sources ...string) error {
	if err := e.oneSlot("PFMERGE", append(slices.Clip(sources), dest)...); err != nil {
		return err
	}
	return fail("PFMERGE", dest, e.do(ctx, e.client.B().Pfmerge().Destkey(dest).Sourcekey(sources...).Build()).Error())
}
