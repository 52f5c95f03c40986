package dict

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"strings"
	"unsafe"
)

// arena holds entries in chunks of bytes. An entry is
//
//	u8   class of its size, or classFree
//	u8   length of the name
//	u16  length of the value
//	     name, value, and room up to the size of the class
//
// A Ref counts units of four bytes from the start of the first chunk, plus one.
// An entry that does not fit so is kept beside the chunks; its place holds its
// number in tall. Freed places are linked by class and used again.
type arena struct {
	chunks    [][]byte
	used      int // bytes of the last chunk
	tall      []tallEntry
	tallFree  []uint32      // numbers in tall to be used again
	vacant    *[classes]Ref // heads of the lists of free places
	allocated int64         // bytes of all of this
	live      int64         // bytes of the places in use
}

type tallEntry struct{ name, value string }

const (
	unit      = 4 // bytes
	header    = 4
	chunkSize = 64 << 10
	chunkBits = 14 // of units in a chunk
	chunkMask = 1<<chunkBits - 1
	// firstChunk is what a new map begins with; it doubles up to chunkStep. From
	// there on a chunk grows by chunkStep, or by an eighth of what the map has, and
	// another begins with as much: in a map of some 100 KB half a chunk would be a good
	// part of it.
	firstChunk = 64
	chunkStep  = 8 << 10

	maxName  = 255
	maxEntry = 2048 // bytes of an entry that lies in a chunk

	firstRef = 1 // where the first entry was put

	classTall = 255 // an entry in tall
	classFree = 254

	tallSize      = int64(unsafe.Sizeof(tallEntry{}))
	vacantSize    = int64(unsafe.Sizeof([classes]Ref{}))
	sliceSize     = int64(unsafe.Sizeof([]byte{}))
	fineUnits     = 32 // classes are one unit apart up to here
	perDoubling   = 8  // and then so many to a doubling
	classes       = fineUnits + perDoubling*4
	smallestUnits = 2 // a free place holds a header and a link
)

// classOf is the smallest class that has room for n units.
func classOf(units int) int {
	if units <= fineUnits {
		return max(units, smallestUnits) - 1
	}
	// The top four bits, rounded up, say the class.
	shift := bits.Len(uint(units-1)) - 4
	return fineUnits + (shift-2)*perDoubling + (units-1)>>shift - perDoubling
}

// unitsOf is the size of a class.
func unitsOf(class int) int {
	if class < fineUnits {
		return class + 1
	}
	c := class - fineUnits
	return (perDoubling + c%perDoubling + 1) << (c/perDoubling + 2)
}

// at returns the bytes from an entry's header to the end of its chunk.
func (a *arena) at(ref Ref) []byte {
	u := uint32(ref) - 1
	return a.chunks[u>>chunkBits][(u&chunkMask)*unit:]
}

func (a *arena) name(ref Ref) []byte {
	b := a.at(ref)
	if b[0] == classTall {
		return bytesOf(a.tallOf(b).name)
	}
	n := int(b[1])
	return b[header : header+n : header+n]
}

func (a *arena) value(ref Ref) []byte {
	b := a.at(ref)
	if b[0] == classTall {
		return bytesOf(a.tallOf(b).value)
	}
	start := header + int(b[1])
	end := start + int(binary.LittleEndian.Uint16(b[2:]))
	return b[start:end:end]
}

func (a *arena) tallOf(b []byte) *tallEntry { return &a.tall[binary.LittleEndian.Uint32(b[header:])] }

// bytesOf is a view of a string that nobody writes to: only values of an entry
// in a chunk are overwritten in place, and those have room for it.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func fits(name, value string) bool {
	return len(name) <= maxName && header+len(name)+len(value) <= maxEntry
}

func unitsFor(bytes int) int { return (bytes + unit - 1) / unit }

// add makes an entry, with room for a value that is so many bytes longer if it may be
// as long as that.
func (a *arena) add(name, value string, room int) Ref {
	if !fits(name, value) {
		return a.addTall(name, value)
	}
	size := header + len(name) + len(value)
	class := classOf(unitsFor(size + min(room, maxEntry-size)))
	ref, b := a.take(class)
	b[0], b[1] = byte(class), byte(len(name))
	binary.LittleEndian.PutUint16(b[2:], uint16(len(value)))
	copy(b[header+copy(b[header:], name):], value)
	return ref
}

const tallClass = 1 // of the place that points to an entry in tall: two units

func (a *arena) addTall(name, value string) Ref {
	ref, b := a.take(tallClass)
	b[0], b[1] = classTall, 0
	var i uint32
	if n := len(a.tallFree); n > 0 {
		i, a.tallFree = a.tallFree[n-1], a.tallFree[:n-1]
	} else {
		i = uint32(len(a.tall))
		before := cap(a.tall)
		a.tall = append(a.tall, tallEntry{})
		a.allocated += int64(cap(a.tall)-before) * tallSize
	}
	a.tall[i] = tallEntry{strings.Clone(name), strings.Clone(value)}
	a.countTall(a.tall[i], 1)
	binary.LittleEndian.PutUint32(b[header:], i)
	return ref
}

func (a *arena) countTall(t tallEntry, sign int64) {
	n := sign * int64(len(t.name)+len(t.value))
	a.allocated += n
	a.live += n
}

