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
	"hyperlocal/persist"
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
			gate := newGate(t, redis, removal)
			store := "sqlite:" + filepath.Join(t.TempDir(), "record.db")
			settings := append([]string{"--store", store}, witnessSettings...)
			p := startServer(t, append([]string{"--engine", "redis://" + gate.addr}, settings...)...)
			w := newWitness(t, p)
			w.begin()
			select {
			case <-gate.shut:
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
	gate := newGate(t, testenv.Cassandra(t), nil)
	direct := config{Engine: "memory", Eviction: "noeviction", DataDir: t.TempDir(), Store: "cassandra://" + testenv.Cassandra(t) + keyspace}
	settings := append([]string{"--data-dir", direct.DataDir, "--store", "cassandra://" + gate.addr + keyspace}, witnessSettings...)
	p := startServer(t, settings...)
	db := openRecord(t, direct.Store)
	w := newWitness(t, p)
	for what := range 2 {
		w.send()
		w.awaitRows(t, witnessDrivers)
		gate.delay(5 * time.Second) // half of what a request may take
		tracks, movements := sizes(t, db)
		w.send()
		require.Eventually(t, func() bool {
			moreTracks, moreMovements := sizes(t, db)
			return what == 0 && moreTracks > tracks || what == 1 && moreMovements > movements
		}, time.Minute, time.Millisecond)
		w.to.kill()
		gate.delay(0)
		tracks, movements = inBoth(t, direct)
		require.Positive(t, []int{tracks, movements}[what])
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

// sizes counts the rows of the record.
func sizes(t *testing.T, db persist.Store) (tracks, movements int) {
	t.Helper()
	for i := range witnessDrivers {
		rows, err := db.TrackRows(t.Context(), witnessDriver(i), 0, math.MaxInt64)
		require.NoError(t, err)
		tracks += len(rows)
	}
	ms, err := db.Movements(t.Context(), witnessStore, 0, math.MaxInt32)
	require.NoError(t, err)
	return tracks, len(ms)
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
				if m.Name == fmt.Sprintf("%d:%d", r.BucketStart, r.Part) {
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
