package memory

import (
	"math"

	"hyperlocal/cache"
)

// decoder reads what was packed by appendString and binary.AppendUvarint. The
// first thing that does not fit sets failed and makes the rest zero. What it
// returns are parts of s, not copies.
type decoder struct {
	s      string
	keys   []string            // named so far, see effects.key
	all    map[string]struct{} // gets every key, unless it is nil
	failed bool
}

func (d *decoder) fail() {
	d.failed = true
	d.s = ""
}

func (d *decoder) byte() byte {
	if len(d.s) == 0 {
		d.fail()
		return 0
	}
	c := d.s[0]
	d.s = d.s[1:]
	return c
}

// uvarint reads the form of encoding/binary, at most ten bytes.
func (d *decoder) uvarint() uint64 {
	var n uint64
	for i := 0; i < len(d.s) && i < 10; i++ {
		c := d.s[i]
		if c < 0x80 {
			if i == 9 && c > 1 {
				break
			}
			d.s = d.s[i+1:]
			return n | uint64(c)<<(7*i)
		}
		n |= uint64(c&0x7f) << (7 * i)
	}
	d.fail()
	return 0
}

func (d *decoder) varint() int64 {
	n := d.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

// position reads a position in a list. None is near the ends of its range, so
// that nothing overflows that is added to it.
func (d *decoder) position() int64 {
	p := d.varint()
	if p > maxPosition || p < -maxPosition {
		d.fail()
		return 0
	}
	return p
}

func (d *decoder) registers() []hllRegister {
	registers := make([]hllRegister, d.count(2))
	for i := range registers {
		n, v := d.uvarint(), d.byte()
		if n >= hllRegisters || v > hllMaxValue {
			d.fail()
			return nil
		}
		registers[i] = hllRegister{uint16(n), v}
	}
	return registers
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n > uint64(len(d.s)) {
		d.fail()
		return ""
	}
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

// key reads a key as effects.key writes it.
func (d *decoder) key() string {
	key := d.nextKey()
	if d.all != nil && !d.failed {
		d.all[key] = struct{}{}
	}
	return key
}

func (d *decoder) nextKey() string {
	n := d.uvarint()
	if n > 0 {
		if n > uint64(len(d.keys)) {
			d.fail()
			return ""
		}
		return d.keys[n-1]
	}
	key := d.string()
	if len(d.keys) < keptKeys && !d.failed {
		d.keys = append(d.keys, key)
	}
	return key
}

// count reads the number of things of at least size bytes each that follow,
// so that a wrong one cannot make the caller allocate.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.s)/size) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) fields() []cache.Field {
	fields := make([]cache.Field, d.count(2))
	for i := range fields {
		fields[i] = cache.Field{Name: d.string(), Value: d.string()}
	}
	return fields
}

// packedFields reads fields without taking them apart.
func (d *decoder) packedFields() string {
	start := d.s
	for range 2 * d.count(2) {
		d.string()
	}
	if d.failed {
		return ""
	}
	return start[:len(start)-len(d.s)]
}

func (d *decoder) strings() []string {
	ss := make([]string, d.count(1))
	for i := range ss {
		ss[i] = d.string()
	}
	return ss
}

func (d *decoder) members() []cache.Member {
	members := make([]cache.Member, d.count(9))
	for i := range members {
		members[i].Score = d.float64()
		members[i].Name = d.string()
	}
	return members
}

func (d *decoder) float64() float64 {
	if len(d.s) < 8 {
		d.fail()
		return 0
	}
	var n uint64
	for i := 7; i >= 0; i-- {
		n = n<<8 | uint64(d.s[i])
	}
	d.s = d.s[8:]
	return math.Float64frombits(n)
}

func (d *decoder) streamID() streamID {
	return streamID{ms: d.uvarint(), seq: d.uvarint()}
}
