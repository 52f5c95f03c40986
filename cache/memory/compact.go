package memory

import (
	"errors"
	"os"
	"time"
)

const (
	// defaultCompactBytes is how long the log may get before it is replaced by
	// a snapshot, unless the last snapshot was longer than half of that.
	defaultCompactBytes = 256 << 20
	// logPerSnapshot is how many times the last snapshot's length the log may have:
	// more is less to write, and longer to start from.
	logPerSnapshot = 2
	// maxSegments bounds the files that many short runs leave behind.
	maxSegments = 32
	// compactRetry is the pause after a compaction that failed.
	compactRetry = 10 * time.Second
)

// compactLoop is the goroutine that replaces the log by snapshots, and with
// that mends a journal that has failed.
func (j *journal) compactLoop() {
	for {
		select {
		case <-j.db.stop:
			return
		case <-j.shrink:
		}
		if !j.overdue() { // it was said while the last one ran
			continue
		}
		err := j.compact()
		if err == nil || errors.Is(err, errStopped) {
			continue
		}
		j.log.Warn("snapshot failed; will be tried again", "dir", j.dir, "after", compactRetry, "err", err)
		pause := time.NewTimer(compactRetry)
		select {
		case <-j.db.stop:
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

// overdue says whether it is time for a compaction.
func (j *journal) overdue() bool {
	if j.degraded.Load() {
		return true
	}
	j.io.Lock()
	defer j.io.Unlock()
	return j.logBytes > j.bound || j.segments > maxSegments
}

// compact begins a new segment, writes a snapshot of everything before it, and
// removes what that replaces.
func (j *journal) compact() error {
	j.compacting.Lock()
	defer j.compacting.Unlock()
	j.db.renameWhole(true)
	defer j.db.renameWhole(false)
	c, err := j.rotate()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := j.resume(c, j.saveSnapshot(c)); err != nil {
		return err
	}
	l, err := listDir(j.dir)
	if err != nil {
		return err
	}
	var obsolete []string
	for _, n := range l.segments {
		if n < c.number {
			obsolete = append(obsolete, segmentPath(j.dir, n))
		}
	}
	for _, n := range l.snapshots {
		if n < c.number {
			obsolete = append(obsolete, snapshotPath(j.dir, n))
		}
	}
	j.removeAll(obsolete)
	j.io.Lock()
	defer j.io.Unlock()
	// What was written since the rotation is in the new segment alone.
	j.logBytes -= j.replaced
	j.segments = 1
	j.bound = max(j.minBound, logPerSnapshot*c.size)
	j.log.Info("journal compacted", "dir", j.dir, "snapshot_bytes", c.size, "took", time.Since(began))
	return nil
}

// compaction is a snapshot on its way.
type compaction struct {
	number   uint64 // of the first segment that it does not replace
	firstSeq uint64 // of the first record that it may not hold
	last     uint64 // sequence of the record after which its state is
	size     int64  // bytes
	rescued  *batch // of the records in it that are not in a segment; may be nil
}

// rotate ends the present segment and begins the next. After a failure the next
// one is only created once a snapshot makes the hole before it harmless. Renames
// must be recorded whole by now.
func (j *journal) rotate() (*compaction, error) {
	j.io.Lock()
	defer j.io.Unlock()
	j.flushLocked(true)
	// A number is never used twice: a segment that could not be created may be
	// there all the same.
	j.number++
	c := &compaction{number: j.number}
	j.replaced = j.logBytes

	j.mu.Lock()
	if j.mode != running {
		j.mode = recovering
		c.firstSeq = j.seq + 1
		j.mu.Unlock()
		return c, nil
	}
	j.mu.Unlock()
	// Nothing can be written meanwhile: that takes j.io.
	c.firstSeq = j.durable.Load() + 1
	next, err := createSegment(j.disk, j.dir, c.number, c.firstSeq)
	if err != nil {
		j.fail(err)
		return nil, err
	}
	if err := j.segment.close(); err != nil {
		next.file.Close()
		j.fail(err)
		return nil, err
	}
	j.segment = next
	j.segments++
	return c, nil
}

// resume ends a recovery, if this compaction was one.
func (j *journal) resume(c *compaction, snapshotErr error) error {
	j.io.Lock()
	defer j.io.Unlock()
	j.mu.Lock()
	mode, cause := j.mode, j.cause
	j.mu.Unlock()
	if mode == running {
		return snapshotErr
	}
	err := snapshotErr
	var next *segment
	switch {
	case mode == failed: // it failed again meanwhile
		err = errors.Join(err, cause)
	case err == nil:
		next, err = createSegment(j.disk, j.dir, c.number, c.last+1)
	}
	if c.rescued != nil {
		defer j.finish(c.rescued, err)
	}
	if err != nil {
		if mode == recovering {
			j.fail(err)
		}
		return err
	}
	j.segment.file.Close() // its content is superseded, whatever this says
	j.segment = next
	j.segments++
	j.mu.Lock()
	j.mode, j.cause, j.fallback = running, nil, nil
	j.durable.Store(c.last)
	j.degraded.Store(false)
	j.mu.Unlock()
	notify(j.wake)
	j.log.Info("journal works again", "dir", j.dir)
	return nil
}

// saveSnapshot returns when the snapshot is on disk under its final name.
func (j *journal) saveSnapshot(c *compaction) error {
	path := snapshotPath(j.dir, c.number)
	temp := path + tempSuffix
	f, err := j.disk.create(temp)
	if err != nil {
		return err
	}
	w := newSnapshotWriter(&steadyFile{diskFile: f}, j.unhurried())
	if err = j.writeSnapshot(w, c); err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = j.disk.rename(temp, path)
	}
	if err != nil {
		j.removeAll([]string{temp})
		return err
	}
	return j.disk.syncDir(j.dir)
}

// A compaction works for about restAfter, and rests as long, at most maxRest: while it
// takes half of a processor, what it delays is hardly late.
const (
	restAfter = time.Millisecond
	maxRest   = 5 * time.Millisecond
)

// unhurried is [database.running] that rests now and then, unless durable writes wait
// for the snapshot.
func (j *journal) unhurried() func() error {
	began := time.Now()
	return func() error {
		if worked := time.Since(began); worked >= restAfter && !j.degraded.Load() {
			time.Sleep(min(worked, maxRest))
			began = time.Now()
		}
		return j.db.running()
	}
}

func (j *journal) writeSnapshot(w *snapshotWriter, c *compaction) error {
	if err := w.begin(c.number, c.firstSeq); err != nil {
		return err
	}
	if err := w.encode(j.db); err != nil {
		return err
	}
	if err := j.complete(w, c); err != nil {
		return err
	}
	err := w.end(c.last)
	c.size = w.size
	return err
}

// complete sees to it that the records up to now, of which the snapshot may hold
// parts, are on disk before the snapshot counts: in the segment, or else in the
// snapshot itself.
func (j *journal) complete(w *snapshotWriter, c *compaction) error {
	j.mu.Lock()
	mode := j.mode
	var buf []byte
	if c.last = j.seq; mode == recovering {
		buf, c.rescued, _ = j.take()
	}
	j.mu.Unlock()
	if mode == recovering {
		return w.records(buf[markSize:])
	}
	j.flush(true)
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cause
}

// steadyAt is how much of a snapshot is written between two fsyncs: those of the
// log, which writers wait for, do not find all of it in their way.
const steadyAt = 8 << 20

// steadyFile is on disk except for its end.
type steadyFile struct {
	diskFile
	written int
}

func (f *steadyFile) Write(b []byte) (int, error) {
	n, err := f.diskFile.Write(b)
	if f.written += n; err == nil && f.written >= steadyAt {
		f.written, err = 0, f.Sync()
	}
	return n, err
}

// removeAll removes files that are not needed any more; one that stays is
// tried again at the next start.
func (j *journal) removeAll(paths []string) {
	for _, path := range paths {
		if err := j.disk.remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			j.log.Warn("cannot remove a superfluous file", "file", path, "err", err)
		}
	}
}
