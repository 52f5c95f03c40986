package enginetest

import (
	"context"
	"fmt"
	"math"
	"time"

	"pgregory.net/rapid"

	"hyperlocal/cache"
)

var (
	drawCondition = rapid.Custom(func(t *rapid.T) (when cache.ExpireCondition) {
		if rapid.Bool().Draw(t, "conditional") {
			when = cache.ExpireCondition(rapid.IntRange(1, 15).Draw(t, "conditions"))
		}
		return when
	})
	drawMoment = rapid.SampledFrom([]time.Time{
		time.UnixMilli(-1), time.UnixMilli(0), time.UnixMilli(1),
		time.Now().Add(50 * time.Hour), time.Now().Add(10_000 * time.Hour), time.UnixMilli(math.MaxInt64),
	})
)

func keySteps(t *rapid.T, keys *rapid.Generator[string]) step {
	several := rapid.SliceOfN(keys, 1, 3).Draw(t, "keys")
	key := keys.Draw(t, "key")
	switch rapid.IntRange(0, 6).Draw(t, "operation") {
	case 0:
		return on(fmt.Sprintf("Del %q", several), func(ctx context.Context, e cache.Engine) (int64, error) { return e.Del(ctx, several...) })
	case 1:
		return on(fmt.Sprintf("Exists %q", several), func(ctx context.Context, e cache.Engine) (int64, error) { return e.Exists(ctx, several...) })
	case 2:
		ttl, when := drawTTL.Draw(t, "ttl"), drawCondition.Draw(t, "when")
		return on(fmt.Sprintf("Expire %q %v %04b", key, ttl, when), func(ctx context.Context, e cache.Engine) (bool, error) { return e.Expire(ctx, key, ttl, when) })
	case 3:
		at, when := drawMoment.Draw(t, "at"), drawCondition.Draw(t, "when")
		return on(fmt.Sprintf("ExpireAt %q %v %04b", key, at, when), func(ctx context.Context, e cache.Engine) (bool, error) { return e.ExpireAt(ctx, key, at, when) })
	case 4:
		return on(fmt.Sprintf("Persist %q", key), func(ctx context.Context, e cache.Engine) (bool, error) { return e.Persist(ctx, key) })
	case 5:
		return onLike(fmt.Sprintf("TTL %q", key),
			func(ctx context.Context, e cache.Engine) (time.Duration, error) { return e.TTL(ctx, key) }, sameTTL)
	}
	return on(fmt.Sprintf("Type %q", key), func(ctx context.Context, e cache.Engine) (string, error) { return e.Type(ctx, key) })
}

func stringSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	key, several := keys.Draw(t, "key"), rapid.SliceOfN(keys, 1, 3).Draw(t, "keys")
	value := drawValue.Draw(t, "value")
	switch rapid.IntRange(0, 7).Draw(t, "operation") {
	case 0:
		opt := drawSetOptions(t)
		return on(fmt.Sprintf("Set %q %q %+v", key, value, opt), func(ctx context.Context, e cache.Engine) (bool, error) { return e.Set(ctx, key, value, opt) })
	case 1:
		opt := drawSetOptions(t)
		return on(fmt.Sprintf("SetGet %q %q %+v", key, value, opt), func(ctx context.Context, e cache.Engine) ([]any, error) {
			old, wrote, err := e.SetGet(ctx, key, value, opt)
			return []any{old, wrote}, err
		})
	case 2:
		delta := drawDelta.Draw(t, "delta")
		return on(fmt.Sprintf("IncrBy %q %d", key, delta), func(ctx context.Context, e cache.Engine) (int64, error) { return e.IncrBy(ctx, key, delta) })
	case 3:
		return on(fmt.Sprintf("GetDel %q", key), func(ctx context.Context, e cache.Engine) (cache.Optional, error) { return e.GetDel(ctx, key) })
	case 4:
		opt := cache.GetOptions{TTL: drawTTL.Draw(t, "ttl"), Persist: rapid.Bool().Draw(t, "persist")}
		return on(fmt.Sprintf("GetEx %q %+v", key, opt), func(ctx context.Context, e cache.Engine) (cache.Optional, error) { return e.GetEx(ctx, key, opt) })
	case 5:
		pairs := make([]cache.Field, len(several))
		for i, k := range several {
			pairs[i] = cache.Field{Name: k, Value: drawValue.Draw(t, "value")}
		}
		return on(fmt.Sprintf("MSet %q", pairs), func(ctx context.Context, e cache.Engine) (bool, error) { return true, e.MSet(ctx, pairs...) })
	case 6:
		return on(fmt.Sprintf("MGet %q", several), func(ctx context.Context, e cache.Engine) ([]cache.Optional, error) { return e.MGet(ctx, several...) })
	}
	return on(fmt.Sprintf("Get %q", key), func(ctx context.Context, e cache.Engine) (cache.Optional, error) { return e.Get(ctx, key) })
}

