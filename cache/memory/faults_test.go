package memory

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// faultDisk counts what it is asked for, and refuses one thing, or from one
// thing on everything. It does not wait for the disk.
type faultDisk struct {
	osDisk
	mu      sync.Mutex
	ops     []string // the kind of each
	at      int      // the one to refuse, from 1; 0: none
	fault   error
	written bool // half of a write that is refused is written
	lasting bool // until heal
}

var (
	errInput = &os.PathError{Op: "fault", Err: syscall.EIO}
	errSpace = &os.PathError{Op: "fault", Err: syscall.ENOSPC}
)

func (d *faultDisk) do(op string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops = append(d.ops, op)
	n := len(d.ops)
	takesSpace := op == "write" || op == "create"
	switch {
	case d.at == 0 || n < d.at || n > d.at && !d.lasting:
		return nil
	case n > d.at && errors.Is(d.fault, syscall.ENOSPC) && !takesSpace:
		return nil
	}
	return d.fault
}

func (d *faultDisk) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = 0
}

func (d *faultDisk) create(path string) (diskFile, error) {
	if err := d.do("create"); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(path)
	return &faultFile{f, d}, err
}

func (d *faultDisk) rename(from, to string) error {
	return firstError(d.do("rename"), func() error { return d.osDisk.rename(from, to) })
}

func (d *faultDisk) remove(path string) error {
	return firstError(d.do("remove"), func() error { return d.osDisk.remove(path) })
}

func (d *faultDisk) syncDir(string) error { return d.do("sync names") }
func (d *faultDisk) sync(string) error    { return d.do("sync") }

func (d *faultDisk) truncate(path string, size int64) error {
	return firstError(d.do("truncate"), func() error { return d.osDisk.truncate(path, size) })
}

func firstError(err error, otherwise func() error) error {
	if err != nil {
		return err
	}
	return otherwise()
}

type faultFile struct {
	diskFile
	disk *faultDisk
}

func (f *faultFile) Write(b []byte) (int, error) {
	if err := f.disk.do("write"); err != nil {
		if !f.disk.written {
			return 0, err
		}
		n, _ := f.diskFile.Write(b[:len(b)/2])
		return n, err
	}
	return f.diskFile.Write(b)
}

func (f *faultFile) Sync() error { return f.disk.do("sync") }

// faultRun is a life of an engine on a disk that refuses something.
type faultRun struct {
	t     *testing.T
	disk  *faultDisk
	dir   string
	e     *Engine
	acked int64 // the last value that a durable write was told
	saw   int64 // the last value there was
}

func (r *faultRun) open() {
	opt := Options{Dir: r.dir, disk: r.disk, Logger: slog.New(slog.DiscardHandler)}
	e, err := Open(opt)
	if err != nil {
		var corrupt *CorruptError
		require.False(r.t, errors.As(err, &corrupt), "%v", err)
		r.disk.heal()
		e, err = Open(opt)
		require.NoError(r.t, err)
	}
	r.e = e
	r.saw = r.check(e)
}

// check requires what must be there, and no more.
func (r *faultRun) check(e *Engine) int64 {
	n, err := e.HIncrBy(ctx, "h", "n", 0)
	require.NoError(r.t, err)
	require.GreaterOrEqual(r.t, n, r.acked, "an acknowledged write is gone")
	require.LessOrEqual(r.t, n, r.saw, "a write is invented")
	entries, err := e.XRange(ctx, lazyKeys[1], "-", "+", 0)
	require.NoError(r.t, err)
	counted, err := e.HIncrBy(ctx, lazyKeys[0], "n", 0)
	require.NoError(r.t, err)
	require.EqualValues(r.t, len(entries), counted, "half of a script")
	for i, entry := range entries {
		require.Equal(r.t, fmt.Sprintf("%d-0", i+1), entry.ID, "entries are in order and none is left out")
	}
	return n
}

var countScript = &cache.Script{Name: "count", Go: func(tx cache.Tx, keys, _ []string) cache.Value {
	n := tx.HIncrBy(keys[0], "n", 1)
	tx.XAdd(keys[1], fmt.Sprint(n), 0, cache.Field{Name: "n", Value: fmt.Sprint(n)})
	return cache.Int(n)
}}

// lazyKeys are written without waiting for the disk.
var lazyKeys = []string{"{lazy}count", "{lazy}log"}

func (r *faultRun) write() {
	_, err := r.e.Run(ctx, countScript, lazyKeys, nil)
	require.NoError(r.t, err, "a write that does not ask for the disk goes on")
	n, err := always(r.e).HIncrBy(ctx, "h", "n", 1)
	if err == nil {
		r.acked = n
	} else {
		require.ErrorIs(r.t, err, cache.ErrNotDurable)
	}
	got, err := r.e.HGet(ctx, "h", "n")
	require.NoError(r.t, err, "reads go on")
	if got.OK {
		_, err = fmt.Sscan(got.Str, &r.saw)
		require.NoError(r.t, err)
	}
	require.LessOrEqual(r.t, r.acked, r.saw)
}

// live is the life: writes, snapshots and restarts.
func (r *faultRun) live() {
	for life := range 2 {
		r.open()
		r.write()
		_ = r.e.journal.compact() // may well fail
		r.write()
		r.write()
		if life == 1 {
			_ = r.e.journal.compact()
			r.write()
		}
		if life == 0 {
			if err := r.e.Close(); err != nil {
				require.ErrorIs(r.t, err, cache.ErrNotDurable)
			}
		}
	}
}

// Every single thing that the engine asks of the disk in its life is refused in
// turn, in every way, once and for good. What is then on the disk holds all that
// was acknowledged and nothing else, and when the disk works again, so does the
// engine.
func TestFaultAtEveryStep(t *testing.T) {
	counted := &faultDisk{}
	r := &faultRun{t: t, disk: counted, dir: t.TempDir()}
	r.live()
	require.NoError(t, r.e.Close())
	ops := counted.ops
	for _, op := range []string{"create", "write", "sync", "sync names", "rename", "remove"} {
		require.Contains(t, ops, op)
	}
	for i, op := range ops {
		faults := []faultDisk{{fault: errInput}}
		switch op {
		case "create":
			faults = append(faults, faultDisk{fault: errSpace})
		case "write":
			faults = append(faults, faultDisk{fault: errInput, written: true}, faultDisk{fault: errSpace, written: true})
		}
		for n := range 2 * len(faults) {
			f := &faults[n/2]
			disk := &faultDisk{at: i + 1, fault: f.fault, written: f.written, lasting: n%2 == 1}
			name := fmt.Sprintf("%d %s: %v, written %t, lasting %t", i+1, op, disk.fault, disk.written, disk.lasting)
			dir, err := os.MkdirTemp(r.dir, "")
			require.NoError(t, err)
			if !t.Run(name, func(t *testing.T) { faultLife(t, disk, dir) }) {
				return
			}
		}
	}
}

func faultLife(t *testing.T, disk *faultDisk, dir string) {
	r := &faultRun{t: t, disk: disk, dir: dir}
	r.live()
	defer func() { r.e.Close() }()
	recovers := func() {
		crashed, err := openQuietly(crash(t, r.e))
		require.NoError(t, err)
		r.check(crashed)
		require.NoError(t, crashed.Close())
	}
	recovers()
	disk.heal()
	require.NoError(t, r.e.journal.compact())
	before := r.acked
	r.write()
	require.Greater(t, r.acked, before, "durable writes work again")
	recovers()
}
