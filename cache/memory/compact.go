package memory

import (
	"errors"
	"os"
	"time"
)

const (
	// defaultCompactBytes is how long the log may get before it is replaced by
	// a snapshot, unless the last snapshot was longer.
	defaultCompactBytes = 256 << 20
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

// compact begins a new segment, writes a snapshot of everything before it, and
// removes what that replaces.
func (j *journal) compact() error {
	j.compacting.Lock()
	defer j.compacting.Unlock()
	number, firstSeq, err := j.rotate()
	if err != nil {
		return err
	}
	began := time.Now()
	size, err := j.saveSnapshot(number, firstSeq)
	if err = j.resume(number, firstSeq, err); err != nil {
		return err
	}
	l, err := listDir(j.dir)
	if err != nil {
		return err
	}
	var obsolete []string
	for _, n := range l.segments {
		if n < number {
			obsolete = append(obsolete, segmentPath(j.dir, n))
		}
	}
	for _, n := range l.snapshots {
		if n < number {
			obsolete = append(obsolete, snapshotPath(j.dir, n))
		}
	}
	j.removeAll(obsolete)
	j.io.Lock()
	defer j.io.Unlock()
	// What was written since the rotation is in the new segment alone.
	j.logBytes -= j.replaced
	j.segments = 1
	j.bound = max(j.minBound, size)
	j.log.Info("journal compacted", "dir", j.dir, "snapshot_bytes", size, "took", time.Since(began))
	return nil
}

// rotate ends the present segment and begins the next, whose number and first
// sequence it returns. After a failure the next one is only created once a
// snapshot makes the hole before it harmless.
func (j *journal) rotate() (number, firstSeq uint64, err error) {
	j.io.Lock()
	defer j.io.Unlock()
	j.flushLocked(true)
	// A number is never used twice: a segment that could not be created may be
	// there all the same.
	j.number++
	number = j.number
	j.replaced = j.logBytes

	j.mu.Lock()
	if j.mode != running {
		j.mode = recovering
		firstSeq = j.seq + 1
		j.mu.Unlock()
		return number, firstSeq, nil
	}
	j.mu.Unlock()
	// Nothing can be written meanwhile: that takes j.io.
	firstSeq = j.durable.Load() + 1
	next, err := createSegment(j.disk, j.dir, number, firstSeq)
	if err != nil {
		j.fail(err)
		return 0, 0, err
	}
	if err := j.segment.close(); err != nil {
		next.file.Close()
		j.fail(err)
		return 0, 0, err
	}
	j.segment = next
	j.segments++
	return number, firstSeq, nil
}

// resume ends a recovery, if this compaction was one.
func (j *journal) resume(number, firstSeq uint64, snapshotErr error) error {
	j.io.Lock()
	defer j.io.Unlock()
	j.mu.Lock()
	mode, cause := j.mode, j.cause
	j.mu.Unlock()
	if mode == running {
		return snapshotErr
	}
	if mode == failed { // it failed again meanwhile
		return errors.Join(snapshotErr, cause)
	}
	if snapshotErr != nil {
		j.fail(snapshotErr)
		return snapshotErr
	}
	next, err := createSegment(j.disk, j.dir, number, firstSeq)
	if err != nil {
		j.fail(err)
		return err
	}
	j.segment.file.Close() // its content is superseded, whatever this says
	j.segment = next
	j.segments++
	j.mu.Lock()
	j.mode, j.cause, j.fallback = running, nil, nil
	j.durable.Store(firstSeq - 1)
	j.degraded.Store(false)
	j.mu.Unlock()
	notify(j.wake)
	j.log.Info("journal works again", "dir", j.dir)
	return nil
}

// saveSnapshot returns when the snapshot is on disk under its final name.
func (j *journal) saveSnapshot(number, firstSeq uint64) (size int64, err error) {
	path := snapshotPath(j.dir, number)
	temp := path + tempSuffix
	f, err := j.disk.create(temp)
	if err != nil {
		return 0, err
	}
	size, err = j.db.writeSnapshot(f, number, firstSeq)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = j.disk.rename(temp, path)
	}
	if err != nil {
		j.removeAll([]string{temp})
		return 0, err
	}
	return size, j.disk.syncDir(j.dir)
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
