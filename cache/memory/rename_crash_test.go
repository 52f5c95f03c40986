package memory

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// stepDisk calls before whenever it is asked for something, one at a time.
type stepDisk struct {
	osDisk
	mu     sync.Mutex
	before func() error
}

func (d *stepDisk) set(before func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.before = before
}

func (d *stepDisk) step(do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.before(); err != nil {
		return err
	}
	return do()
}

func (d *stepDisk) create(path string) (f diskFile, err error) {
	err = d.step(func() error { f, err = d.osDisk.create(path); return err })
	return &stepFile{f, d}, err
}

func (d *stepDisk) rename(from, to string) error {
	return d.step(func() error { return d.osDisk.rename(from, to) })
}

func (d *stepDisk) remove(path string) error {
	return d.step(func() error { return d.osDisk.remove(path) })
}

func (d *stepDisk) syncDir(string) error { return d.step(func() error { return nil }) }

type stepFile struct {
	diskFile
	disk *stepDisk
}

func (f *stepFile) Write(b []byte) (n int, err error) {
	err = f.disk.step(func() error { n, err = f.diskFile.Write(b); return err })
	return n, err
}

func (f *stepFile) Sync() error { return f.disk.step(func() error { return nil }) }

// renameLife writes and renames, and notes what there is after each record.
type renameLife struct {
	t      *testing.T
	e      *Engine
	n      int // of writes
	states map[uint64]map[string]string
}

func (l *renameLife) write() {
	e, n := l.e, l.n
	l.n++
	key := func(i int) string { return fmt.Sprintf("%d{t}", i%4) }
	one := cache.Field{Name: strconv.Itoa(n % 3), Value: strconv.Itoa(n)}
	var err error
	switch k := key(n / 10); n % 10 {
	case 0:
		_, err = e.HSet(ctx, k, one)
	case 1, 4, 6, 8, 9:
		_, err = e.Run(ctx, renameScript, []string{key(n * 7 / 3), key(n * 5 / 2)}, nil)
	case 2:
		_, err = e.RPush(ctx, k, one.Value, one.Name)
	case 3:
		_, err = e.LPop(ctx, key(n/20), 1)
	case 5:
		_, err = e.Expire(ctx, k, time.Hour, 0)
	case 7:
		_, err = e.XAdd(ctx, k, "*", cache.Trim{MaxLen: 3}, one)
	}
	require.True(l.t, err == nil || errors.Is(err, cache.ErrWrongType), "%v", err)
	l.e.journal.mu.Lock()
	defer l.e.journal.mu.Unlock()
	l.states[l.e.journal.seq] = state(l.t, l.e)
}

// check opens a directory as a crash has left it: it must hold what there was after
// its last record. It returns nothing of one whose only snapshot is damaged.
func (l *renameLife) check(dir string) bool {
	e, err := openQuietly(dir)
	if corrupt := (*CorruptError)(nil); errors.As(err, &corrupt) {
		return false
	}
	require.NoError(l.t, err)
	require.Equal(l.t, l.states[e.journal.seq], state(l.t, e), "after record %d", e.journal.seq)
	require.NoError(l.t, e.Close())
	return true
}

// A crash at any step of a compaction, with renames before, meanwhile and
// afterwards, whether the compaction succeeds or fails and whether the journal was
// in order, leaves a state that was: also by way of an older snapshot, or of none.
func TestRenamesAndCrashesDuringCompaction(t *testing.T) {
	older := 0
	for _, failed := range []bool{false, true} {
		for refused := range 14 {
			t.Run(fmt.Sprintf("failed %t, step %d refused", failed, refused), func(t *testing.T) {
				older += renamesAndCrashes(t, failed, refused)
			})
		}
	}
	require.Positive(t, older)
}

// renamesAndCrashes has three compactions, and one step of the second refused. It
// returns how often an older snapshot, or none, has served.
func renamesAndCrashes(t *testing.T, failed bool, refused int) (older int) {
	d := &stepDisk{before: func() error { return nil }}
	dir := t.TempDir()
	e := open(t, Options{Dir: dir, disk: d})
	l := &renameLife{t: t, e: e, states: map[uint64]map[string]string{0: {}}}
	var copies []string
	writes := func(n int) {
		for range n {
			l.write()
		}
	}
	compact := func(refused int) error {
		steps := 0
		d.set(func() error {
			copies = append(copies, copyDir(t, dir))
			writes(7)
			if steps++; steps == refused {
				return errDisk
			}
			return nil
		})
		defer d.set(func() error { return nil })
		return e.journal.compact()
	}
	for round := range 3 {
		writes(30)
		e.journal.flush(true)
		if round != 1 {
			require.NoError(t, compact(0))
		} else {
			if failed {
				e.journal.fail(errDisk)
			}
			_ = compact(refused)
			writes(20)
			e.journal.flush(true)
			copies = append(copies, copyDir(t, dir))
		}
	}
	writes(20)
	e.journal.flush(true)
	copies = append(copies, copyDir(t, dir))
	for _, dir := range copies {
		files, err := listDir(dir)
		require.NoError(t, err)
		if n := len(files.snapshots); n > 0 {
			damaged := copyDir(t, dir)
			damageOne(t, snapshotPath(damaged, files.snapshots[n-1]), snapshotHeader+20)
			if l.check(damaged) {
				older++
			}
		}
		require.True(t, l.check(dir))
	}
	return older
}
