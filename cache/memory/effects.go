package memory

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"hyperlocal/cache"
)

// The journal and the snapshots speak of effects: what a key is like after a
// write, not how it came to be (HINCRBY is journaled as HSET of the sum), with one
// exception, opRename. An effect is an op, a key and what docs/engine-format.md says.
const (
	opDel    byte = 1  // -
	opSet    byte = 2  // expireAt, value
	opExpire byte = 3  // expireAt
	opHSet   byte = 4  // fields
	opHDel   byte = 5  // names
	opZAdd   byte = 6  // members
	opZRem   byte = 7  // names
	opXAdd   byte = 8  // id, fields
	opXTrim  byte = 9  // id below which entries go
	opXLast  byte = 10 // last id, of an entry that may be gone
	opLPut   byte = 11 // number of the change, position, values
	opLSpan  byte = 12 // number of the change, positions of the first and behind the last
	opSAdd   byte = 13 // names
	opSRem   byte = 14 // names
	opPFMax  byte = 15 // registers
	opHWrite byte = 16 // name, position in its value, text that is there to the end
	opRename byte = 17 // key that has the value now; see unit.rename
)

// keptKeys is how many keys an effects remembers to name them by number.
const keptKeys = 16

// effects lays out effects one after the other. A key is written out once and
// then named by its number: in a batch of pings keys would be half of it all.
type effects struct {
	b    []byte
	keys []string // the first so many keys, in the order of their numbers
}

// reset forgets everything but the buffer.
func (w *effects) reset() { w.b, w.keys = w.b[:0], w.keys[:0] }

// op begins an effect on a key, which must not change until reset.
func (w *effects) op(op byte, key string) {
	w.b = append(w.b, op)
	w.key(key)
}

func (w *effects) key(key string) {
	for i, k := range w.keys {
		if k == key {
			w.uvarint(uint64(i) + 1)
			return
		}
	}
	if len(w.keys) < keptKeys {
		w.keys = append(w.keys, key)
	}
	w.b = append(w.b, 0)
	w.string(key)
}

func (w *effects) uvarint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *effects) varint(n int64) { w.b = binary.AppendVarint(w.b, n) }

func (w *effects) string(s string) { w.b = appendString(w.b, s) }

func (w *effects) del(key string) { w.op(opDel, key) }

func (w *effects) rename(from, to string) {
	w.op(opRename, from)
	w.key(to)
}

func (w *effects) set(key string, expireAt int64, value string) {
	w.op(opSet, key)
	w.uvarint(uint64(expireAt))
	w.string(value)
}

func (w *effects) expire(key string, expireAt int64) {
	w.op(opExpire, key)
	w.uvarint(uint64(expireAt))
}

func (w *effects) fields(op byte, key string, fields []cache.Field) {
	w.op(op, key)
	w.b = packFields(w.b, fields)
}

func (w *effects) fieldEnd(key, name string, at int, text string) {
	w.op(opHWrite, key)
	w.string(name)
	w.uvarint(uint64(at))
	w.string(text)
}

func (w *effects) names(op byte, key string, names []string) {
	w.op(op, key)
	w.strings(names)
}

func (w *effects) strings(ss []string) {
	w.uvarint(uint64(len(ss)))
	for _, s := range ss {
		w.string(s)
	}
}

func (w *effects) listPut(key string, change uint64, p int64, values []string) {
	w.op(opLPut, key)
	w.uvarint(change)
	w.varint(p)
	w.strings(values)
}

func (w *effects) listSpan(key string, change uint64, first, end int64) {
	w.op(opLSpan, key)
	w.uvarint(change)
	w.varint(first)
	w.varint(end)
}

func (w *effects) registers(key string, registers []hllRegister) {
	w.op(opPFMax, key)
	w.uvarint(uint64(len(registers)))
	for _, r := range registers {
		w.uvarint(uint64(r.number))
		w.b = append(w.b, r.value)
	}
}