func drawSetOptions(t *rapid.T) cache.SetOptions {
	return cache.SetOptions{
		TTL: drawTTL.Draw(t, "ttl"), KeepTTL: rapid.Bool().Draw(t, "keep ttl"),
		NX: rapid.Bool().Draw(t, "nx"), XX: rapid.Bool().Draw(t, "xx"),
	}
}

func hashSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	key, name := keys.Draw(t, "key"), drawName.Draw(t, "field")
	several := rapid.SliceOfN(drawName, 1, 4).Draw(t, "fields")
	switch rapid.IntRange(0, 9).Draw(t, "operation") {
	case 0, 1:
		fs := make([]cache.Field, len(several))
		for i, n := range several {
			fs[i] = cache.Field{Name: n, Value: drawValue.Draw(t, "value")}
		}
		return on(fmt.Sprintf("HSet %q %q", key, fs), func(ctx context.Context, e cache.Engine) (int64, error) { return e.HSet(ctx, key, fs...) })
	case 2:
		return on(fmt.Sprintf("HGet %q %q", key, name), func(ctx context.Context, e cache.Engine) (cache.Optional, error) { return e.HGet(ctx, key, name) })
	case 3:
		return on(fmt.Sprintf("HMGet %q %q", key, several), func(ctx context.Context, e cache.Engine) ([]cache.Optional, error) {
			return e.HMGet(ctx, key, several...)
		})
	case 4:
		return on(fmt.Sprintf("HDel %q %q", key, several), func(ctx context.Context, e cache.Engine) (int64, error) { return e.HDel(ctx, key, several...) })
	case 5:
		delta := drawDelta.Draw(t, "delta")
		return on(fmt.Sprintf("HIncrBy %q %q %d", key, name, delta), func(ctx context.Context, e cache.Engine) (int64, error) { return e.HIncrBy(ctx, key, name, delta) })
	}
	switch value := drawValue.Draw(t, "value"); rapid.IntRange(0, 2).Draw(t, "operation") {
	case 0:
		return on(fmt.Sprintf("HSetNX %q %q %q", key, name, value), func(ctx context.Context, e cache.Engine) (bool, error) { return e.HSetNX(ctx, key, name, value) })
	case 1:
		return on(fmt.Sprintf("HScan %q", key), func(ctx context.Context, e cache.Engine) (map[string]string, error) {
			return scanHash(ctx, e, key, "", 2)
		})
	}
	return on(fmt.Sprintf("HLen and HGetAll %q", key), func(ctx context.Context, e cache.Engine) (map[string]string, error) {
		n, err := e.HLen(ctx, key)
		if err != nil {
			return nil, err
		}
		all, err := e.HGetAll(ctx, key)
		if err == nil && n != int64(len(all)) {
			err = fmt.Errorf("HLen says %d, HGetAll has %d", n, len(all))
		}
		return all, err
	})
}
