package memory

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// realFiles are a segment and a snapshot with something of each type, the
// snapshot with records in it.
func realFiles(f *testing.F) (segment, snapshot []byte) {
	f.Helper()
	dir := f.TempDir()
	e := open(f, Options{Dir: dir})
	fill(f, e, 12)
	e.journal.fail(errDisk)
	c, err := e.journal.rotate()
	require.NoError(f, err)
	fill(f, e, 3)
	require.NoError(f, e.journal.resume(c, e.journal.saveSnapshot(c)))
	fill(f, e, 5)
	require.NoError(f, e.Close())
	segment, err = os.ReadFile(newest(f, dir, segmentPrefix))
	require.NoError(f, err)
	snapshot, err = os.ReadFile(newest(f, dir, snapshotPrefix))
	require.NoError(f, err)
	return segment, snapshot
}

// FuzzSegment loads whatever a segment may hold.
func FuzzSegment(f *testing.F) {
	segment, _ := realFiles(f)
	f.Add(segment)
	f.Add(segment[:len(segment)-3])
	f.Add([]byte(segmentMagic))
	f.Fuzz(tryLoadSegment)
}

// FuzzSnapshot loads whatever a snapshot may hold.
func FuzzSnapshot(f *testing.F) {
	_, snapshot := realFiles(f)
	f.Add(snapshot)
	f.Add(snapshot[:len(snapshot)-3])
	f.Add([]byte(snapshotMagic))
	f.Fuzz(tryLoadSnapshot)
}

// FuzzEffects loads records and frames of snapshots whose checksums are right.
func FuzzEffects(f *testing.F) {
	segment, snapshot := realFiles(f)
	for _, file := range [][]byte{segment[segmentHeader:], snapshot[snapshotHeader:]} {
		for len(file) > 0 {
			_, payload, size, ok := parseFrame(file)
			require.True(f, ok)
			f.Add(payload)
			file = file[size:]
		}
	}
	for _, record := range []string{
		"", "\x01\x01k", "\x04\x01k\xff\xff\xff\xff\x0f", "\x08\x01k\x01\x01\x01\x01f\x01v",
		"\x0b\x00\x01k\x02\x03\x02\x01a\x01b\x0c\x00\x01k\x03\x03\x04", // a list's values, and fewer of them
		"\x0d\x00\x01k\x02\x01a\x01b\x0e\x00\x01k\x01\x01a", "\x0f\x00\x01k\x01\x07\x05",
		"\x04\x00\x01k\x01\x01f\x01v\x11\x01\x00\x01l\x03\x02\x07", // a hash that gets another name, and then a time to live
		"\x04\x00\x01k\x01\x01f\x01v\x11\x00\x01m\x01", "\x11\x00\x01k\x01", "\x11\x00\x01k\x02",
	} {
		f.Add([]byte(record))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		frame := appendFrame(nil, 1, payloadCRC(payload), payload)
		tryLoadSegment(t, append(encodeSegmentHeader(1, 1), frame...))
		tryLoadSnapshot(t, append(encodeSnapshotHeader(1, 1), frame...))
		_ = namedKeys(string(payload), make(map[string]struct{})) // what a repair counts
	})
}

func tryLoadSegment(t *testing.T, file []byte) {
	tryLoad(t, file, func(db *database, frames *frameReader) error {
		r := recovered{nextSegment: 1, nextSeq: 1}
		return r.replaySegment(db, frames, 1)
	})
}

func tryLoadSnapshot(t *testing.T, file []byte) {
	tryLoad(t, file, func(db *database, frames *frameReader) error {
		_, err := db.loadSnapshot(frames)
		return err
	})
}

// tryLoad requires that loading succeeds or says what is damaged, and that what
// was loaded survives a snapshot.
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
