// Package spill is a queue of records in files, for what memory has no room for
// while the place it belongs to cannot be reached.
//
// Append returns once its records are on disk. A reader gets each record at
// least once: those that it read and did not commit before a crash come again,
// as do the committed ones of the file it was in. Records come in order within a
// file, and files oldest first.
//
// A file holds records one after the other: length and CRC-32C of the payload,
// four bytes each, little endian, then the payload. A record that a crash cut
// short, at the end of a file, was never acknowledged; it is left out and
// reported. A file that is damaged in the middle is kept under another name,
// ending in .damaged, after what comes before the damage was read.
package spill

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"hyperlocal/internal/dirlock"
)

// ErrFull is what Append returns when its records would exceed the bound.
var ErrFull = errors.New("spill directory is full")

// MaxRecord bounds a record's payload, in bytes.
const MaxRecord = 4 << 20

const (
	headerSize   = 8
	segmentBytes = 8 << 20 // a file that has so much gets no more
	prefix       = "spill-"
	damaged      = ".damaged"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Queue is a queue of records in a directory. Its methods may be called from
// any goroutine, but Read and Commit by one reader only.
type Queue struct {
	dir      string
	maxBytes int64
	log      *slog.Logger
	lock     io.Closer

	mu       sync.Mutex
	files    []segment // oldest first
	bytes    int64     // of files
	writing  *os.File  // the last of files, or nil
	nextName int64

	at, read int64 // offsets in files[0]: committed, and read
}

type segment struct {
	path string
	size int64
}

// Open opens the queue in a directory, which is made if it is missing. Its files
// together take at most maxBytes. It fails with dirlock.ErrInUse while another
// process has the directory.
func Open(dir string, maxBytes int64, log *slog.Logger) (*Queue, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spill: %w", err)
	}
	lock, err := dirlock.Take(dir)
	if err != nil {
		return nil, fmt.Errorf("spill: %w", err)
	}
	q := &Queue{dir: dir, maxBytes: maxBytes, log: log, lock: lock, nextName: 1}
	if err := q.list(); err != nil {
		return nil, errors.Join(fmt.Errorf("spill: %w", err), lock.Close())
	}
	return q, nil
}

// list finds the files that are there.
func (q *Queue) list() error {
	entries, err := os.ReadDir(q.dir) // in order of name, which is that of age
	if err != nil {
		return err
	}
	for _, e := range entries {
		digits, ours := strings.CutPrefix(e.Name(), prefix)
		number, err := strconv.ParseInt(digits, 10, 64)
		if !ours || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		q.files = append(q.files, segment{filepath.Join(q.dir, e.Name()), info.Size()})
		q.bytes += info.Size()
		q.nextName = number + 1
	}
	return nil
}