func (w *effects) members(key string, members []cache.Member) {
	w.op(opZAdd, key)
	w.uvarint(uint64(len(members)))
	for _, m := range members {
		w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(m.Score))
		w.string(m.Name)
	}
}

func (w *effects) id(op byte, key string, id streamID) {
	w.op(op, key)
	w.uvarint(id.ms)
	w.uvarint(id.seq)
}

func (w *effects) entry(key string, id streamID, packed string) {
	w.id(opXAdd, key, id)
	w.b = append(w.b, packed...)
}

// records says whether the unit's writes are journaled: then its effects are to
// be added to u.effects.
func (u *unit) records() bool { return u.journaled && u.durability != cache.Ephemeral }

var errEffect = errors.New("record does not decode")

// replay applies the effects of one record. What they find may be what a later
// record made of the key, see [pager]: a key of another type makes way, and what
// is there already is left alone. The unit must not be journaled, and its clock
// must stand before every time to live: keys go when the journal says so.
func (u *unit) replay(effects string) error {
	d := decoder{s: effects}
	for len(d.s) > 0 {
		before := d
		key, err := u.replayOne(&d)
		if errors.Is(err, cache.ErrWrongType) || errors.Is(err, cache.ErrNotHLL) {
			u.remove(u.keys.find(key))
			d = before
			_, err = u.replayOne(&d)
		}
		if err != nil {
			return err
		}
		if d.failed {
			return errEffect
		}
	}
	return nil
}

func (u *unit) replayOne(d *decoder) (key string, err error) {
	op := d.byte()
	key = d.key()
	switch op {
	case opDel:
		u.del(key)
	case opRename:
		if to := d.key(); !d.failed {
			u.replayRename(key, to)
		}
	case opSet:
		expireAt := int64(d.uvarint())
		if value := d.string(); !d.failed {
			err = u.putText(key, value, expireAt)
		}
	case opExpire:
		if expireAt := int64(d.uvarint()); !d.failed {
			u.replayExpiry(key, expireAt)
		}
	case opHSet:
		_, err = u.hset(key, d.fields())
	case opHWrite:
		name, at, text := d.string(), d.uvarint(), d.string()
		if !d.failed {
			err = u.replayWrite(key, name, at, text)
		}
	case opHDel:
		_, err = u.hdel(key, d.strings())
	case opZAdd:
		_, err = u.zadd(key, d.members())
	case opZRem:
		_, err = u.zrem(key, d.strings())
	case opXAdd:
		id := d.streamID()
		if packed := d.packedFields(); !d.failed {
			err = u.xappend(key, id, strings.Clone(packed))
		}
		if errors.Is(err, cache.ErrStreamID) { // it is there, or has been
			err = nil
		}
	case opXTrim:
		_, err = u.xtrimBelow(key, d.streamID())
	case opXLast:
		if id := d.streamID(); !d.failed {
			err = u.xsetLast(key, id)
		}
	default:
		err = u.replayCached(op, key, d)
	}
	return key, err
}

// replayCached is the part of replayOne for what mostly caches hold.
func (u *unit) replayCached(op byte, key string, d *decoder) (err error) {
	switch op {
	case opLPut:
		change, p := d.uvarint(), d.position()
		if values := d.strings(); !d.failed {
			err = u.replayPut(key, change, p, values)
		}
	case opLSpan:
		change, first, end := d.uvarint(), d.position(), d.position()
		if !d.failed {
			err = u.replaySpan(key, change, first, end)
		}
	case opSAdd:
		_, err = u.sadd(key, d.strings())
	case opSRem:
		_, err = u.srem(key, d.strings())
	case opPFMax:
		if registers := d.registers(); !d.failed {
			_, err = u.pfraise(key, registers)
		}
	default:
		return errEffect
	}
	return err
}

func (u *unit) replayExpiry(key string, at int64) {
	if it := u.findForWrite(key); it != nil {
		u.setDeadline(it, at)
	}
}
