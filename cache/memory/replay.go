package memory

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"hyperlocal/cache"
)

// CorruptError says that a file holds something that no crash leaves behind,
// so that opening it anyway would lose what was acknowledged.
type CorruptError struct {
	File   string
	Offset int64 // bytes from its start
	Detail string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is corrupt at offset %d: %s; restore the directory from a copy, or move it away to start empty",
		e.File, e.Offset, e.Detail)
}

// recovered is where a journal goes on.
type recovered struct {
	nextSegment uint64
	nextSeq     uint64
	snapshotSeq uint64 // the greatest that is part of the snapshot
	records     int    // in the last segment
	logBytes    int64
	segments    int
	obsolete    []string // files that a snapshot has made superfluous
}

// recover fills the shards from the newest snapshot and the segments after it.
func (j *journal) recover() (recovered, error) {
	l, err := listDir(j.dir)
	if err != nil {
		return recovered{}, err
	}
	r := recovered{nextSegment: 1, nextSeq: 1, obsolete: l.temps}
	if err := j.newestSnapshot(&r, l); err != nil {
		return r, err
	}
	for i, n := range l.segments {
		if n < r.nextSegment {
			r.obsolete = append(r.obsolete, segmentPath(j.dir, n))
			continue
		}
		if n > r.nextSegment {
			return r, &CorruptError{File: segmentPath(j.dir, r.nextSegment), Detail: "file is missing"}
		}
		if err := j.replaySegment(&r, n, i == len(l.segments)-1); err != nil {
			return r, err
		}
	}
	// Records that were in the snapshot but had not reached the log when the
	// process ended: their sequences must not come again.
	r.nextSeq = max(r.nextSeq, r.snapshotSeq+1)
	return r, nil
}

// newestSnapshot reads the newest snapshot that can be read. Going back to an
// older one loses nothing as long as the segments since then are there, which
// recover goes on to check.
func (j *journal) newestSnapshot(r *recovered, l listing) error {
	var damage error
	for i := len(l.snapshots) - 1; i >= 0; i-- {
		path := snapshotPath(j.dir, l.snapshots[i])
		number, firstSeq, err := j.db.readSnapshot(path)
		if err == nil && number != l.snapshots[i] {
			err = &CorruptError{File: path, Detail: fmt.Sprintf("header says segment %d", number)}
		}
		if err == nil {
			r.nextSegment, r.nextSeq = number, firstSeq
			for i := range j.db.shards {
				r.snapshotSeq = max(r.snapshotSeq, j.db.shards[i].lastSeq)
			}
			for _, n := range l.snapshots[:i] {
				r.obsolete = append(r.obsolete, snapshotPath(j.dir, n))
			}
			return nil
		}
		if corrupt := (*CorruptError)(nil); !errors.As(err, &corrupt) {
			return err
		}
		j.log.Error("snapshot cannot be read; trying to do without it", "err", err)
		damage = errors.Join(damage, err)
		for i := range j.db.shards {
			j.db.shards[i].init(j.db.limiter)
		}
	}
	if damage != nil && (len(l.segments) == 0 || l.segments[0] != 1) {
		return damage
	}
	return nil
}

var errSequence = errors.New("record is out of sequence")

// corruptAt names the file and the place of a damage. Other errors stay.
func corruptAt(path string, offset int64, err error) error {
	if !isDamage(err) {
		return err
	}
	if errors.Is(err, errHeader) {
		offset = 0
	}
	return &CorruptError{File: path, Offset: offset, Detail: err.Error()}
}

// isDamage says that an error is about what a file holds, not about reading it.
func isDamage(err error) bool {
	for _, damage := range []error{errHeader, errFrame, errEffect, errSequence, errSnapshotEnd} {
		if errors.Is(err, damage) {
			return true
		}
	}
	return false
}

// replaySegment applies one segment. Only in the last one may a tail be torn.
func (j *journal) replaySegment(r *recovered, number uint64, last bool) error {
	path := segmentPath(j.dir, number)
	frames, file, err := openFrames(path)
	if err != nil {
		return err
	}
	defer file.Close()
	err = r.replaySegment(j.db, frames, number)
	if last && frames.size <= segmentHeader && errors.Is(err, errHeader) {
		return nil // its creation was cut short; it will be made anew
	}
	if last && errors.Is(err, errFrame) {
		err = j.cutTail(path, frames.offset, r.nextSeq)
	}
	if err != nil {
		return corruptAt(path, frames.offset, err)
	}
	r.logBytes += frames.offset
	r.segments++
	if r.records > 0 || !last {
		r.nextSegment++ // else it is empty, and its number is used again
	}
	return nil
}

// replaySegment applies the records of a segment up to its end or the first
// damage, which is at frames.offset.
func (r *recovered) replaySegment(db *database, frames *frameReader, number uint64) error {
	head, err := frames.header(segmentHeader)
	if err != nil {
		return err
	}
	n, firstSeq, ok := decodeSegmentHeader(head)
	if !ok || n != number {
		return errHeader
	}
	if firstSeq != r.nextSeq && firstSeq != r.snapshotSeq+1 {
		return fmt.Errorf("%w: begins with %d, expected %d", errSequence, firstSeq, r.nextSeq)
	}
	r.nextSeq, r.records = firstSeq, 0
	return r.replayFrames(db, frames)
}

func (r *recovered) replayFrames(db *database, frames *frameReader) error {
	for {
		start := frames.offset
		seq, payload, err := frames.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err == nil && isMark(payload):
			continue
		case err == nil && seq != r.nextSeq:
			err = fmt.Errorf("%w: %d, expected %d", errSequence, seq, r.nextSeq)
		case err == nil:
			err = db.replay(string(payload), &seq)
		}
		if err != nil {
			frames.offset = start
			return err
		}
		r.nextSeq++
		r.records++
	}
}

// cutTail removes what follows offset in the last segment, unless something
// there proves that record next was durable.
func (j *journal) cutTail(path string, offset int64, next uint64) error {
	whole, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	tail := whole[min(offset, int64(len(whole))):]
	for i := 1; i < len(tail); i++ {
		seq, payload, _, ok := parseFrame(tail[i:])
		if ok && isMark(payload) && seq >= next {
			return fmt.Errorf("%w: record %d, which what follows shows to have been on disk", errFrame, next)
		}
	}
	j.log.Warn("journal ends in a record that was never completed; cutting it off",
		"file", path, "offset", offset, "bytes", len(tail))
	return j.disk.truncate(path, offset)
}

// shardOfEffects is the index of a record's shard: that of its first key.
func shardOfEffects(effects string) (int, error) {
	d := decoder{s: effects}
	d.byte()
	key := d.key()
	if d.failed {
		return 0, errEffect
	}
	return shardIndex(key), nil
}

// replay applies the effects of one record to its shard. With seq, it is
// skipped if the shard holds it already.
func (db *database) replay(effects string, seq *uint64) error {
	i, err := shardOfEffects(effects)
	if err != nil {
		return err
	}
	s := &db.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq != nil {
		if *seq <= s.lastSeq {
			return nil
		}
		s.lastSeq = *seq
	}
	u := s.begin(false, cache.Ephemeral, math.MinInt64)
	defer s.count()
	if err := u.replay(effects); err != nil {
		return fmt.Errorf("%w: %w", errEffect, err)
	}
	return nil
}
