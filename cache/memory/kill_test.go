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

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
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
			keys := killKeys(w)
			next := 1
			if last, err := e.XRevRange(ctx, keys[1], "+", "-", 1); err == nil && len(last) > 0 {
				ms, _, _ := strings.Cut(last[0].ID, "-")
				next, _ = strconv.Atoi(ms)
				next++
			}
			for ; ; next++ {
				if _, err := e.Durable(cache.Always).Run(ctx, transfer, keys, []string{strconv.Itoa(next)}); err != nil {
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
	dir := t.TempDir()
	acked := make([]int, killWriters)
	for cycle := range killCycles {
		killOnce(t, dir, acked, 50+rand.IntN(400))
		e := open(t, Options{Dir: dir})
		for w := range killWriters {
			keys := killKeys(w)
			entries, err := e.XRange(ctx, keys[1], "-", "+", 0)
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(entries), acked[w], "cycle %d: an acknowledged write is gone", cycle)
			require.LessOrEqual(t, len(entries), acked[w]+1, "cycle %d: at most one was under way", cycle)
			for i, entry := range entries {
				require.Equal(t, fmt.Sprintf("%d-0", i+1), entry.ID)
			}
			balance, err := e.HGetAll(ctx, keys[0])
			require.NoError(t, err)
			n := len(entries)
			require.Equal(t, map[string]string{"from": strconv.Itoa(-n), "to": strconv.Itoa(n)}, balance)
			acked[w] = n
		}
		require.NoError(t, e.Close())
	}
	l, err := listDir(dir)
	require.NoError(t, err)
	require.NotEmpty(t, l.snapshots, "no compaction took place: the test is too short")
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
