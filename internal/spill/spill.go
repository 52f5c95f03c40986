// Package spill is a queue of records in files, for what memory has no room for
// while the place it belongs to cannot be reached.
//
// Append returns once its records are on disk. A reader gets each record at
// least once: those that it read and did not commit before a crash come again,
// as do the committed ones of the file it was in. Records come in order within a
// file, and files oldest first.
//
// A file holds records one after the other, each of them
//
//	offset  size  content
//	0       4     length of the payload
//	4       4     CRC-32C of the four bytes before
//	8       4     CRC-32C of the payload
//	12            the payload
//
// with numbers in little endian. A record that a crash cut short, at the end of a
// file, was never acknowledged; it is left out and reported. A file with anything
// else wrong in it is kept under another name, ending in .damaged, after all that can
// be read of it was: a damaged payload is passed over, but a length that is not
// sure ends the reading.
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
	headerSize   = 12
	readBytes    = 4 << 20 // Read returns so much at once, and what is left of a record
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
	broken   bool  // files[0] is damaged
	damaged  int   // files that were
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
		if strings.HasSuffix(e.Name(), damaged) {
			q.damaged++
		}
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

// Damaged is the number of files in the directory that are set aside as damaged.
func (q *Queue) Damaged() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.damaged
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
		header := appendHeader(make([]byte, 0, headerSize), r)
		block = append(append(block, header...), r...)
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

// Read returns the records that come after those committed, at most max of them,
// some 4 MiB and of one file, none if the queue is empty.
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
		switch {
		case errors.Is(err, errPayload):
			q.passOver(path, at, end)
		case err == nil, errors.Is(err, errTorn), errors.Is(err, errHeader):
			if err := q.leave(err, end); err != nil {
				return nil, fmt.Errorf("spill: %w", err)
			}
		default:
			return nil, fmt.Errorf("spill: %w", err)
		}
	}
}

// passOver goes on behind a record of the first file that is damaged.
func (q *Queue) passOver(path string, at, end int64) {
	q.log.Error("a record of a spill file is damaged and passed over; the file will be kept under another name",
		"file", path+damaged, "offset", at, "bytes", end-at)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.broken = true
	q.at, q.read = end, end
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
	switch {
	case errors.Is(why, errHeader):
		q.broken = true
		q.log.Error("a spill file is damaged; it is kept under another name, and what comes after the damage is not read",
			"file", s.path+damaged, "offset", at, "bytes", s.size-at)
	case why != nil:
		q.log.Warn("the last record of a spill file was cut short by a crash and is left out; it was never acknowledged",
			"file", s.path, "offset", at, "bytes", s.size-at)
	}
	var err error
	if q.broken {
		err = os.Rename(s.path, s.path+damaged)
		q.damaged++
	} else {
		err = os.Remove(s.path)
	}
	if err != nil {
		return err
	}
	q.bytes -= s.size
	q.files = slices.Delete(q.files, 0, 1)
	q.at, q.read, q.broken = 0, 0, false
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
	errHeader  = errors.New("header damaged")
	errPayload = errors.New("payload damaged")
)

func appendHeader(b, payload []byte) []byte {
	from := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
}

// readRecords reads at most max records from an offset on and returns where they
// end. The error says why it did not read more: nil if there is no more, or a bound
// is reached. After errPayload, with no records, the end is that of the damaged one.
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
	for from := at; len(records) < max && at-from < readBytes && at < info.Size(); {
		payload, err := readRecord(f, at, info.Size()-at)
		if errors.Is(err, errPayload) && len(records) == 0 {
			return nil, at + headerSize + int64(len(payload)), err
		}
		if err != nil {
			return records, at, err
		}
		records = append(records, payload)
		at += headerSize + int64(len(payload))
	}
	return records, at, nil
}

// readRecord reads the payload of the record at an offset, of which so many bytes are
// left in the file. A damaged one is returned with errPayload.
func readRecord(f io.ReaderAt, at, left int64) ([]byte, error) {
	var header [headerSize]byte
	if left < headerSize {
		return nil, errTorn
	}
	if _, err := f.ReadAt(header[:], at); err != nil {
		return nil, err
	}
	size := int64(binary.LittleEndian.Uint32(header[:]))
	if crc32.Checksum(header[:4], castagnoli) != binary.LittleEndian.Uint32(header[4:]) || size > MaxRecord {
		return nil, errHeader
	}
	if size > left-headerSize {
		return nil, errTorn
	}
	payload := make([]byte, size)
	if _, err := f.ReadAt(payload, at+headerSize); err != nil {
		return nil, err
	}
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(header[8:]) {
		return payload, errPayload
	}
	return payload, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
