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
	return fmt.Sprintf("%s is corrupt at offset %d: %s; restore the directory from a copy, "+
		"or let `hyperlocal engine repair` say what can be kept of it",
		e.File, e.Offset, e.Detail)
}

// recovered is where a journal goes on.
type recovered struct {
	nextSegment uint64
	nextSeq     uint64
	needed      uint64 // sequence up to which the snapshot is in need of records
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
	if err := j.replayLog(&r, l); err != nil {
		return r, err
	}
	j.db.endReplay()
	return r, nil
}

// replayLog applies the segments from r.nextSegment on.
func (j *journal) replayLog(r *recovered, l listing) error {
	for i, n := range l.segments {
		if n < r.nextSegment {
			r.obsolete = append(r.obsolete, segmentPath(j.dir, n))
			continue
		}
		if n > r.nextSegment {
			return &CorruptError{File: segmentPath(j.dir, r.nextSegment), Detail: "file is missing"}
		}
		if err := j.replaySegment(r, n, i == len(l.segments)-1); err != nil {
			return err
		}
	}
	return r.checkNeeded(segmentPath(j.dir, r.nextSegment), 0)
}

// checkNeeded fails if the log ends at that place without all the records that the
// snapshot is in need of. They had been on disk before it was.
func (r *recovered) checkNeeded(path string, offset int64) error {
	if r.nextSeq > r.needed {
		return nil
	}
	return &CorruptError{
		File: path, Offset: offset,
		Detail: fmt.Sprintf("record %d is missing, without which the snapshot is no whole", r.nextSeq),
	}
}

// newestSnapshot reads the newest snapshot that can be read. Going back to an
// older one loses nothing as long as the segments since then are there, which
// recover goes on to check.
func (j *journal) newestSnapshot(r *recovered, l listing) error {
	var damage error
	for i := len(l.snapshots) - 1; i >= 0; i-- {
		info, err := j.db.readSnapshot(j.dir, l.snapshots[i])
		if err == nil {
			r.nextSegment, r.nextSeq, r.needed = info.number, info.nextSeq, info.last
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
	if errors.Is(err, ErrVersion) {
		return fmt.Errorf("%s: %w", path, err)
	}
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
		err = j.cutTail(r, path, frames.offset)
	}
	if err != nil {
		return corruptAt(path, frames.offset, err)
	}
	if last {
		// A process that was killed has not seen to it.
		if err := j.disk.sync(path); err != nil {
			return err
		}
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
	n, firstSeq, err := decodeSegmentHeader(head)
	switch {
	case err != nil:
		return err
	case n != number:
		return fmt.Errorf("%w: it says segment %d", errHeader, n)
	case firstSeq != r.nextSeq:
		return fmt.Errorf("%w: begins with %d, expected %d", errSequence, firstSeq, r.nextSeq)
	}
	r.records = 0
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
			err = db.replay(string(payload))
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
// there, or the snapshot, proves that the next record was durable.
func (j *journal) cutTail(r *recovered, path string, offset int64) error {
	if err := r.checkNeeded(path, offset); err != nil {
		return err
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	tail := whole[min(offset, int64(len(whole))):]
	for i := 1; i < len(tail); i++ {
		if seq, ok := parseMark(tail[i:]); ok && seq >= r.nextSeq {
			return fmt.Errorf("%w: record %d, which what follows shows to have been on disk", errFrame, r.nextSeq)
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

// replay applies the effects of one record to its shard.
func (db *database) replay(effects string) error {
	i, err := shardOfEffects(effects)
	if err != nil {
		return err
	}
	s := &db.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.begin(false, cache.Ephemeral, math.MinInt64)
	u.replaying = true
	defer s.count()
	if err := u.replay(effects); err != nil {
		return fmt.Errorf("%w: %w", errEffect, err)
	}
	return nil
}

// endReplay lets keys go that are without content. A record that the key is gone
// follows the one that empties it, unless what the journal does not hold, an
// ephemeral write, was left.
func (db *database) endReplay() {
	for i := range db.shards {
		s := &db.shards[i]
		s.mu.Lock()
		for key := range s.emptied {
			if it := s.keys.find(key); it != nil && it.value.vacant() {
				s.remove(it)
			}
		}
		s.emptied = nil
		s.count()
		s.mu.Unlock()
	}
}
