package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"hyperlocal/cache"
	"hyperlocal/internal/dirlock"
)

// ErrDirInUse is returned by Open when another engine, of this or another
// process, holds the directory.
var ErrDirInUse = dirlock.ErrInUse

const (
	// syncEvery is the interval of EverySecond.
	syncEvery = time.Second
	// writeAt is how much is gathered at most before it is written without
	// waiting for the next fsync.
	writeAt = 1 << 20
	// defaultMaxPending is how much may wait for a slow disk before writers
	// wait too.
	defaultMaxPending = 64 << 20
)

// journalMode says what becomes of a record.
type journalMode uint8

const (
	// running: it is buffered and written.
	running journalMode = iota
	// failed: it is dropped. The disk refused something, so the files end
	// before the present, and only a snapshot of all there is can mend that.
	failed
	// recovering: it is buffered until that snapshot is on disk.
	recovering
)

// journal is the log of effects: appended under a shard's lock, written and
// fsynced by one goroutine that many writers share.
type journal struct {
	dir  string
	disk disk
	log  *slog.Logger
	db   *database
	lock io.Closer

	maxPending int // bytes

	wake   chan struct{} // something to write at once
	shrink chan struct{} // time for a compaction

	degraded atomic.Bool                   // mode is not running
	full     atomic.Pointer[chan struct{}] // closed once there is room; nil: there is
	durable  atomic.Uint64                 // sequence up to which all is on disk
	fsyncs   atomic.Int64                  // of records, since the start

	mu       sync.Mutex // guards the next seven; taken under a shard's lock
	mode     journalMode
	cause    error  // why it failed
	seq      uint64 // of the last record
	buf      []byte // records to write, after room for a mark
	spare    []byte // the last buf, to be used again
	batch    *batch // of the records in buf
	fallback *batch // for whoever waits while the journal has failed

	compacting sync.Mutex // one compaction at a time; taken before io

	io       sync.Mutex // guards the rest: the files
	segment  *segment
	number   uint64 // the greatest ever given to a segment
	segments int    // since the last snapshot
	logBytes int64  // in them
	replaced int64  // logBytes when the compaction under way began
	bound    int64  // logBytes at which to compact
	minBound int64  // the least bound
}

