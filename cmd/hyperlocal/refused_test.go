package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/redis"
)

// Somebody writes into the engine what is neither a movement nor an order. Both are
// set aside, which the metrics tell, and what comes behind them is written.
func TestRefusedRowsAreSetAside(t *testing.T) {
	dir, port := t.TempDir(), freeAddr(t)
	p := startServer(t, "--data-dir", dir, "--resp-addr", port)
	fill(t, p)
	e, err := redis.Open(t.Context(), "redis://"+port, redis.Options{})
	require.NoError(t, err)
	defer e.Close()
	seq, err := e.HIncrBy(t.Context(), "store:{S1}:meta", "seq", 1)
	require.NoError(t, err)
	require.EqualValues(t, 11, seq)
	_, err = e.XAdd(t.Context(), "store:{S1}:movements", "11-0", cache.Trim{}, cache.Field{Name: "x", Value: "y"})
	require.NoError(t, err)
	_, err = e.HSet(t.Context(), "order:{bad}", cache.Field{Name: "x", Value: "y"})
	require.NoError(t, err)
	_, err = e.ZAdd(t.Context(), "orders:changed", cache.Member{Name: "bad", Score: 1})
	require.NoError(t, err)
	p.do("POST", "/v1/stores/S1/movements", map[string]any{"kind": "receive",
		"lines": []any{map[string]any{"product_id": "product:101", "units": 1}}}).ok(201, nil)

	require.Eventually(t, func() bool {
		return p.metric("hyperlocal_movements_set_aside_total") == 1 && p.metric("hyperlocal_orders_set_aside_total") == 1 &&
			p.metric("hyperlocal_movements_drained_total") == 21
	}, time.Minute, 50*time.Millisecond)
	metrics := string(p.do("GET", "/metrics", nil).body)
	require.Contains(t, metrics, "\nhyperlocal_movements_drain_failures_total 0\n")
	require.Contains(t, metrics, "\nhyperlocal_orders_drain_failures_total 0\n")
	require.FileExists(t, filepath.Join(dir, "refused", "movements.jsonl"))
	require.FileExists(t, filepath.Join(dir, "refused", "orders.jsonl"))
	out, err := run(t, "check", "--data-dir", dir, "--engine", "redis://"+port)
	require.ErrorIs(t, err, errStockDiffers)
	require.Equal(t, "S1: 1 movements are missing: 11-11\n", out)
}
