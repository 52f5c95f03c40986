package memory

import (
	"encoding/binary"
	"math"
	"os"

	"hyperlocal/cache"
)

// salvage reads what is whole of a damaged file, from an offset on, wherever a
// frame begins: fn gets each whose sequence is greater than that of the last and
// no greater than a file of that size can reach. It returns how many bytes
// belong to none.
func salvage(path string, offset int64, after uint64, fn func(seq uint64, payload []byte)) (lost int64, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	b = b[min(offset, int64(len(b))):]
	for len(b) > 0 {
		if !plausible(b, after) {
			b, lost = b[1:], lost+1
			continue
		}
		seq, payload, size, ok := parseFrame(b)
		if !ok {
			b, lost = b[1:], lost+1
			continue
		}
		if !isMark(payload) {
			after = seq
		}
		fn(seq, payload)
		b = b[size:]
	}
	return lost, nil
}

// plausible says that a frame may begin here. To compute a checksum at every
// byte would take a time that grows with the square of the file's size.
func plausible(b []byte, after uint64) bool {
	if _, mark := parseMark(b); mark {
		return true
	}
	if len(b) < frameHeader || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-frameHeader) {
		return false
	}
	seq := binary.LittleEndian.Uint64(b[8:])
	return seq > after && seq-after <= math.MaxUint32
}

// loadPart fills empty shards with what can be read of a damaged snapshot, and
// returns how many bytes of it cannot.
func (db *database) loadPart(path string) (lost int64, err error) {
	return salvage(path, 0, 0, func(_ uint64, payload []byte) {
		switch payload[0] {
		case opEnd:
			return
		case opRecord:
			payload = payload[1:]
		}
		// An effect that does not decode leaves the rest of its frame out.
		_ = db.replay(string(payload))
	})
}

// namedKeys adds the keys that a record is about.
func namedKeys(record string, keys map[string]struct{}) error {
	var s shard
	s.init(nil)
	u := s.begin(false, cache.Ephemeral, math.MinInt64)
	u.replaying = true
	d := decoder{s: record, all: keys}
	for len(d.s) > 0 {
		if _, err := u.replayOne(&d); err != nil || d.failed {
			return errEffect
		}
	}
	return nil
}
