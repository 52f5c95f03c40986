package memory

// What Go's allocator takes for an object is its size rounded up to a class.
// The classes are asked of the runtime itself, which rounds the capacity of a
// slice up to them.
const (
	maxClass = 32 << 10 // larger objects are whole pages
	pageSize = 8 << 10
)

var sizeClass = func() (classes [maxClass/8 + 1]uint16) {
	buffer := make([]byte, maxClass)
	for size := 1; size <= maxClass; {
		class := cap(append([]byte(nil), buffer[:size]...))
		for ; size <= class; size++ {
			classes[(size+7)/8] = uint16(class)
		}
	}
	return classes
}()

// tinyBlock is what the smallest objects without pointers share.
const tinyBlock = 16

// allocated is what n bytes of an object without pointers take.
func allocated(n int) int64 {
	switch {
	case n == 0:
		return 0
	case n < tinyBlock:
		return int64(tinyBlock / (tinyBlock / n)) // as if all were of this size
	case n <= maxClass:
		return int64(sizeClass[(n+7)/8])
	}
	return int64(n+pageSize-1) &^ (pageSize - 1)
}

// shrunk returns s in less memory if most of it is unused.
func shrunk[T any](s []T) []T {
	if cap(s) < 64 || len(s) > cap(s)/4 {
		return s
	}
	return append(make([]T, 0, 2*len(s)), s...)
}
