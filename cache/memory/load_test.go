package memory

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// snapshotOf is a snapshot whose frames hold these effects, without its end.
func snapshotOf(frames [][]byte) []byte {
	b := encodeSnapshotHeader(1, 1)
	for i, payload := range frames {
		b = appendFrame(b, uint64(i+1), payloadCRC(payload), payload)
	}
	return b
}

func loadBytes(db *database, file []byte) (offset int64, err error) {
	frames := &frameReader{r: bytes.NewReader(file), size: int64(len(file))}
	_, err = db.loadSnapshot(frames)
	return frames.offset, err
}

// Many frames of many shards, far more than wait at a time: those of one key
// keep their order.
func TestLoadKeepsTheOrderOfAShard(t *testing.T) {
	const keys, each = 100, 40
	var frames [][]byte
	for n := range each {
		for k := range keys {
			var w effects
			w.set(fmt.Sprint("key", k), 0, fmt.Sprint(n))
			frames = append(frames, w.b)
		}
	}
	db := newDatabase(Options{}.withDefaults())
	_, err := loadBytes(db, snapshotOf(frames))
	require.ErrorIs(t, err, errSnapshotEnd)
	e := &Engine{database: db}
	for k := range keys {
		v, err := e.Get(ctx, fmt.Sprint("key", k))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(each-1), v.Str)
	}
}

// A frame that does not decode is reported where it is, however far the
// reading has got meanwhile.
func TestLoadReportsTheDamagedFrame(t *testing.T) {
	var frames [][]byte
	for k := range 500 {
		var w effects
		w.set(fmt.Sprint("key", k), 0, "v")
		frames = append(frames, w.b)
	}
	const bad = 123
	frames[bad] = append(frames[bad], opSet) // and nothing behind it
	offset, err := loadBytes(newDatabase(Options{}.withDefaults()), snapshotOf(frames))
	require.ErrorIs(t, err, errEffect)
	require.EqualValues(t, len(snapshotOf(frames[:bad+1])), offset)
}
