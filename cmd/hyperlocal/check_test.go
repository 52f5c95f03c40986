package main

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/memory"
	"hyperlocal/internal/testenv"
	"hyperlocal/persist/sqlite"
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
	require.Contains(t, out, "S1: left alone; there are 1 differences\n")
	out, err = run(t, "rebuild", "--data-dir", dir, "--replace")
	require.NoError(t, err, out)
	_, err = run(t, "check", "--data-dir", dir)
	require.NoError(t, err)

	require.NoError(t, os.RemoveAll(engineDir(dir)))
	_, err = run(t, "check", "--data-dir", dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoDirExists(t, engineDir(dir), "check makes none")
	require.NoError(t, os.Mkdir(engineDir(dir), 0o700))
	out, err = run(t, "check", "--data-dir", dir)
	require.ErrorIs(t, err, errStockDiffers)
	require.Contains(t, out, "S1: the engine does not know the store\n")
	require.NoError(t, os.RemoveAll(engineDir(dir)))
	out, err = run(t, "rebuild", "--data-dir", dir)
	require.NoError(t, err, out)
	out, err = run(t, "check", "--data-dir", dir)
	require.NoError(t, err, out)

	// A reservation that is lost alone is told by its id, and comes back.
	e, err = memory.Open(memory.Options{Dir: engineDir(dir)})
	require.NoError(t, err)
	open, err := e.ZRangeByScore(t.Context(), "store:{S1}:expiring", cache.ScoreRange{Max: 1e15})
	require.NoError(t, err)
	require.Len(t, open, 3)
	require.Greater(t, open[0].Score, float64(time.Now().Add(23*time.Hour).UnixMilli()), "not for ten minutes from now")
	_, err = e.Del(t.Context(), "store:{S1}:expiring", "store:{S1}:reservation:"+open[0].Name)
	require.NoError(t, err)
	require.NoError(t, e.Close())
	out, err = run(t, "check", "--data-dir", dir)
	require.ErrorIs(t, err, errStockDiffers)
	require.Contains(t, out, "S1: reservation "+open[0].Name+" is open by its movements, not in the engine\n")
	out, err = run(t, "rebuild", "--data-dir", dir, "--replace")
	require.NoError(t, err, out)
	out, err = run(t, "check", "--data-dir", dir)
	require.NoError(t, err, out)

	// Movements that came to nothing are missed, and cannot be brought back.
	db, err := sql.Open("sqlite", filepath.Join(dir, "hyperlocal.db"))
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec("UPDATE movements SET seq = 1000 + seq")
	require.NoError(t, err)
	out, err = run(t, "check", "--data-dir", dir)
	require.ErrorIs(t, err, errStockDiffers)
	require.Contains(t, out, "movements are missing: 1-")
	require.Contains(t, out, "S1: the engine has lost its last 1000 movements, which the database has\n")
	_, err = run(t, "rebuild", "--data-dir", dir, "--replace")
	require.ErrorContains(t, err, "does not have all movements")
}

// A name that was mistyped is told, and nothing is made there.
func TestCheckOfNothing(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, "--data-dir", dir)
	p.interrupt()
	_, err := run(t, "check", "--data-dir", dir)
	require.ErrorIs(t, err, errNoStores)
	_, err = run(t, "rebuild", "--data-dir", dir)
	require.ErrorIs(t, err, errNoStores)

	for _, name := range []string{"check", "rebuild"} {
		nowhere := filepath.Join(dir, "nowhere")
		_, err := run(t, name, "--data-dir", nowhere)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		require.ErrorContains(t, err, "--data-dir", name)
		require.NoDirExists(t, nowhere, name)
		_, err = run(t, name, "--data-dir", dir, "--store", "sqlite:"+filepath.Join(nowhere, "x.db"))
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		require.ErrorContains(t, err, "--store", name)
		require.NoDirExists(t, nowhere, name)
	}
}

// The engine has stock, and the database is another one: nothing is said to be well,
// and nothing is replaced.
func TestCheckWithAnotherDatabase(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, "--data-dir", dir)
	fill(t, p)
	p.interrupt()
	other := filepath.Join(t.TempDir(), "other.db")
	s, err := sqlite.Open(t.Context(), other, sqlite.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	out, err := run(t, "check", "--data-dir", dir, "--store", "sqlite:"+other)
	require.ErrorIs(t, err, errStockDiffers)
	require.Contains(t, out, "S1: the database does not know the store\n")
	out, err = run(t, "rebuild", "--data-dir", dir, "--store", "sqlite:"+other, "--replace")
	require.Error(t, err)
	require.Contains(t, out, "S1: left alone; the database does not know the store\n")
	out, err = run(t, "check", "--data-dir", dir)
	require.NoError(t, err, out)
}

// Beside a server nothing is rebuilt, unless it is forced. A while after it is gone
// its leases are, too.
func TestRebuildBesideAServer(t *testing.T) {
	dir, engine := t.TempDir(), "redis://"+testenv.OwnRedis(t)
	args := []string{"--data-dir", dir, "--engine", engine}
	p := startServer(t, args...)
	fill(t, p)
	rebuild := func(more ...string) error {
		_, err := run(t, append(append([]string{"rebuild"}, args...), more...)...)
		return err
	}
	require.Eventually(t, func() bool { return errors.Is(rebuild(), errServerRuns) }, 10*time.Second, 100*time.Millisecond,
		"it has its leases a moment after it began")
	require.NoError(t, rebuild("--force"))
	p.interrupt()
	require.NoError(t, rebuild(), "it gave its leases back")
	require.NoError(t, rebuild(), "and so did the one before")
}
