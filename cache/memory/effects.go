package memory

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"hyperlocal/cache"
)

// The journal and the snapshots speak of effects: what a key is like after a
// write, never how it came to be (HINCRBY is journaled as HSET of the sum). An
// effect is an op, a key and what docs/engine-format.md says.
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
)

func appendOp(b []byte, op byte, key string) []byte {
	return appendString(append(b, op), key)
}

func appendSet(b []byte, key string, expireAt int64, value string) []byte {
	b = appendOp(b, opSet, key)
	b = binary.AppendUvarint(b, uint64(expireAt))
	return appendString(b, value)
}

func appendExpire(b []byte, key string, expireAt int64) []byte {
	return binary.AppendUvarint(appendOp(b, opExpire, key), uint64(expireAt))
}

func appendNames(b []byte, op byte, key string, names []string) []byte {
	b = appendOp(b, op, key)
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, name := range names {
		b = appendString(b, name)
	}
	return b
}

func appendMembers(b []byte, key string, members []cache.Member) []byte {
	b = appendOp(b, opZAdd, key)
	b = binary.AppendUvarint(b, uint64(len(members)))
	for _, m := range members {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(m.Score))
		b = appendString(b, m.Name)
	}
	return b
}

func appendID(b []byte, op byte, key string, id streamID) []byte {
	b = appendOp(b, op, key)
	b = binary.AppendUvarint(b, id.ms)
	return binary.AppendUvarint(b, id.seq)
}

// record adds an effect to the unit's, unless its writes are not journaled.
func (u *unit) record(effect func(b []byte) []byte) {
	if u.journaled && u.durability != cache.Ephemeral {
		u.effects = effect(u.effects)
	}
}

var errEffect = errors.New("record does not decode")

// replay applies the effects of one record. The unit must not be journaled,
// and its clock must stand before every time to live: keys go when the journal
// says so.
func (u *unit) replay(effects string) error {
	d := decoder{s: effects}
	for len(d.s) > 0 {
		if err := u.replayOne(&d); err != nil {
			return err
		}
		if d.failed {
			return errEffect
		}
	}
	return nil
}

func (u *unit) replayOne(d *decoder) (err error) {
	op, key := d.byte(), d.string()
	switch op {
	case opDel:
		u.del(key)
	case opSet:
		expireAt := int64(d.uvarint())
		if value := d.string(); !d.failed {
			u.putText(key, value, expireAt)
		}
	case opExpire:
		if expireAt := int64(d.uvarint()); !d.failed {
			u.expireAt(key, expireAt)
		}
	case opHSet:
		_, err = u.hset(key, d.fields())
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
	case opXTrim:
		_, err = u.xtrimBelow(key, d.streamID())
	case opXLast:
		if id := d.streamID(); !d.failed {
			err = u.xsetLast(key, id)
		}
	default:
		return errEffect
	}
	return err
}