// openJournal recovers the shards from dir and begins a new segment.
func openJournal(db *database, opt Options) (*journal, error) {
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := dirlock.Take(opt.Dir)
	if err != nil {
		return nil, err
	}
	j := &journal{
		dir: opt.Dir, disk: opt.disk, log: opt.Logger, db: db, lock: lock,
		wake: make(chan struct{}, 1), shrink: make(chan struct{}, 1),
		batch: newBatch(), buf: make([]byte, markSize),
		maxPending: defaultMaxPending,
		bound:      opt.CompactBytes, minBound: opt.CompactBytes,
	}
	r, err := j.recover()
	if err == nil {
		j.segment, err = createSegment(j.disk, j.dir, r.nextSegment, r.nextSeq)
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	j.number, j.segments, j.logBytes = r.nextSegment, r.segments+1, r.logBytes
	j.seq = r.nextSeq - 1
	j.durable.Store(j.seq)
	j.removeAll(r.obsolete)
	return j, nil
}

// close writes what is left. The goroutines have ended and nothing is appended
// any more.
func (j *journal) close() error {
	j.flush(true)
	err := j.segment.close()
	if j.degraded.Load() {
		err = notDurable(j.cause)
	}
	return errors.Join(err, j.lock.Close())
}

// batch is a group of records that share an fsync.
type batch struct {
	done   chan struct{} // closed when the batch is on disk, or err is set
	err    error
	urgent bool // somebody waits
	queued []queued
}

// queued are publications that wait for the disk.
type queued struct {
	shard        *shard
	publications []*publication
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// wait returns when the batch is on disk. A nil batch is nothing to wait for.
func (b *batch) wait(ctx context.Context) error {
	if b == nil {
		return nil
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", cache.ErrNotDurable, ctx.Err())
	}
}

// admit refuses what cannot be made durable before it changes anything, and
// holds writers back while too much waits for the disk.
func (j *journal) admit(ctx context.Context, always bool) error {
	if always && j.degraded.Load() {
		j.mu.Lock()
		defer j.mu.Unlock()
		return notDurable(j.cause)
	}
	for {
		room := j.full.Load()
		if room == nil {
			return nil
		}
		select {
		case <-*room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func notDurable(cause error) error { return fmt.Errorf("%w: %w", cache.ErrNotDurable, cause) }

// append gives the effects of one unit their place in the log. The shard is
// write-locked, so its records are in the order of its commits. With wait, the
// batch to wait for is returned, and takes the publications along; nil means
// that all there is to wait for is on disk already.
func (j *journal) append(s *shard, effects []byte, wait bool, publications []*publication) *batch {
	var crc uint32
	if len(effects) > 0 {
		crc = payloadCRC(effects)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(effects) > 0 {
		j.seq++
		s.lastSeq = j.seq
		j.buffer(crc, effects)
	}
	if !wait || s.lastSeq <= j.durable.Load() && s.queued.Load() == 0 {
		return nil
	}
	b := j.batch
	if j.mode == failed {
		b = j.fallback
		j.db.hub.lose(publications)
		return b
	}
	if len(publications) > 0 {
		s.queued.Add(1)
		b.queued = append(b.queued, queued{s, publications})
	}
	b.urgent = true
	notify(j.wake)
	return b
}

// buffer keeps a record for the next write. j.mu is held.
func (j *journal) buffer(crc uint32, effects []byte) {
	if j.mode == failed {
		return
	}
	if !fitsFrame(effects) {
		j.failLocked(errTooLarge)
		return
	}
	j.buf = appendFrame(j.buf, j.seq, crc, effects)
	switch n := len(j.buf); {
	case n >= j.maxPending && j.mode == recovering:
		j.failLocked(errBacklog)
	case n >= j.maxPending && j.full.Load() == nil:
		room := make(chan struct{})
		j.full.Store(&room)
		notify(j.wake)
	case n >= writeAt:
		notify(j.wake)
	}
}

var errBacklog = errors.New("too much was written while the journal recovered")

func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// take hands over what is buffered. j.mu is held.
func (j *journal) take() ([]byte, *batch, uint64) {
	buf, b := j.buf, j.batch
	j.buf, j.spare = append(j.spare[:0], make([]byte, markSize)...), nil
	j.batch = newBatch()
	if room := j.full.Swap(nil); room != nil {
		close(*room)
	}
	return buf, b, j.seq
}

// commitLoop is the goroutine that writes.
func (j *journal) commitLoop() {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-j.db.stop:
			return
		case <-j.wake:
			j.flush(false)
		case <-tick.C:
			j.flush(true)
			if j.degraded.Load() {
				notify(j.shrink)
			}
		}
	}
}

// flush writes what is buffered, and fsyncs if asked to or somebody waits.
func (j *journal) flush(sync bool) {
	j.io.Lock()
	defer j.io.Unlock()
	j.flushLocked(sync)
}

// flushLocked is flush with j.io held.
func (j *journal) flushLocked(sync bool) {
	j.mu.Lock()
	if j.mode != running {
		j.mu.Unlock()
		return
	}
	buf, b, seq := j.take()
	j.mu.Unlock()

	var err error
	if len(buf) > markSize {
		putMark(buf, j.durable.Load())
		err = j.segment.write(buf)
		j.logBytes += int64(len(buf))
	}
	if err == nil && (sync || b.urgent) {
		j.fsyncs.Add(1)
		if err = j.segment.sync(); err == nil {
			j.durable.Store(seq)
		}
	}
	if cap(buf) <= 4*writeAt {
		j.mu.Lock()
		j.spare = buf
		j.mu.Unlock()
	}
	if err != nil {
		j.fail(err)
	}
	j.finish(b, err)
	if j.logBytes > j.bound || j.segments > maxSegments { // as overdue has it
		notify(j.shrink)
	}
}

// fail stops journaling: what is buffered would leave a hole before it.
func (j *journal) fail(cause error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failLocked(cause)
}

// failLocked is fail with j.mu held.
func (j *journal) failLocked(cause error) {
	j.log.Error("journal failed: durable writes are refused until a snapshot succeeds", "dir", j.dir, "err", cause)
	j.mode, j.cause = failed, cause
	j.degraded.Store(true)
	j.fallback = newBatch()
	j.fallback.err = notDurable(cause)
	close(j.fallback.done)
	_, b, _ := j.take()
	j.finish(b, cause)
}

// finish tells those who wait for a batch, after its publications are out.
func (j *journal) finish(b *batch, err error) {
	for _, q := range b.queued {
		if err == nil {
			j.db.hub.publish(q.publications)
		} else {
			j.db.hub.lose(q.publications)
		}
		q.shard.queued.Add(-1)
	}
	if err != nil {
		b.err = notDurable(err)
	}
	close(b.done)
}