// Bytes is the size of what is in the queue, in files.
func (q *Queue) Bytes() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// Append adds records and returns when they are on disk. After an error some of
// them may be read all the same.
//
// Errors: ErrFull.
func (q *Queue) Append(records ...[]byte) error {
	var block []byte
	for _, r := range records {
		if len(r) > MaxRecord {
			return fmt.Errorf("spill: a record of %d bytes, more than %d", len(r), MaxRecord)
		}
		block = binary.LittleEndian.AppendUint32(block, uint32(len(r)))
		block = binary.LittleEndian.AppendUint32(block, crc32.Checksum(r, castagnoli))
		block = append(block, r...)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+int64(len(block)) > q.maxBytes {
		return fmt.Errorf("%w: %d of %d bytes", ErrFull, q.bytes, q.maxBytes)
	}
	if err := q.write(block); err != nil {
		// What is in the file now is not known: nothing more goes behind it.
		return fmt.Errorf("spill: %w", errors.Join(err, q.closeFile()))
	}
	return nil
}

// write appends to the last file, or to a new one. The caller holds mu.
func (q *Queue) write(block []byte) error {
	if q.writing == nil {
		path := filepath.Join(q.dir, fmt.Sprintf("%s%016d", prefix, q.nextName))
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		q.nextName++
		q.writing = f
		q.files = append(q.files, segment{path: path})
		if err := syncDir(q.dir); err != nil {
			return err
		}
	}
	n, err := q.writing.Write(block)
	last := &q.files[len(q.files)-1]
	last.size += int64(n)
	q.bytes += int64(n)
	if err == nil {
		err = q.writing.Sync()
	}
	if err == nil && last.size >= segmentBytes {
		err = q.closeFile()
	}
	return err
}

func (q *Queue) closeFile() error {
	if q.writing == nil {
		return nil
	}
	f := q.writing
	q.writing = nil
	return f.Close()
}

// Read returns the records that come after those committed, at most max of them
// and of one file, none if the queue is empty.
func (q *Queue) Read(max int) ([][]byte, error) {
	for {
		path, at, ok, err := q.first()
		if err != nil || !ok {
			return nil, err
		}
		records, end, err := readRecords(path, at, max)
		if len(records) > 0 {
			q.read = end
			return records, nil
		}
		// The file is at its end, well or not.
		if err != nil && !errors.Is(err, errTorn) && !errors.Is(err, errDamaged) {
			return nil, fmt.Errorf("spill: %w", err)
		}
		if err := q.leave(err, end); err != nil {
			return nil, fmt.Errorf("spill: %w", err)
		}
	}
}

// first returns the oldest file, to which nothing will be added from now on.
func (q *Queue) first() (path string, at int64, ok bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.files) == 0 {
		return "", 0, false, nil
	}
	if len(q.files) == 1 {
		err = q.closeFile()
	}
	return q.files[0].path, q.at, true, err
}

// Commit forgets the records that Read returned last.
func (q *Queue) Commit() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.at = q.read
}

// leave goes on to the next file. why is how the first one ended.
func (q *Queue) leave(why error, at int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.files[0]
	var err error
	switch {
	case errors.Is(why, errDamaged):
		q.log.Error("a spill file is damaged; it is kept under another name, and what comes after the damage is not read",
			"file", s.path+damaged, "offset", at, "bytes", s.size-at)
		err = os.Rename(s.path, s.path+damaged)
	case why != nil:
		q.log.Warn("the last record of a spill file was cut short by a crash and is left out; it was never acknowledged",
			"file", s.path, "offset", at, "bytes", s.size-at)
		fallthrough
	default:
		err = os.Remove(s.path)
	}
	if err != nil {
		return err
	}
	q.bytes -= s.size
	q.files = slices.Delete(q.files, 0, 1)
	q.at, q.read = 0, 0
	return syncDir(q.dir)
}

// Close closes the files. What is in the queue is there after the next Open.
func (q *Queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return errors.Join(q.closeFile(), q.lock.Close())
}

var (
	errTorn    = errors.New("record cut short")
	errDamaged = errors.New("record damaged")
)

// readRecords reads at most max records from an offset on and returns where they
// end. The error says why it did not read more: nil if there is no more, or max
// is reached.
func readRecords(path string, at int64, max int) (records [][]byte, end int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, at, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, at, err
	}
	for left := info.Size() - at; len(records) < max && left > 0; left = info.Size() - at {
		var header [headerSize]byte
		if left < headerSize {
			return records, at, errTorn
		}
		if _, err := f.ReadAt(header[:], at); err != nil {
			return records, at, err
		}
		size := int64(binary.LittleEndian.Uint32(header[:]))
		if size > MaxRecord {
			return records, at, errDamaged
		}
		if size > left-headerSize {
			return records, at, errTorn
		}
		payload := make([]byte, size)
		if _, err := f.ReadAt(payload, at+headerSize); err != nil {
			return records, at, err
		}
		if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(header[4:]) {
			if size == left-headerSize {
				return records, at, errTorn // its pages did not all reach the disk
			}
			return records, at, errDamaged
		}
		records = append(records, payload)
		at += headerSize + size
	}
	return records, at, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
