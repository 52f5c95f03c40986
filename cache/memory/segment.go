package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Names in the directory: a kind, a segment's number in 16 hexadecimal digits,
// and an extension. A snapshot carries the number of the first segment that is
// not part of it.
const (
	segmentPrefix, segmentSuffix   = "journal-", ".log"
	snapshotPrefix, snapshotSuffix = "snapshot-", ".snap"
	tempSuffix                     = ".tmp"
)

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%s%016x%s", segmentPrefix, number, segmentSuffix))
}

func snapshotPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%s%016x%s", snapshotPrefix, number, snapshotSuffix))
}

// listing is what a directory holds, numbers ascending.
type listing struct {
	segments, snapshots []uint64
	temps               []string // snapshots that were never finished
}

func listDir(dir string) (listing, error) {
	var l listing
	entries, err := os.ReadDir(dir)
	if err != nil {
		return l, err
	}
	for _, e := range entries {
		name := e.Name()
		if n, ok := fileNumber(name, segmentPrefix, segmentSuffix); ok {
			l.segments = append(l.segments, n)
		} else if n, ok := fileNumber(name, snapshotPrefix, snapshotSuffix); ok {
			l.snapshots = append(l.snapshots, n)
		} else if strings.HasPrefix(name, snapshotPrefix) && strings.HasSuffix(name, tempSuffix) {
			l.temps = append(l.temps, filepath.Join(dir, name))
		}
	}
	slices.Sort(l.segments)
	slices.Sort(l.snapshots)
	return l, nil
}

func fileNumber(name, prefix, suffix string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, suffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil
}

// segmentMagic names the format and its version. The version before, which has no
// renames, is read as well.
const (
	segmentMagic       = "HLJRNL03"
	segmentMagicBefore = "HLJRNL02"
)

// segmentHeader is magic, u64 number, u64 sequence of the first record, u32
// crc32c of these.
const segmentHeader = 8 + 8 + 8 + 4

// segment is the file that records are appended to.
type segment struct {
	file   diskFile
	path   string
	number uint64
	dirty  bool // written since the last fsync
}

// createSegment returns when the new file and its name are on disk.
func createSegment(d disk, dir string, number, firstSeq uint64) (*segment, error) {
	path := segmentPath(dir, number)
	f, err := d.create(path)
	if err != nil {
		return nil, err
	}
	s := &segment{file: f, path: path, number: number}
	err = s.write(encodeSegmentHeader(number, firstSeq))
	if err == nil {
		err = s.sync()
	}
	if err == nil {
		err = d.syncDir(dir)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func encodeSegmentHeader(number, firstSeq uint64) []byte {
	b := binary.LittleEndian.AppendUint64([]byte(segmentMagic), number)
	b = binary.LittleEndian.AppendUint64(b, firstSeq)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeSegmentHeader(b []byte) (number, firstSeq uint64, err error) {
	if err := checkMagic(b, segmentMagic, segmentMagicBefore); err != nil {
		return 0, 0, err
	}
	if crc32.Checksum(b[:24], castagnoli) != binary.LittleEndian.Uint32(b[24:]) {
		return 0, 0, errHeader
	}
	return binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]), nil
}

func (s *segment) write(b []byte) error {
	s.dirty = true
	_, err := s.file.Write(b)
	return err
}

func (s *segment) sync() error {
	if !s.dirty {
		return nil
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.dirty = false
	return nil
}

func (s *segment) close() error { return errors.Join(s.sync(), s.file.Close()) }

// A mark is a frame without effects at the start of each write. Its sequence is
// not its own: all records up to it had been fsynced when it was written. So
// recovery can tell damage to what was durable, which it must not repair, from
// a write that a crash cut short, which it must.
const (
	opSynced byte = 0
	markSize      = frameHeader + 1
)

// putMark fills in the first markSize bytes of b.
func putMark(b []byte, durable uint64) {
	payload := []byte{opSynced}
	appendFrame(b[:0], durable, payloadCRC(payload), payload)
}

// parseMark reads the mark at the start of b. It is cheap where there is none.
func parseMark(b []byte) (durable uint64, ok bool) {
	if len(b) < markSize || binary.LittleEndian.Uint32(b) != markSize-frameHeader {
		return 0, false
	}
	seq, payload, _, ok := parseFrame(b)
	return seq, ok && isMark(payload)
}

func isMark(payload []byte) bool { return len(payload) == 1 && payload[0] == opSynced }
