package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
	"hyperlocal/persist/sqlite"
)

// writerPath names the file in a process that is to write until it is killed.
const writerPath = "HYPERLOCAL_SQLITE_TEST_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerPath); path != "" {
		fmt.Fprintln(os.Stderr, writeForever(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const rowsOfStep = 8

// writeForever writes step after step and prints the number of each one that
// was acknowledged.
func writeForever(path string) error {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	for step := int64(1); ; step++ {
		if err := s.WriteTracks(ctx, tracksOfStep(step)); err != nil {
			return err
		}
		if err := s.AppendMovements(ctx, []persist.Movement{{StoreID: "S1", Seq: step, ProductID: "p"}}); err != nil {
			return err
		}
		o := persist.Order{ID: "o", Version: step}
		if err := s.PutOrder(ctx, o, []persist.OrderEvent{{OrderID: "o", Seq: step}}); err != nil {
			return err
		}
		fmt.Println(step)
	}
}

func tracksOfStep(step int64) []persist.TrackRow {
	rows := make([]persist.TrackRow, rowsOfStep)
	for i := range rows {
		at := step*30_000 + int64(i)
		rows[i] = persist.TrackRow{DriverID: "d", Zone: fmt.Sprint(i), BucketStart: step * 30_000, FirstTS: at, LastTS: at, Fixes: 1}
	}
	return rows
}

// TestKilledWhileWriting kills a process with -9 in the middle of its writes.
// This process reads beside it all the while and never sees half a call.
func TestKilledWhileWriting(t *testing.T) {
	for round := range 3 {
		path := filepath.Join(t.TempDir(), fmt.Sprint(round, ".db"))
		reader := open(t, path)
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), writerPath+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())

		done := make(chan struct{})
		var reading sync.WaitGroup
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					assertWholeSteps(t, reader, 0)
				}
			}
		})
		// Nothing but reading lines here, lest the child be far ahead when it is
		// killed. What it printed before it died counts as acknowledged too.
		var acknowledged int64
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			acknowledged, err = strconv.ParseInt(lines.Text(), 10, 64)
			require.NoError(t, err)
			if acknowledged == int64(20+round*7) {
				require.NoError(t, child.Process.Kill())
			}
		}
		require.Error(t, child.Wait(), "killed")
		close(done)
		reading.Wait()

		after := open(t, path)
		assertWholeSteps(t, after, acknowledged)
		movements, err := after.Movements(t.Context(), "S1", 0, 1_000_000)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(movements), int(acknowledged))
		for i, m := range movements {
			require.EqualValues(t, i+1, m.Seq)
		}
		o, events, err := after.Order(t.Context(), "o")
		require.NoError(t, err)
		require.GreaterOrEqual(t, o.Version, acknowledged)
		require.Len(t, events, int(o.Version), "an order and its event are one write")
		require.NoError(t, after.WriteTracks(t.Context(), tracksOfStep(1)), "the database is writable")
	}
}

// assertWholeSteps wants all rows of the first steps, and all or none of those
// that came after.
func assertWholeSteps(t *testing.T, s *sqlite.Store, steps int64) {
	t.Helper()
	rows, err := s.TrackRows(t.Context(), "d", 0, 1<<50)
	assert.NoError(t, err)
	assert.Zero(t, len(rows)%rowsOfStep, "half a call")
	assert.GreaterOrEqual(t, len(rows), int(steps)*rowsOfStep)
}
