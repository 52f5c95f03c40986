package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"hyperlocal/cache"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDirEnv); dir != "" {
		writeUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// open opens an engine that the test need not close.
func open(t testing.TB, opt Options) *Engine {
	t.Helper()
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	e, err := Open(opt)
	require.NoError(t, err)
	t.Cleanup(func() { e.Close() })
	return e
}

func always(e *Engine) cache.Engine { return e.Durable(cache.Always) }

// testClock stands still until it is moved.
type testClock struct{ ms atomic.Int64 }

func newTestClock() *testClock {
	c := &testClock{}
	c.ms.Store(1_700_000_000_000)
	return c
}

func (c *testClock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *testClock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// state renders every key of an engine that has not expired, so that two engines can be compared.
func state(t testing.TB, e *Engine) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for i := range e.shards {
		s := &e.shards[i]
		s.mu.RLock()
		var accounted int64
		for it := range s.keys.all() {
			require.Equal(t, it.size(), it.accounted)
			accounted += it.accounted
			if it.expired(e.nowMS()) {
				continue
			}
			require.Same(t, it, s.keys.find(it.key))
			all[it.key] = fmt.Sprintf("%s expires %d", render(it.value), it.expireAt)
		}
		require.Equal(t, accounted, s.bytes)
		s.mu.RUnlock()
	}
	return all
}

func render(v value) string {
	if s, ok := stringOf(v); ok {
		return fmt.Sprintf("string %.100q, of %d bytes, %x", s, len(s), xxhash.Sum64String(s))
	}
	switch v := v.(type) {
	case *list:
		return fmt.Sprintf("list %d %d %q", v.changes, v.first, v.between(v.first, v.end()))
	case *memberSet:
		var names []string
		for name := range v.All() {
			names = append(names, string(name))
		}
		slices.Sort(names)
		return fmt.Sprintf("set %q", names)
	case *hash:
		var b bytes.Buffer
		fields := v.Fields()
		slices.SortFunc(fields, func(a, b cache.Field) int { return cmp.Compare(a.Name, b.Name) })
		for _, f := range fields {
			fmt.Fprintf(&b, "%q=%q ", f.Name, f.Value)
		}
		return "hash " + b.String()
	case *sortedSet:
		return fmt.Sprint("zset ", v.rangeByScore(cache.ScoreRange{Min: negInf, Max: inf}))
	case *stream:
		var b bytes.Buffer
		for _, e := range v.between(streamID{}, maxStreamID) {
			fmt.Fprint(&b, e.unpack(), " ")
		}
		return fmt.Sprint("stream ", b.String(), " last ", v.last)
	}
	return "unknown"
}

// testDisk is the file system with a log of what it does, and with faults.
type testDisk struct {
	osDisk
	mu      sync.Mutex
	syncs   int
	steps   []string // what was made durable, renamed and removed, in order
	room    int64    // bytes until ENOSPC; negative: no limit
	failing error    // of every fsync, while set
	gate    chan struct{}
	entered chan struct{}
}

func newTestDisk() *testDisk { return &testDisk{room: -1} }

func (d *testDisk) set(change func(d *testDisk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *testDisk) syncCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

func (d *testDisk) create(path string) (diskFile, error) {
	f, err := d.osDisk.create(path)
	if err != nil {
		return nil, err
	}
	return &testFile{diskFile: f, disk: d, name: filepath.Base(path)}, nil
}

func (d *testDisk) rename(from, to string) error {
	d.step("rename to " + filepath.Base(to))
	return d.osDisk.rename(from, to)
}

func (d *testDisk) remove(path string) error {
	d.step("remove " + filepath.Base(path))
	return d.osDisk.remove(path)
}

func (d *testDisk) syncDir(dir string) error {
	d.step("sync names")
	return d.osDisk.syncDir(dir)
}

func (d *testDisk) step(s string) { d.set(func(d *testDisk) { d.steps = append(d.steps, s) }) }

type testFile struct {
	diskFile
	disk *testDisk
	name string
}

// Write writes as much as there is room for.
func (f *testFile) Write(b []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.room < 0 {
		return f.diskFile.Write(b)
	}
	n := min(int64(len(b)), f.disk.room)
	f.disk.room -= n
	written, err := f.diskFile.Write(b[:n])
	if err == nil && n < int64(len(b)) {
		err = syscall.ENOSPC
	}
	return written, err
}

func (f *testFile) Sync() error {
	f.disk.step("sync " + f.name)
	f.disk.mu.Lock()
	f.disk.syncs++
	err, gate, entered := f.disk.failing, f.disk.gate, f.disk.entered
	f.disk.mu.Unlock()
	if gate != nil {
		entered <- struct{}{}
		<-gate
	}
	if err != nil {
		return err
	}
	return f.diskFile.Sync()
}

// crash copies an engine's directory as a crash would leave it: without Close,
// but not in the middle of a compaction.
func crash(t testing.TB, e *Engine) string {
	t.Helper()
	e.journal.compacting.Lock()
	defer e.journal.compacting.Unlock()
	e.journal.io.Lock()
	defer e.journal.io.Unlock()
	return copyDir(t, e.journal.dir)
}

func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, e.Name()), b, 0o600))
	}
	return to
}

// newest returns the last file of a kind in a journal's directory.
func newest(t testing.TB, dir, prefix string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return slices.Max(paths)
}

var ctx = context.Background()

// requireSurvives requires that a crash now leaves what the engine holds.
func requireSurvives(t testing.TB, e *Engine, opt Options) map[string]string {
	t.Helper()
	e.journal.flush(true)
	opt.Dir = crash(t, e)
	again := open(t, opt)
	want := state(t, e)
	require.Equal(t, want, state(t, again))
	require.NoError(t, again.Close())
	return want
}

// twoWriters has two goroutines write, each one thing after the other, until they are
// stopped.
func twoWriters(write func(w, i int)) (stop func()) {
	stopped := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stopped:
					return
				default:
					write(w, i)
				}
			}
		})
	}
	return func() {
		close(stopped)
		wg.Wait()
	}
}
