package memory

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"unsafe"

	"hyperlocal/cache"
)

// hyperLogLog is a string of the form that Redis calls dense, kept apart from
// other strings because it is changed in place. The form, the hash and the order
// of the bits are those that Redis documents in hyperloglog.c:
//
//	4  "HYLL"
//	1  0 for dense, 1 for sparse
//	3  zero
//	8  the last count, little endian; with the highest bit set: not known
//	…  16384 registers of 6 bits each, the lowest bits of a byte first
//
// The count is never kept here: a reader has no right to write. The sparse form,
// in which Redis begins, is understood where it comes from outside and becomes
// dense with the next write.
type hyperLogLog struct{ b []byte }

const (
	hllMagic     = "HYLL"
	hllHeader    = 16
	hllBits      = 14 // of the hash say the register
	hllRegisters = 1 << hllBits
	hllMaxValue  = 64 - hllBits + 1
	hllWidth     = 6
	hllDense     = hllHeader + hllRegisters*hllWidth/8
	hllUnknown   = 0x80 // in the header's last byte

	hllDenseForm, hllSparseForm = 0, 1

	hllSize = int64(unsafe.Sizeof(hyperLogLog{}))
)

func newHyperLogLog() *hyperLogLog {
	h := &hyperLogLog{b: make([]byte, hllDense)}
	copy(h.b, hllMagic)
	h.b[hllHeader-1] = hllUnknown
	return h
}

func (*hyperLogLog) typeName() string { return "string" }
func (h *hyperLogLog) memory() int64  { return hllSize + allocated(len(h.b)) }
func (*hyperLogLog) vacant() bool     { return false }
func (h *hyperLogLog) String() string { return string(h.b) }
func (h *hyperLogLog) save(w *effects, key string, cut func()) {
	w.set(key, 0, h.String())
	cut()
}

func (h *hyperLogLog) get(register int) byte {
	at := hllHeader + register*hllWidth/8
	shift := register * hllWidth % 8
	v := h.b[at] >> shift
	if shift > 8-hllWidth {
		v |= h.b[at+1] << (8 - shift)
	}
	return v & (1<<hllWidth - 1)
}

func (h *hyperLogLog) set(register int, v byte) {
	at := hllHeader + register*hllWidth/8
	shift := register * hllWidth % 8
	h.b[at] = h.b[at]&^((1<<hllWidth-1)<<shift) | v<<shift
	if shift > 8-hllWidth {
		h.b[at+1] = h.b[at+1]&^((1<<hllWidth-1)>>(8-shift)) | v>>(8-shift)
	}
}

// raise makes a register at least v and reports whether it was less.
func (h *hyperLogLog) raise(register int, v byte) bool {
	if h.get(register) >= v {
		return false
	}
	h.set(register, v)
	return true
}

func (h *hyperLogLog) merge(other *hyperLogLog) {
	for i := range hllRegisters {
		h.raise(i, other.get(i))
	}
}

// hllRegister is a register and what it is to be at least.
type hllRegister struct {
	number uint16
	value  byte
}

// hllPlace is the register that an element belongs to, and what it says there:
// one more than the number of zeros the rest of its hash ends in.
func hllPlace(element string) hllRegister {
	const seed = 0xadc83b19
	sum := murmur64A(element, seed)
	rest := sum>>hllBits | 1<<(64-hllBits)
	return hllRegister{uint16(sum % hllRegisters), byte(bits.TrailingZeros64(rest) + 1)}
}

// murmur64A is Austin Appleby's MurmurHash64A, little endian.
func murmur64A(s string, seed uint64) uint64 {
	const m, r = 0xc6a4a7935bd1e995, 47
	h := seed ^ uint64(len(s))*m
	for ; len(s) >= 8; s = s[8:] {
		k := binary.LittleEndian.Uint64([]byte(s[:8])) * m
		k ^= k >> r
		h = (h ^ k*m) * m
	}
	if len(s) > 0 {
		for i := range len(s) {
			h ^= uint64(s[i]) << (8 * i)
		}
		h *= m
	}
	h ^= h >> r
	h *= m
	return h ^ h>>r
}

// count estimates the number of elements: algorithm 6 of Otmar Ertl, "New
// cardinality estimation algorithms for HyperLogLog sketches", 2017. Roundings
// are those of Redis; the conversions keep a compiler from fusing operations.
func (h *hyperLogLog) count() int64 {
	const alpha, m = 0.5 / math.Ln2, float64(hllRegisters)
	var of [1 << hllWidth]int // registers of each value
	for i := range hllRegisters {
		of[h.get(i)]++
	}
	z := m * hllTau((m-float64(of[hllMaxValue]))/m)
	for k := hllMaxValue - 1; k >= 1; k-- {
		z = (z + float64(of[k])) * 0.5
	}
	z += float64(m * hllSigma(float64(of[0])/m))
	return int64(math.Round(alpha * m * m / z))
}

func hllSigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x = float64(x * x)
		before := z
		z += float64(x * y)
		y += y
		if z == before {
			return z
		}
	}
}

func hllTau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= float64(float64((1-x)*(1-x)) * y)
		if z == before {
			return z / 3
		}
	}
}

// parseHLL reads a string of either form into registers of its own.
func parseHLL(s string) (*hyperLogLog, error) {
	if len(s) < hllHeader || s[:len(hllMagic)] != hllMagic {
		return nil, cache.ErrNotHLL
	}
	h := newHyperLogLog()
	switch form := s[len(hllMagic)]; {
	case form == hllDenseForm && len(s) == hllDense:
		copy(h.b[hllHeader:], s[hllHeader:])
		return h, nil
	case form == hllSparseForm && h.readSparse(s[hllHeader:]) == nil:
		return h, nil
	}
	return nil, cache.ErrNotHLL
}

var errSparse = errors.New("runs do not add up to all registers")

// readSparse reads runs of registers:
//
//	00nnnnnn           n+1 registers are 0
//	01nnnnnn nnnnnnnn  the same with 14 bits
//	1vvvvvnn           n+1 registers are v+1
func (h *hyperLogLog) readSparse(s string) error {
	register := 0
	for len(s) > 0 {
		run, v, op := 0, byte(0), s[0]
		switch {
		case op&0x80 != 0:
			run, v = int(op&3)+1, op>>2&31+1
		case op&0x40 == 0:
			run = int(op&63) + 1
		case len(s) == 1:
			return errSparse
		default:
			run = int(op&63)<<8 + int(s[1]) + 1
			s = s[1:]
		}
		s = s[1:]
		if run > hllRegisters-register {
			return errSparse
		}
		for ; run > 0; run-- {
			h.set(register, v)
			register++
		}
	}
	if register != hllRegisters {
		return errSparse
	}
	return nil
}
