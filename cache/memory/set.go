package memory

import (
	"maps"
	"strings"
	"unsafe"
)

// memberSet is a set of names that knows its size.
type memberSet struct {
	members map[string]struct{}
	peak    int   // the most members there have been in this map
	bytes   int64 // of the names
}

func newMemberSet() *memberSet { return &memberSet{members: make(map[string]struct{})} }

// memberSlot is a name's in a map: a value without size at the end of a slot is
// padded to a word.
const memberSlot = 24

func (*memberSet) typeName() string { return "set" }
func (s *memberSet) memory() int64 {
	return int64(unsafe.Sizeof(*s)) + s.bytes + mapBytes(s.peak, memberSlot)
}
func (s *memberSet) vacant() bool { return len(s.members) == 0 }

func (s *memberSet) has(name string) bool {
	_, ok := s.members[name]
	return ok
}

// add copies the name, so that a set does not keep a caller's larger buffer
// alive.
func (s *memberSet) add(name string) bool {
	if s.has(name) {
		return false
	}
	s.members[strings.Clone(name)] = struct{}{}
	s.bytes += allocated(len(name))
	s.peak = max(s.peak, len(s.members))
	return true
}

func (s *memberSet) del(name string) bool {
	if !s.has(name) {
		return false
	}
	delete(s.members, name)
	s.bytes -= allocated(len(name))
	if s.peak >= minPeak && len(s.members) <= s.peak/sparseKeys {
		members := make(map[string]struct{}, len(s.members))
		maps.Copy(members, s.members)
		s.members, s.peak = members, len(members)
	}
	return true
}

func (s *memberSet) save(w *effects, key string, cut func()) {
	chunk := make([]string, 0, min(snapshotChunk, len(s.members)))
	for name := range s.members {
		if chunk = append(chunk, name); len(chunk) == snapshotChunk {
			w.names(opSAdd, key, chunk)
			chunk = chunk[:0]
			cut()
		}
	}
	if len(chunk) > 0 {
		w.names(opSAdd, key, chunk)
		cut()
	}
}
