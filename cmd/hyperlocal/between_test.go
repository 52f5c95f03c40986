package main

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/internal/testenv"
)

// The server is killed when the database has what was flushed and the engine has
// it, too: its removal is stopped on its way. The next server writes the same
// again, which leaves it once.
func TestKilledBeforeRemoval(t *testing.T) {
	for name, removal := range map[string]*regexp.Regexp{
		"tracks":    regexp.MustCompile(`DEL\r\n\$\d+\r\ndrivers:sealed:`),
		"movements": regexp.MustCompile(`XTRIM\r\n\$\d+\r\nstore:\{` + witnessStore + `\}:movements`),
	} {
		t.Run(name, func(t *testing.T) {
			redis := testenv.OwnRedis(t)
			line := testenv.NewLine(t, redis)
			removing := line.Block(removal)
			store := "sqlite:" + filepath.Join(t.TempDir(), "record.db")
			settings := append([]string{"--store", store}, witnessSettings...)
			p := startServer(t, append([]string{"--engine", "redis://" + line.Addr}, settings...)...)
			w := newWitness(t, p)
			w.begin()
			select {
			case <-removing:
			case <-time.After(time.Minute):
				t.Fatal("nothing was removed")
			}
			p.kill()
			w.end()
			tracks, movements := inBoth(t, config{Engine: "redis://" + redis, Store: store})
			require.Positive(t, map[string]int{"tracks": tracks, "movements": movements}[name])

			w.goOnWith(startServer(t, append([]string{"--engine", "redis://" + redis}, settings...)...))
			w.send()
			require.Equal(t, 0, w.to.interrupt(), "%s", w.to.out)
			w.requireWhole(t, openRecord(t, store))
		})
	}
}

// The server is killed when Cassandra has what was flushed and its answer is on
// its way: once for tracks, and once for movements.
func TestKilledBeforeAnswer(t *testing.T) {
	keyspace := fmt.Sprintf("/killed_%08x", rand.Uint32())
	line := testenv.NewLine(t, testenv.Cassandra(t))
	direct := config{Engine: "memory", Eviction: "noeviction", DataDir: t.TempDir(), Store: "cassandra://" + testenv.Cassandra(t) + keyspace}
	db := openRecord(t, direct.Store) // makes the tables
	// A new connection takes several answers within the timeout.
	settings := append([]string{"--data-dir", direct.DataDir, "--store", "cassandra://" + line.Addr + keyspace + "?timeout=1m"}, witnessSettings...)
	p := startServer(t, settings...)
	w := newWitness(t, p)
	rows := func(driver int) int {
		all, err := db.TrackRows(t.Context(), witnessDriver(driver), 0, math.MaxInt64)
		require.NoError(t, err)
		return len(all)
	}
	movements := func(after int) int {
		all, err := db.Movements(t.Context(), witnessStore, int64(after), math.MaxInt32)
		require.NoError(t, err)
		return len(all)
	}
	for _, what := range []string{"tracks", "movements"} {
		had := movements(0)
		w.send()
		w.awaitRows(t, witnessDrivers)
		eventually(t, func() bool { return movements(had) > 0 }, time.Minute, 10*time.Millisecond)
		var hadRows [witnessDrivers]int
		for i := range hadRows {
			hadRows[i] = rows(i)
		}
		had = movements(0)
		line.Delay(10 * time.Second)
		w.send()
		driver := 0
		eventually(t, func() bool {
			if what == "movements" {
				return movements(had) > 0
			}
			driver = (driver + 1) % witnessDrivers // whose row it will be is not known
			return rows(driver) > hadRows[driver]
		}, time.Minute, time.Millisecond, "no new %s in the database", what)
		w.to.kill()
		line.Delay(0)
		tracks, movements := inBoth(t, direct)
		require.Positive(t, map[string]int{"tracks": tracks, "movements": movements}[what])
		w.goOnWith(startServer(t, settings...))
	}
	w.send()
	require.Equal(t, 0, w.to.interrupt(), "%s", w.to.out)
	w.requireWhole(t, db)
}

// The server is killed at any moment of its work, again and again.
func TestKilledWhileFlushing(t *testing.T) {
	dir := t.TempDir()
	settings := append(append([]string{"--data-dir", dir}, witnessSettings...), "--flush-every", "100ms")
	w := newWitness(t, startServer(t, settings...))
	for range testenv.Soak(t, 4) {
		w.begin()
		w.awaitRows(t, 100+rand.Float64()*100)
		w.to.kill()
		w.end()
		w.goOnWith(startServer(t, settings...))
	}
	require.Equal(t, 0, w.to.interrupt(), "%s", w.to.out)
	w.requireWhole(t, openRecord(t, "sqlite:"+filepath.Join(dir, "hyperlocal.db")))
}

// inBoth counts the rows of the record whose content waits in the engine, too.
// No server may be running.
func inBoth(t *testing.T, c config) (tracks, movements int) {
	t.Helper()
	engine, err := openEngine(t.Context(), c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer engine.Close()
	db, err := openStore(t.Context(), c)
	require.NoError(t, err)
	defer db.Close()
	for i := range witnessDrivers {
		rows, err := db.TrackRows(t.Context(), witnessDriver(i), 0, math.MaxInt64)
		require.NoError(t, err)
		for _, r := range rows {
			sealed, err := engine.ZRangeByScore(t.Context(), "drivers:sealeds:{"+r.Zone+"}", cache.ScoreRange{Min: math.Inf(-1), Max: math.Inf(1)})
			require.NoError(t, err)
			for _, m := range sealed {
				if strings.TrimSuffix(m.Name, ":late") == fmt.Sprintf("%d:%d", r.BucketStart, r.Part) {
					tracks++
				}
			}
		}
	}
	waiting := map[int64]bool{}
	entries, err := engine.XRange(t.Context(), "store:{"+witnessStore+"}:movements", "-", "+", 0)
	require.NoError(t, err)
	for _, e := range entries {
		digits, _, _ := strings.Cut(e.ID, "-")
		seq, err := strconv.ParseInt(digits, 10, 64)
		require.NoError(t, err)
		waiting[seq] = true
	}
	ms, err := db.Movements(t.Context(), witnessStore, 0, math.MaxInt32)
	require.NoError(t, err)
	for _, m := range ms {
		if waiting[m.Seq] {
			movements++
		}
	}
	return tracks, movements
}
