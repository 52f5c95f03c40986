package enginetest

import (
	"context"
	"fmt"
	"math"
	"slices"
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
	drawIndex  = rapid.SampledFrom([]int64{0, 0, 1, 2, 3, 5, -1, -2, -3, -5, math.MaxInt64, math.MinInt64})
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

func listSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	key := keys.Draw(t, "key")
	values := rapid.SliceOfN(drawValue, 1, 4).Draw(t, "values")
	n, start, stop := rapid.IntRange(-1, 4).Draw(t, "n"), drawIndex.Draw(t, "start"), drawIndex.Draw(t, "stop")
	switch rapid.IntRange(0, 6).Draw(t, "operation") {
	case 0:
		return on(fmt.Sprintf("LPush %q %q", key, values), func(ctx context.Context, e cache.Engine) (int64, error) { return e.LPush(ctx, key, values...) })
	case 1:
		return on(fmt.Sprintf("RPush %q %q", key, values), func(ctx context.Context, e cache.Engine) (int64, error) { return e.RPush(ctx, key, values...) })
	case 2:
		return on(fmt.Sprintf("LPop %q %d", key, n), func(ctx context.Context, e cache.Engine) ([]string, error) { return e.LPop(ctx, key, n) })
	case 3:
		return on(fmt.Sprintf("RPop %q %d", key, n), func(ctx context.Context, e cache.Engine) ([]string, error) { return e.RPop(ctx, key, n) })
	case 4:
		return on(fmt.Sprintf("LTrim %q %d %d", key, start, stop), func(ctx context.Context, e cache.Engine) (bool, error) { return true, e.LTrim(ctx, key, start, stop) })
	case 5:
		return on(fmt.Sprintf("LRange %q %d %d", key, start, stop), func(ctx context.Context, e cache.Engine) ([]string, error) { return e.LRange(ctx, key, start, stop) })
	}
	return on(fmt.Sprintf("LLen %q", key), func(ctx context.Context, e cache.Engine) (int64, error) { return e.LLen(ctx, key) })
}

func setSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	key, several := keys.Draw(t, "key"), rapid.SliceOfN(keys, 1, 3).Draw(t, "keys")
	members := rapid.SliceOfN(drawName, 1, 4).Draw(t, "members")
	switch rapid.IntRange(0, 7).Draw(t, "operation") {
	case 0, 1:
		return on(fmt.Sprintf("SAdd %q %q", key, members), func(ctx context.Context, e cache.Engine) (int64, error) { return e.SAdd(ctx, key, members...) })
	case 2:
		return on(fmt.Sprintf("SRem %q %q", key, members), func(ctx context.Context, e cache.Engine) (int64, error) { return e.SRem(ctx, key, members...) })
	case 3:
		return on(fmt.Sprintf("SMIsMember %q %q", key, members), func(ctx context.Context, e cache.Engine) ([]bool, error) { return e.SMIsMember(ctx, key, members...) })
	case 4:
		return on(fmt.Sprintf("SCard %q", key), func(ctx context.Context, e cache.Engine) (int64, error) { return e.SCard(ctx, key) })
	case 5:
		return on(fmt.Sprintf("SUnion %q", several), sorted(func(ctx context.Context, e cache.Engine) ([]string, error) { return e.SUnion(ctx, several...) }))
	case 6:
		return on(fmt.Sprintf("SInter %q", several), sorted(func(ctx context.Context, e cache.Engine) ([]string, error) { return e.SInter(ctx, several...) }))
	}
	return on(fmt.Sprintf("SDiff %q", several), sorted(func(ctx context.Context, e cache.Engine) ([]string, error) { return e.SDiff(ctx, several...) }))
}

// sorted makes answers without an order comparable.
func sorted(call func(ctx context.Context, e cache.Engine) ([]string, error)) func(ctx context.Context, e cache.Engine) ([]string, error) {
	return func(ctx context.Context, e cache.Engine) ([]string, error) {
		found, err := call(ctx, e)
		slices.Sort(found)
		return found, err
	}
}

// hllSteps makes HyperLogLogs of keys of their own: hosts keep them in several
// forms, so that what GET returns cannot be compared.
func hllSteps(t *rapid.T, keys *rapid.Generator[string]) step {
	tag := cache.Tag(keys.Draw(t, "key"))
	own := rapid.Map(rapid.SampledFrom([]string{"p1", "p2", "p3"}), func(name string) string { return Key(tag, name) })
	key, some := own.Draw(t, "key"), rapid.SliceOfN(rapid.OneOf(own, own, keys), 1, 3).Draw(t, "keys")
	switch rapid.IntRange(0, 4).Draw(t, "operation") {
	case 0, 1:
		from := rapid.IntRange(0, 3000).Draw(t, "from")
		elements := numbers(from, from+rapid.SampledFrom([]int{0, 1, 10, 1000}).Draw(t, "elements"))
		return on(fmt.Sprintf("PFAdd %q %q", key, elements), func(ctx context.Context, e cache.Engine) (bool, error) { return e.PFAdd(ctx, key, elements...) })
	case 2:
		return on(fmt.Sprintf("PFMerge %q %q", key, some), func(ctx context.Context, e cache.Engine) (bool, error) { return true, e.PFMerge(ctx, key, some...) })
	case 3:
		return on(fmt.Sprintf("Del %q", key), func(ctx context.Context, e cache.Engine) (int64, error) { return e.Del(ctx, key) })
	}
	return on(fmt.Sprintf("PFCount %q", some), func(ctx context.Context, e cache.Engine) (int64, error) { return e.PFCount(ctx, some...) })
}
