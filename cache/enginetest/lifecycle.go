package enginetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func testEngine(t *testing.T, h *host) {
	require.NoError(t, h.Ping(h.ctx))

	t.Run("Stats", func(t *testing.T) {
		// Other tests may share the host: only what is ours must show.
		for i := range 100 {
			must(h.Set(h.ctx, h.key(strings.Repeat("k", i+1)), strings.Repeat("v", 1000), cache.SetOptions{}))(t)
		}
		stats := must(h.Stats(h.ctx))(t)
		require.GreaterOrEqual(t, stats.Keys, int64(100))
		require.GreaterOrEqual(t, stats.Bytes, int64(100*1000))
	})
	t.Run("Durable views share the data", func(t *testing.T) {
		k := h.key("counter")
		for i, d := range []cache.Durability{cache.EverySecond, cache.Always, cache.Ephemeral} {
			require.EqualValues(t, i+1, must(h.Durable(d).IncrBy(h.ctx, k, 1))(t))
		}
		require.Equal(t, got("3"), must(h.Get(h.ctx, k))(t))
		h.needScripts(t)
		requireValue(t, cache.List(cache.String("3")),
			must(h.Durable(cache.Always).Run(h.ctx, interpreter, []string{k}, program(nil, command{"GET", k}).Args))(t))
	})
	t.Run("a caller that has gone away", func(t *testing.T) {
		ctx, cancel := context.WithCancel(h.ctx)
		cancel()
		_, err := h.Subscribe(ctx, h.key("c"))
		require.Error(t, err)
	})
}

// calls makes one call of each method that reaches the host.
var calls = map[string]func(h *host, key string) error{
	"Del":      func(h *host, k string) error { _, err := h.Del(h.ctx, k); return err },
	"Exists":   func(h *host, k string) error { _, err := h.Exists(h.ctx, k); return err },
	"Expire":   func(h *host, k string) error { _, err := h.Expire(h.ctx, k, 1, 0); return err },
	"TTL":      func(h *host, k string) error { _, err := h.TTL(h.ctx, k); return err },
	"Type":     func(h *host, k string) error { _, err := h.Type(h.ctx, k); return err },
	"Scan":     func(h *host, k string) error { _, _, err := h.Scan(h.ctx, "", k, 1); return err },
	"Set":      func(h *host, k string) error { _, err := h.Set(h.ctx, k, "v", cache.SetOptions{}); return err },
	"ExpireAt": func(h *host, k string) error { _, err := h.ExpireAt(h.ctx, k, time.UnixMilli(1), 0); return err },
	"Persist":  func(h *host, k string) error { _, err := h.Persist(h.ctx, k); return err },
	"MSet":     func(h *host, k string) error { return h.MSet(h.ctx, cache.Field{Name: k}) },
	"MGet":     func(h *host, k string) error { _, err := h.MGet(h.ctx, k); return err },
	"Run":      func(h *host, k string) error { _, err := h.Run(h.ctx, echo, []string{k}, nil); return err },
	"RunAll": func(h *host, k string) error {
		return h.RunAll(h.ctx, []cache.Call{{Script: echo, Keys: []string{k}}})[0].Err
	},
	"Publish":   func(h *host, k string) error { _, err := h.Publish(h.ctx, k, "m"); return err },
	"Subscribe": func(h *host, k string) error { _, err := h.Subscribe(h.ctx, k); return err },
	"Stats":     func(h *host, _ string) error { _, err := h.Stats(h.ctx); return err },
	"Ping":      func(h *host, _ string) error { return h.Ping(h.ctx) },
	"Durable": func(h *host, k string) error {
		_, err := h.Durable(cache.Always).Get(h.ctx, k)
		return err
	},
}

func testClose(t *testing.T, h *host) {
	// The tag's keys could not be removed after Close: write none.
	sub := must(h.Subscribe(h.ctx, h.key("c")))(t)
	waiting := h.readInBackground(h.ctx, Patience, h.key("k"), "$")
	require.NoError(t, h.Close())
	requireClosed(t, sub)
	require.ErrorIs(t, (<-waiting).err, cache.ErrUnavailable, "nobody waits any longer")
	for name, call := range calls {
		require.ErrorIs(t, call(h, h.key("k")), cache.ErrUnavailable, name)
	}
	for _, c := range typed {
		require.ErrorIs(t, c.call(h, h.key("k")), cache.ErrUnavailable, c.op)
	}
	require.ErrorIs(t, sub.Add(h.ctx, h.key("d")), cache.ErrUnavailable)
	require.NoError(t, sub.Close())
	require.NoError(t, h.Close(), "twice is harmless")
}
