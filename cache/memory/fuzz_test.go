package memory

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzReplay loads whatever a file may hold: as a segment, as a snapshot, and
// as a record whose checksum is right. Loading succeeds or says what is
// damaged, and what was loaded survives a snapshot.
func FuzzReplay(f *testing.F) {
	dir := f.TempDir()
	e := open(f, Options{Dir: dir})
	fill(f, e, 12)
	require.NoError(f, e.journal.compact())
	fill(f, e, 5)
	require.NoError(f, e.Close())
	for _, path := range []string{newest(f, dir, segmentPrefix), newest(f, dir, snapshotPrefix)} {
		b, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(b)
		f.Add(b[:len(b)-3])
		f.Add(b[segmentHeader+markSize+frameHeader:])
	}
	for _, record := range []string{
		"", segmentMagic, snapshotMagic, "\x01\x01k", "\x04\x01k\xff\xff\xff\xff\x0f", "\x08\x01k\x01\x01\x01\x01f\x01v",
	} {
		f.Add([]byte(record))
	}
	segmentHead, snapshotHead := encodeSegmentHeader(1, 1), encodeSnapshotHeader(1, 1)
	f.Fuzz(func(t *testing.T, b []byte) {
		frame := appendFrame(nil, 1, payloadCRC(b), b)
		for _, file := range [][]byte{b, append(segmentHead, frame...)} {
			tryLoad(t, file, func(db *database, frames *frameReader) error {
				r := recovered{nextSegment: 1, nextSeq: 1}
				return r.replaySegment(db, frames, 1)
			})
		}
		for _, file := range [][]byte{b, append(snapshotHead, frame...)} {
			tryLoad(t, file, func(db *database, frames *frameReader) error {
				_, err := db.loadSnapshot(frames)
				return err
			})
		}
	})
}

func tryLoad(t *testing.T, file []byte, load func(db *database, frames *frameReader) error) {
	loaded := newDatabase(Options{}.withDefaults())
	err := load(loaded, &frameReader{r: bytes.NewReader(file), size: int64(len(file))})
	if err != nil {
		require.True(t, isDamage(err) || errors.Is(err, ErrVersion), "%v", err)
	}
	loaded.endReplay()
	var snapshot bytes.Buffer
	w := newSnapshotWriter(&snapshot, loaded.running)
	require.NoError(t, w.begin(1, 1))
	require.NoError(t, w.encode(loaded))
	require.NoError(t, w.end(0))
	again := newDatabase(Options{}.withDefaults())
	_, err = again.loadSnapshot(&frameReader{r: &snapshot, size: int64(snapshot.Len())})
	require.NoError(t, err)
	require.Equal(t, state(t, &Engine{database: loaded}), state(t, &Engine{database: again}))
}
