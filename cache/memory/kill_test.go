package memory

import (
	"bufio"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/internal/testenv"
)

// childDirEnv makes the test binary a writer on that directory.
const childDirEnv = "HYPERLOCAL_MEMORY_CHILD_DIR"

const (
	killCycles  = 6
	killWriters = 4
)

// transfer moves a unit from one field to another and notes it in a stream:
// half of it on disk would show.
var transfer = &cache.Script{Name: "transfer", Go: func(tx cache.Tx, keys, args []string) cache.Value {
	tx.HIncrBy(keys[0], "from", -1)
	tx.HIncrBy(keys[0], "to", 1)
	tx.XAdd(keys[1], args[0], 0, cache.Field{Name: "n", Value: args[0]})
	return cache.Value{}
}}

func killKeys(writer int) []string {
	return []string{fmt.Sprintf("balance:{%d}", writer), fmt.Sprintf("log:{%d}", writer)}
}

// seal counts, and gives what it counts in another name every few times.
var seal = &cache.Script{Name: "seal", Go: func(tx cache.Tx, keys, _ []string) cache.Value {
	n := tx.HIncrBy(keys[0], "n", 1)
	tx.HIncrBy(keys[1], "count", 1)
	tx.HSet(keys[1], "n", strconv.FormatInt(n, 10))
	if n%sealedTogether == 0 {
		tx.Rename(keys[1], keys[2])
	}
	return cache.Value{}
}}

const sealedTogether = 3

func sealKillKeys(writer int) []string {
	return []string{fmt.Sprintf("all:{%d}", writer), fmt.Sprintf("open:{%d}", writer), fmt.Sprintf("sealed:{%d}", writer)}
}

// lazyKillKeys are written with EverySecond before each durable write, and the
// third without any durability.
func lazyKillKeys(writer int) []string {
	return []string{fmt.Sprintf("lazy balance:{%d}", writer), fmt.Sprintf("lazy log:{%d}", writer), fmt.Sprintf("fleeting:{%d}", writer)}
}

// lastEntry is the number of the last transfer that a log has.
func lastEntry(e *Engine, log string) int {
	last, err := e.XRevRange(ctx, log, "+", "-", 1)
	if err != nil || len(last) == 0 {
		return 0
	}
	ms, _, _ := strings.Cut(last[0].ID, "-")
	n, _ := strconv.Atoi(ms)
	return n
}