// overwrite gives an entry another value if its place has room for it.
func (a *arena) overwrite(ref Ref, value string) bool {
	b := a.at(ref)
	if b[0] == classTall {
		t := a.tallOf(b)
		a.countTall(*t, -1)
		t.value = strings.Clone(value)
		a.countTall(*t, 1)
		return true
	}
	n := int(b[1])
	size := header + n + len(value)
	if size > unitsOf(int(b[0]))*unit {
		return false
	}
	binary.LittleEndian.PutUint16(b[2:], uint16(len(value)))
	copy(b[header+n:size], value)
	return true
}

// replace gives an entry another value, in its place if there is room.
func (a *arena) replace(ref Ref, value string) Ref {
	if a.overwrite(ref, value) {
		return ref
	}
	// The old place is freed only after the name has been copied from it.
	moved := a.add(viewOf(a.name(ref)), value, 0)
	a.free(ref)
	return moved
}

// appendRoom is for how many more bytes there is room, at least, behind a value that
// has been appended to and no longer fits its place.
const appendRoom = 64

// append puts text behind an entry's value: in its place, or in one with room for so
// many bytes more.
func (a *arena) append(ref Ref, text string, room int) Ref {
	b := a.at(ref)
	if b[0] != classTall {
		n := header + int(b[1]) + int(binary.LittleEndian.Uint16(b[2:]))
		if n+len(text) <= unitsOf(int(b[0]))*unit {
			binary.LittleEndian.PutUint16(b[2:], uint16(n+len(text)-header-int(b[1])))
			copy(b[n:], text)
			return ref
		}
	}
	name, value := viewOf(a.name(ref)), viewOf(a.value(ref))
	room = min(room, maxEntry-header-len(name)-len(value)-len(text))
	if b[0] == classTall || room < 0 || !fits(name, value) {
		return a.replace(ref, value+text)
	}
	class := classOf(unitsFor(header + len(name) + len(value) + len(text) + room))
	moved, to := a.take(class)
	to[0], to[1] = byte(class), byte(len(name))
	binary.LittleEndian.PutUint16(to[2:], uint16(len(value)+len(text)))
	at := header + copy(to[header:], name)
	at += copy(to[at:], value)
	copy(to[at:], text)
	a.free(ref)
	return moved
}

// viewOf is a string over bytes that do not change while it is used.
func viewOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (a *arena) free(ref Ref) {
	b := a.at(ref)
	class := int(b[0])
	if class == classTall {
		t := a.tallOf(b)
		a.countTall(*t, -1)
		*t = tallEntry{}
		before := cap(a.tallFree)
		a.tallFree = append(a.tallFree, binary.LittleEndian.Uint32(b[header:]))
		a.allocated += int64(cap(a.tallFree)-before) * unit
		class = tallClass
	}
	if a.vacant == nil {
		a.vacant = new([classes]Ref)
		a.allocated += vacantSize
	}
	a.live -= int64(unitsOf(class) * unit)
	b[0], b[1] = classFree, byte(class)
	binary.LittleEndian.PutUint32(b[header:], uint32(a.vacant[class]))
	a.vacant[class] = ref
}

// take returns a place of a class: one freed before, or a new one.
func (a *arena) take(class int) (Ref, []byte) {
	size := unitsOf(class) * unit
	a.live += int64(size)
	if a.vacant != nil && a.vacant[class] != 0 {
		ref := a.vacant[class]
		b := a.at(ref)
		a.vacant[class] = Ref(binary.LittleEndian.Uint32(b[header:]))
		return ref, b
	}
	last := len(a.chunks) - 1
	if last < 0 || a.used+size > len(a.chunks[last]) {
		last = a.extend(last, size)
	}
	ref := Ref(last<<chunkBits + a.used/unit + 1)
	b := a.chunks[last][a.used:]
	a.used += size
	return ref, b
}

// extend makes room for size bytes, by a longer last chunk or another one. What is
// left of a full chunk becomes a free place, so that a walk over the chunk finds
// its end.
func (a *arena) extend(last, size int) int {
	if last >= 0 && a.used+size <= chunkSize {
		old := a.chunks[last]
		n := len(old) + min(len(old), a.step())
		for n < a.used+size {
			n *= 2
		}
		a.chunks[last] = make([]byte, min(n, chunkSize))
		copy(a.chunks[last], old)
		a.allocated += int64(len(a.chunks[last]) - len(old))
		return last
	}
	n := a.step()
	if last < 0 {
		for n = firstChunk; n < size; {
			n *= 2
		}
	} else {
		a.chunks[last] = a.chunks[last][:a.used]
	}
	before := cap(a.chunks)
	a.chunks = append(a.chunks, make([]byte, n))
	a.allocated += int64(n) + int64(cap(a.chunks)-before)*sliceSize
	a.used = 0
	return last + 1
}

// step is by how much a chunk grows.
func (a *arena) step() int { return min(max(chunkStep, len(a.chunks)*chunkSize/8), chunkSize) }

// all walks over the entries in the order of their places.
func (a *arena) all() iter.Seq[Ref] {
	return func(yield func(Ref) bool) {
		for c, chunk := range a.chunks {
			end := len(chunk)
			if c == len(a.chunks)-1 {
				end = a.used
			}
			for p := 0; p < end; {
				class := int(chunk[p])
				switch class {
				case classFree:
					class = int(chunk[p+1])
				case classTall:
					class = tallClass
					fallthrough
				default:
					if !yield(Ref(c<<chunkBits + p/unit + 1)) {
						return
					}
				}
				p += unitsOf(class) * unit
			}
		}
	}
}
