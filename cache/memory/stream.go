package memory

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"unsafe"

	"hyperlocal/cache"
)

const (
	streamSize = int64(unsafe.Sizeof(stream{}))
	entrySize  = int64(unsafe.Sizeof(streamEntry{}))
)

// stream is an append-only log. It outlives its last entry, since the last id
// must not come back.
type stream struct {
	entries []streamEntry // entries[head:] are live
	head    int
	last    streamID
	bytes   int64 // of what is packed
}

// streamEntry holds its fields packed into one string (see packFields): one
// pointer for the garbage collector whatever their number.
type streamEntry struct {
	id     streamID
	packed string
}

func newStream() *stream { return &stream{} }

func (*stream) typeName() string { return "stream" }
func (s *stream) memory() int64  { return streamSize + entrySize*int64(cap(s.entries)) + s.bytes }
func (*stream) vacant() bool     { return false }
func (s *stream) len() int       { return len(s.entries) - s.head }

// nextID makes the id that XADD means by spec: "*", "<ms>-*" or an explicit one
// greater than the last.
func (s *stream) nextID(spec string, now int64) (streamID, error) {
	if spec == "*" {
		if id := (streamID{ms: uint64(max(now, 0))}); s.last.less(id) {
			return id, nil
		}
		return s.after(s.last)
	}
	if head, ok := strings.CutSuffix(spec, "-*"); ok {
		ms, err := strconv.ParseUint(head, 10, 64)
		switch {
		case err != nil || ms < s.last.ms:
			return streamID{}, badStreamID(spec)
		case ms > s.last.ms:
			return streamID{ms: ms}, nil
		case s.last.seq == math.MaxUint64:
			return streamID{}, badStreamID(spec)
		}
		return s.after(s.last)
	}
	id, err := parseStreamID(spec, 0)
	if err != nil {
		return id, err
	}
	if !s.last.less(id) {
		return id, badStreamID(spec)
	}
	return id, nil
}

func (s *stream) after(id streamID) (streamID, error) {
	next, ok := id.next()
	if !ok {
		return id, fmt.Errorf("stream ids are used up: %w", cache.ErrStreamID)
	}
	return next, nil
}

// add appends an entry whose id is greater than the last.
func (s *stream) add(id streamID, packed string) {
	if s.head > 0 && len(s.entries) == cap(s.entries) {
		s.compact()
	}
	s.entries = append(s.entries, streamEntry{id, packed})
	s.last = id
	s.bytes += allocated(len(packed))
}

// trim removes the oldest entries before index n of the live ones.
func (s *stream) trim(n int) {
	for i := s.head; i < s.head+n; i++ {
		s.bytes -= allocated(len(s.entries[i].packed))
		s.entries[i] = streamEntry{}
	}
	s.head += n
	if s.head > len(s.entries)/2 {
		s.compact()
	}
}

// compact moves the live entries to the front, or to less memory if most of it
// is unused.
func (s *stream) compact() {
	n := copy(s.entries, s.entries[s.head:])
	clear(s.entries[n:])
	s.entries = shrunk(s.entries[:n])
	s.head = 0
}

// index is the number of live entries before id.
func (s *stream) index(id streamID) int {
	live := s.entries[s.head:]
	return sort.Search(len(live), func(i int) bool { return !live[i].id.less(id) })
}

// between returns the live entries from start to end, both included.
func (s *stream) between(start, end streamID) []streamEntry {
	lo, hi := s.index(start), s.len()
	if next, ok := end.next(); ok {
		hi = s.index(next)
	}
	if lo >= hi {
		return nil
	}
	return s.entries[s.head+lo : s.head+hi]
}

// packFields lays fields out as their number, then each name and value with
// its length before it, all lengths as uvarint.
func packFields(b []byte, fields []cache.Field) []byte {
	b = binary.AppendUvarint(b, uint64(len(fields)))
	for _, f := range fields {
		b = appendString(b, f.Name)
		b = appendString(b, f.Value)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func (e streamEntry) unpack() cache.Entry {
	d := decoder{s: e.packed}
	return cache.Entry{ID: e.id.String(), Fields: d.fields()}
}

func unpackAll(found []streamEntry) []cache.Entry {
	entries := make([]cache.Entry, len(found))
	for i, e := range found {
		entries[i] = e.unpack()
	}
	return entries
}