// writeUntilKilled acknowledges each durable write on standard output.
func writeUntilKilled(dir string) {
	e, err := Open(Options{Dir: dir, CompactBytes: 20_000, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	for w := range killWriters {
		wg.Go(func() {
			keys, lazy := killKeys(w), lazyKillKeys(w)
			lazyNext := lastEntry(e, lazy[1]) + 1
			for next := lastEntry(e, keys[1]) + 1; ; next++ {
				arg := []string{strconv.Itoa(next)}
				_, err := e.Durable(cache.Ephemeral).HSet(ctx, lazy[2], cache.Field{Name: "n", Value: arg[0]})
				if err == nil && lazyNext == next {
					_, err = e.Run(ctx, transfer, lazy[:2], arg)
					lazyNext++
				}
				if err == nil {
					_, err = e.Run(ctx, seal, sealKillKeys(w), nil)
				}
				if err == nil {
					_, err = e.Durable(cache.Always).Run(ctx, transfer, keys, arg)
				}
				if err != nil {
					fmt.Println("run:", err)
					os.Exit(1)
				}
				fmt.Printf("ack %d %d\n", w, next)
			}
		})
	}
	wg.Wait()
}

// A process that is killed at any moment loses nothing it has acknowledged and
// keeps nothing by halves, over several lives with compactions in between.
func TestKilledWhileWriting(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	cycles := testenv.Soak(t, killCycles)
	dir := t.TempDir()
	acked := make([]int, killWriters)
	began, snapshots := time.Now(), make(map[uint64]bool)
	for cycle := range cycles {
		killOnce(t, dir, acked, rand.IntN(450))
		l, err := listDir(dir)
		require.NoError(t, err)
		for _, n := range l.snapshots {
			snapshots[n] = true
		}
		e := open(t, Options{Dir: dir})
		for w := range killWriters {
			acked[w] = checkKilled(t, e, w, acked[w])
		}
		require.NoError(t, e.Close())
		if done := cycle + 1; done%25 == 0 {
			t.Logf("%d of %d processes killed, %d writes, %d snapshots, %s",
				done, cycles, sum(acked), len(snapshots), time.Since(began).Round(time.Second))
		}
	}
	require.NotEmpty(t, snapshots, "no compaction took place: the test is too short")
}

// checkKilled requires that all is there that a writer had acknowledged and
// nothing else but what was under way, and returns its last write.
func checkKilled(t *testing.T, e *Engine, w, acked int) int {
	t.Helper()
	keys, lazy := killKeys(w), lazyKillKeys(w)
	last := transfers(t, e, keys)
	require.GreaterOrEqual(t, last, acked, "an acknowledged write is gone")
	require.LessOrEqual(t, last, acked+1, "at most one was under way")
	// A write that waits for the disk takes along all that its shard wrote
	// before.
	n := transfers(t, e, lazy[:2])
	require.GreaterOrEqual(t, n, last)
	require.LessOrEqual(t, n, last+1)
	checkSealed(t, e, w, last)
	fleeting, err := e.HIncrBy(ctx, lazy[2], "n", 0)
	require.NoError(t, err)
	require.LessOrEqual(t, fleeting, int64(last+1))
	return last
}

// checkSealed requires that what a writer has counted is under the name that it
// had last.
func checkSealed(t *testing.T, e *Engine, w, atLeast int) {
	t.Helper()
	var counted [3]map[string]string
	for i, key := range sealKillKeys(w) {
		var err error
		counted[i], err = e.HGetAll(ctx, key)
		require.NoError(t, err)
	}
	n, _ := strconv.Atoi(counted[0]["n"])
	require.GreaterOrEqual(t, n, atLeast)
	bucket := func(last, count int) map[string]string {
		if count == 0 {
			return map[string]string{}
		}
		return map[string]string{"n": strconv.Itoa(last), "count": strconv.Itoa(count)}
	}
	open := n % sealedTogether
	require.Equal(t, bucket(n, open), counted[1])
	require.Equal(t, bucket(n-open, min(n-open, sealedTogether)), counted[2])
}

// transfers returns how many there are, whole and in order.
func transfers(t *testing.T, e *Engine, keys []string) int {
	t.Helper()
	entries, err := e.XRange(ctx, keys[1], "-", "+", 0)
	require.NoError(t, err)
	for i, entry := range entries {
		require.Equal(t, fmt.Sprintf("%d-0", i+1), entry.ID)
	}
	balance, err := e.HGetAll(ctx, keys[0])
	require.NoError(t, err)
	n := len(entries)
	if n > 0 {
		require.Equal(t, map[string]string{"from": strconv.Itoa(-n), "to": strconv.Itoa(n)}, balance)
	}
	return n
}

func sum(ns []int) (total int) {
	for _, n := range ns {
		total += n
	}
	return total
}

// killOnce runs a writer until it has acknowledged so many writes, kills it,
// and notes the last acknowledgement of each of its goroutines.
func killOnce(t *testing.T, dir string, acked []int, writes int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDirEnv+"="+dir)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		var w, id int
		_, err := fmt.Sscanf(lines.Text(), "ack %d %d", &w, &id)
		require.NoError(t, err, "the writer says %q", lines.Text())
		require.Equal(t, acked[w]+1, id)
		acked[w] = id
		if n == writes {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait(), "it was killed")
}

// Of two processes one has the directory, until it ends in whatever way.
func TestDirectoryIsLockedAcrossProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDirEnv+"="+dir)
	out, err := child.Output()
	require.Error(t, err)
	require.Contains(t, string(out), ErrDirInUse.Error())
	require.NoError(t, e.Close())

	child = exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDirEnv+"="+dir)
	pipe, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	require.True(t, bufio.NewScanner(pipe).Scan(), "it writes")
	_, err = Open(Options{Dir: dir})
	require.ErrorIs(t, err, ErrDirInUse)
	_, err = Check(dir)
	require.ErrorIs(t, err, ErrDirInUse)
	_, err = Repair(dir)
	require.ErrorIs(t, err, ErrDirInUse)
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	open(t, Options{Dir: dir})
}
