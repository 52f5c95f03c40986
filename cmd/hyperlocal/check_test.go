package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
)

// A server sells until it is killed. Its stock adds up; when somebody changes
// it behind the server's back, check says so and rebuild mends it, also when
// the engine is lost as a whole.
func TestCheckAndRebuild(t *testing.T) {
	dir, port := t.TempDir(), freeAddr(t)
	p := startServer(t, "--data-dir", dir, "--resp-addr", port)
	fill(t, p)
	for range 3 {
		p.do("POST", "/v1/stores/S1/reservations", map[string]any{"order_id": "o", "ttl_s": 86400,
			"lines": []any{map[string]any{"product_id": "product:101", "units": 1}}}).ok(201, nil)
	}
	_, err := run(t, "check", "--data-dir", dir)
	require.ErrorIs(t, err, memory.ErrDirInUse)
	out, err := run(t, "check", "--data-dir", dir, "--engine", "redis://"+port)
	require.NoError(t, err, out)
	p.kill()

	out, err = run(t, "check", "--data-dir", dir)
	require.NoError(t, err, out)
	e, err := memory.Open(memory.Options{Dir: engineDir(dir)})
	require.NoError(t, err)
	_, err = e.HIncrBy(t.Context(), "store:{S1}", "product:101", 1)
	require.NoError(t, err)
	require.NoError(t, e.Close())
	out, err = run(t, "check", "--data-dir", dir)
	require.ErrorIs(t, err, errStockDiffers)
	require.Contains(t, out, "S1: product:101: available 3, by its movements 2; reserved 3, by its movements 3\n")

	out, err = run(t, "rebuild", "--data-dir", dir)
	require.ErrorContains(t, err, "--replace")
	require.Contains(t, out, "S1: left alone; 1 products differ\n")
	out, err = run(t, "rebuild", "--data-dir", dir, "--replace")
	require.NoError(t, err, out)
	_, err = run(t, "check", "--data-dir", dir)
	require.NoError(t, err)

	require.NoError(t, os.RemoveAll(engineDir(dir)))
	_, err = run(t, "check", "--data-dir", dir)
	require.ErrorIs(t, err, errStockDiffers, "the engine does not know the store")
	out, err = run(t, "rebuild", "--data-dir", dir)
	require.NoError(t, err, out)
	out, err = run(t, "check", "--data-dir", dir)
	require.NoError(t, err, out)
}
