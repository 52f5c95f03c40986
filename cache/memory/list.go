package memory

import (
	"math/bits"
	"slices"
	"strings"
	"unsafe"
)

// list is a sequence of values at positions that do not move: what is pushed in
// front gets the positions below first, what is pushed at the end those from
// end on. They lie in a ring.
//
// # Replay
//
// Every effect on a list says which positions it is about and which of the
// list's changes it is. A list that a snapshot saved later than where the log
// is replayed from has had the first of those changes: an effect with a lower
// number than the list's is passed over, one with the same number finds what it
// would do done, and the next ones find the list exactly as they found it in the
// first place. The removal of a key ends its list, and the next one of that name
// counts from 1 again; effects of the one before may be numbered higher than it,
// and do to it whatever they do, since the removal comes after them in the log
// and takes it all away. All this needs the log to have every change, which is
// why even ephemeral ones are journaled.
type list struct {
	ring    []string // its length is a power of two, or 0
	first   int64    // the position of the first value
	n       int
	bytes   int64  // of the values
	changes uint64 // since the list was made
}

func newList() *list { return &list{} }

const (
	listSize   = int64(unsafe.Sizeof(list{}))
	stringSize = int64(unsafe.Sizeof(""))
	minRing    = 4

	// maxPosition is further than pushes can come in a thousand years.
	maxPosition = 1 << 61
)

func (*list) typeName() string { return "list" }
func (l *list) memory() int64 {
	return listSize + l.bytes + allocated(int(stringSize)*len(l.ring))
}
func (l *list) vacant() bool { return l.n == 0 }

func (l *list) end() int64 { return l.first + int64(l.n) }

// at is the place of a position. Positions wrap with the ring.
func (l *list) at(position int64) *string { return &l.ring[uint64(position)&uint64(len(l.ring)-1)] }

// put makes values stand from position p on. They must overlap the list or touch
// it; otherwise they are the whole list afterwards. Values are copied, so that
// the list does not keep a caller's larger buffer alive.
func (l *list) put(p int64, values []string) {
	to := p + int64(len(values))
	if l.n == 0 || p > l.end() || to < l.first {
		l.cut(l.end(), l.end())
		l.first = p
	}
	if n := int(max(to, l.end()) - min(p, l.first)); n > len(l.ring) {
		l.resize(n)
	}
	for i, v := range values {
		place := l.at(p + int64(i))
		if here := p + int64(i); here >= l.first && here < l.end() {
			l.bytes -= allocated(len(*place))
		}
		*place = strings.Clone(v)
		l.bytes += allocated(len(v))
	}
	end := max(to, l.end())
	l.first = min(p, l.first)
	l.n = int(end - l.first)
}

// cut leaves what stands from first up to end.
func (l *list) cut(first, end int64) {
	first = min(max(first, l.first), l.end())
	end = max(min(end, l.end()), first)
	l.forget(l.first, first)
	l.forget(end, l.end())
	l.first, l.n = first, int(end-first)
	if len(l.ring) > minRing && l.n <= len(l.ring)/4 {
		l.resize(l.n)
	}
}

// forget lets go of the values from one position up to another.
func (l *list) forget(from, to int64) {
	for p := from; p < to; p++ {
		place := l.at(p)
		l.bytes -= allocated(len(*place))
		*place = ""
	}
}

// resize gives the ring room for n values, none for 0.
func (l *list) resize(n int) {
	size := 0
	if n > 0 {
		size = max(minRing, 1<<bits.Len(uint(n-1)))
	}
	old := *l
	l.ring = make([]string, size)
	for p := l.first; p < l.end(); p++ {
		*l.at(p) = *old.at(p)
	}
}

// between returns the values from one position up to another. They share their
// bytes with the list, which never writes to them.
func (l *list) between(from, to int64) []string {
	values := make([]string, to-from)
	for i := range values {
		values[i] = *l.at(from + int64(i))
	}
	return values
}

// save writes the values as they are at its beginning, with the number of the
// last change: later ones are higher.
func (l *list) save(w *effects, key string, cut func()) {
	p, change := l.first, l.changes
	for chunk := range slices.Chunk(l.between(l.first, l.end()), snapshotChunk) {
		w.listPut(key, change, p, chunk)
		p += int64(len(chunk))
		cut()
	}
}

// span turns indexes as LRANGE has them into positions, first up to end.
func (l *list) span(start, stop int64) (first, end int64) {
	from, to := rankRange(start, stop, l.n)
	return l.first + int64(from), l.first + int64(to)
}
