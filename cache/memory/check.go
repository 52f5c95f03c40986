package memory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hyperlocal/internal/dirlock"
)

// Report is what a directory holds, and what can be kept of it.
type Report struct {
	Files []File
	// Cut is what the next start will cut off the end of the log: a write that
	// was never completed. Nothing that was promised is in it.
	Cut *Damage
	// Damage is why Open refuses to start; without any it does not.
	Damage []Damage

	// Keys is how many keys there are: after a start, or after a repair if
	// there is damage. What they hold is the state after record Last.
	Keys int
	Last uint64
	// Parts says that this is so only of what the lost parts of a snapshot did
	// not concern: see Damage.
	Parts bool

	// Lost are records that follow Last. They are counted as far as they can
	// be read, with the keys that they are about; a repair does not keep them.
	Lost     int
	LostKeys int
	// Unread are the records between Last and the last that can be read that
	// cannot be.
	Unread uint64

	// Aside is where a repair has put the files that it has replaced.
	Aside string
}

// File is one of the directory's files.
type File struct {
	Name     string
	Size     int64 // bytes
	Modified time.Time
}

// Damage is where a file cannot be read.
type Damage struct {
	File   string
	Offset int64 // bytes from its start
	Bytes  int64 // from there to its end, or those that cannot be read
	Detail string
}

// Check reads a directory and says what is there. It changes nothing. It fails
// with [ErrDirInUse] while an engine has the directory, and with [ErrVersion] for
// files of another version.
func Check(dir string) (*Report, error) {
	return examineLocked(dir, func(*examination) error { return nil })
}

// examineLocked looks at a directory and does something about it while no engine
// may have it.
func examineLocked(dir string, do func(x *examination) error) (*Report, error) {
	lock, err := lockExisting(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	x, err := examine(dir)
	if err != nil {
		return nil, err
	}
	if err := do(x); err != nil {
		return nil, err
	}
	return x.report, nil
}

func lockExisting(dir string) (io.Closer, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("memory: %w", err)
	}
	lock, err := dirlock.Take(dir)
	if err != nil {
		return nil, fmt.Errorf("memory: %w", err)
	}
	return lock, nil
}

// examination is a directory with the state that can be kept of it.
type examination struct {
	dir     string
	l       listing
	report  *Report
	db      *database
	nextSeq uint64 // greater than that of any record that was read
}

func examine(dir string) (*examination, error) {
	x := &examination{dir: dir, report: &Report{}}
	var err error
	if x.l, err = listDir(dir); err != nil {
		return nil, err
	}
	for _, path := range x.paths() {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		x.report.Files = append(x.report.Files, File{filepath.Base(path), info.Size(), info.ModTime()})
	}
	d := &dryDisk{}
	j := x.journal(d)
	r, err := j.recover()
	if err == nil {
		x.keep(j, r)
		x.report.Cut = d.cut
		return x, nil
	}
	damage := (*CorruptError)(nil)
	if !errors.As(err, &damage) {
		return nil, err
	}
	x.damaged(damage)
	return x, x.choose()
}

// paths are the files in the order of recovery.
func (x *examination) paths() []string {
	var paths []string
	for _, n := range x.l.snapshots {
		paths = append(paths, snapshotPath(x.dir, n))
	}
	for _, n := range x.l.segments {
		paths = append(paths, segmentPath(x.dir, n))
	}
	return paths
}

// journal is one that reads into an empty database.
func (x *examination) journal(d *dryDisk) *journal {
	return &journal{
		dir: x.dir, disk: d, log: slog.New(slog.DiscardHandler),
		db: newDatabase(Options{}.withDefaults()),
	}
}

// keep makes what a journal has read what a repair keeps.
func (x *examination) keep(j *journal, r recovered) {
	j.db.endReplay()
	x.db, x.nextSeq = j.db, r.nextSeq
	x.report.Last = r.nextSeq - 1
	x.report.Keys = 0
	for i := range j.db.shards {
		x.report.Keys += j.db.shards[i].keys.n
	}
}

