package enginetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// testExpireConditions tries every combination on keys that expire never, before
// and after the new moment.
func testExpireConditions(t *testing.T, h *host) {
	const (
		nx, xx, gt, lt = cache.ExpireNX, cache.ExpireXX, cache.ExpireGT, cache.ExpireLT
		sooner, then   = time.Hour, 2 * time.Hour
		later          = 3 * time.Hour
	)
	for _, c := range []struct {
		when                 cache.ExpireCondition
		never, before, after bool // what is changed of keys that expire so
	}{
		{0, true, true, true},
		{nx, true, false, false},
		{xx, false, true, true},
		{gt, false, true, false},
		{lt, true, false, true},
		{xx | gt, false, true, false},
		{xx | lt, false, false, true},
	} {
		for _, old := range []struct {
			ttl     time.Duration
			changes bool
		}{{0, c.never}, {sooner, c.before}, {later, c.after}} {
			for name, set := range map[string]func(key string) (bool, error){
				"Expire":   func(key string) (bool, error) { return h.Expire(h.ctx, key, then, c.when) },
				"ExpireAt": func(key string) (bool, error) { return h.ExpireAt(h.ctx, key, time.Now().Add(then), c.when) },
			} {
				key := h.key(name)
				must(h.Set(h.ctx, key, "v", cache.SetOptions{TTL: old.ttl}))(t)
				before := must(h.TTL(h.ctx, key))(t)
				require.Equal(t, old.changes, must(set(key))(t), "%s with %04b, old %v", name, c.when, old.ttl)
				if old.changes {
					before = then
				}
				require.True(t, before == must(h.TTL(h.ctx, key))(t) ||
					(before-must(h.TTL(h.ctx, key))(t)).Abs() < time.Minute, "%s with %04b, old %v", name, c.when, old.ttl)
			}
		}
		require.False(t, must(h.Expire(h.ctx, h.key("missing"), then, c.when))(t))
	}
	t.Run("conditions that exclude each other", func(t *testing.T) {
		for _, when := range []cache.ExpireCondition{nx | xx, nx | gt, nx | lt, gt | lt, xx | gt | lt, nx | xx | gt | lt} {
			_, err := h.Expire(h.ctx, h.key("missing"), then, when)
			require.ErrorIs(t, err, cache.ErrSyntax, "%04b", when)
			_, err = h.ExpireAt(h.ctx, h.key("missing"), time.Now(), when)
			require.ErrorIs(t, err, cache.ErrSyntax, "%04b", when)
		}
	})
	t.Run("a moment that has passed", func(t *testing.T) {
		k := h.key("passed")
		must(h.Set(h.ctx, k, "v", cache.SetOptions{}))(t)
		require.False(t, must(h.ExpireAt(h.ctx, k, time.UnixMilli(1), gt))(t), "earlier than never")
		require.EqualValues(t, 1, must(h.Exists(h.ctx, k))(t))
		for _, at := range []time.Time{time.UnixMilli(0), time.UnixMilli(-1), time.UnixMilli(1)} {
			must(h.Set(h.ctx, k, "v", cache.SetOptions{}))(t)
			require.True(t, must(h.ExpireAt(h.ctx, k, at, lt))(t))
			require.Zero(t, must(h.Exists(h.ctx, k))(t))
		}
	})
	t.Run("a moment further than a duration can tell", func(t *testing.T) {
		k := h.key("far")
		must(h.Set(h.ctx, k, "v", cache.SetOptions{}))(t)
		require.True(t, must(h.ExpireAt(h.ctx, k, time.UnixMilli(1<<62), 0))(t))
		require.Greater(t, must(h.TTL(h.ctx, k))(t), 200*365*24*time.Hour)
	})
	t.Run("Persist", func(t *testing.T) {
		k := h.key("persisted")
		require.False(t, must(h.Persist(h.ctx, k))(t), "missing")
		must(h.Set(h.ctx, k, "v", cache.SetOptions{TTL: time.Hour}))(t)
		require.True(t, must(h.Persist(h.ctx, k))(t))
		require.Equal(t, cache.NoTTL, must(h.TTL(h.ctx, k))(t))
		require.False(t, must(h.Persist(h.ctx, k))(t), "it had none")
	})
}