// choose finds the beginning from which most can be kept: a snapshot or that of
// the log, with the segments that follow it up to the first damage.
func (x *examination) choose() error {
	for i := len(x.l.snapshots) - 1; i >= 0; i-- {
		j := x.journal(&dryDisk{})
		info, err := j.db.readSnapshot(x.dir, x.l.snapshots[i])
		if damage := (*CorruptError)(nil); errors.As(err, &damage) {
			x.damaged(damage)
			continue
		}
		if err != nil {
			return err
		}
		r := recovered{nextSegment: info.number, nextSeq: info.nextSeq, needed: info.last}
		if err := x.follow(j, r); err != nil {
			return err
		}
	}
	if slices.Contains(x.l.segments, 1) {
		if err := x.follow(x.journal(&dryDisk{}), recovered{nextSegment: 1, nextSeq: 1}); err != nil {
			return err
		}
	}
	if x.db == nil {
		if err := x.chooseParts(); err != nil {
			return err
		}
	}
	return x.countLost()
}

// follow replays the log onto what j has read, and keeps that if it gets
// further than what is kept.
func (x *examination) follow(j *journal, r recovered) error {
	err := j.replayLog(&r, x.l)
	if damage := (*CorruptError)(nil); errors.As(err, &damage) {
		x.damaged(damage)
	} else if err != nil {
		return err
	}
	if parts := r.nextSeq <= r.needed; x.db == nil || x.report.Parts && !parts || r.nextSeq > x.nextSeq && !parts {
		x.keep(j, r)
		x.report.Parts = parts
	}
	return nil
}

// chooseParts keeps what can be read of the newest snapshot, or nothing, and of
// the log after it.
func (x *examination) chooseParts() error {
	j := x.journal(&dryDisk{})
	r := recovered{nextSegment: 1, nextSeq: 1}
	if n := len(x.l.snapshots); n > 0 {
		r.nextSegment = x.l.snapshots[n-1]
		path := snapshotPath(x.dir, r.nextSegment)
		lost, err := j.db.loadPart(path)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(x.report.Damage, func(d Damage) bool { return d.File == path })
		if i >= 0 {
			x.report.Damage[i].Bytes = lost
		}
	} else if len(x.l.segments) > 0 {
		r.nextSegment = x.l.segments[0]
	}
	if slices.Contains(x.l.segments, r.nextSegment) {
		r.nextSeq = max(firstSeqOf(segmentPath(x.dir, r.nextSegment)), 1)
	}
	err := x.follow(j, r)
	x.report.Parts = true
	return err
}

// firstSeqOf is what a segment's header says, 0 if it cannot be read.
func firstSeqOf(path string) uint64 {
	frames, file, err := openFrames(path)
	if err != nil {
		return 0
	}
	defer file.Close()
	head, err := frames.header(segmentHeader)
	if err != nil {
		return 0
	}
	_, first, err := decodeSegmentHeader(head)
	if err != nil {
		return 0
	}
	return first
}

// damaged notes a damage once.
func (x *examination) damaged(e *CorruptError) {
	d := Damage{File: e.File, Offset: e.Offset, Detail: e.Detail}
	if info, err := os.Stat(e.File); err == nil {
		d.Bytes = info.Size() - e.Offset
	}
	same := func(other Damage) bool { return other.File == d.File && other.Offset == d.Offset }
	if !slices.ContainsFunc(x.report.Damage, same) {
		x.report.Damage = append(x.report.Damage, d)
	}
}

// countLost counts the records after those that are kept.
func (x *examination) countLost() error {
	after := x.nextSeq - 1
	last := after
	keys := make(map[string]struct{})
	for _, n := range x.l.segments {
		path := segmentPath(x.dir, n)
		from := after
		if first := firstSeqOf(path); first > 0 {
			from = first - 1
		}
		_, err := salvage(path, 0, from, func(seq uint64, payload []byte) {
			if seq <= after || isMark(payload) || namedKeys(string(payload), keys) != nil {
				return
			}
			x.report.Lost++
			last = max(last, seq)
		})
		if err != nil {
			return err
		}
	}
	x.report.LostKeys = len(keys)
	x.report.Unread = last - after - uint64(x.report.Lost)
	x.nextSeq = last + 1
	return nil
}

// dryDisk notes what recovery would do to a directory instead of doing it.
type dryDisk struct{ cut *Damage }

func (d *dryDisk) truncate(path string, size int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	d.cut = &Damage{File: path, Offset: size, Bytes: info.Size() - size, Detail: "a write that was never completed"}
	return nil
}

func (*dryDisk) sync(string) error { return nil }

var errReadOnly = fmt.Errorf("only read: %w", fs.ErrPermission)

func (*dryDisk) create(string) (diskFile, error) { return nil, errReadOnly }
func (*dryDisk) rename(string, string) error     { return errReadOnly }
func (*dryDisk) remove(string) error             { return errReadOnly }
func (*dryDisk) syncDir(string) error            { return errReadOnly }
