package memory

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// snapshotMagic names the format and its version.
const snapshotMagic = "HLSNAP03"

// snapshotHeader is magic, u64 number of the first segment to replay, u64
// sequence of the first record that may not be part of it, u32 number of
// shards, u32 crc32c of these.
const snapshotHeader = 8 + 8 + 8 + 4 + 4

// The first byte of a frame that does not hold a part of a shard.
const (
	// opRecord: the effects of a record that was appended meanwhile.
	opRecord byte = 254
	// opEnd: the last frame, with the number of keys and the sequence up to
	// which records belong to the state.
	opEnd byte = 255
)

var errStopped = errors.New("stopped")

// snapshotWriter lays out frames numbered from 1: with begin, the shards, the
// records if any, and the end.
type snapshotWriter struct {
	w        *bufio.Writer
	between  func() error // between two pages, with no lock held
	everyCut bool         // make pages as short as possible
	frames   uint64
	frame    []byte // reused
	keys     uint64
	size     int64
}

func newSnapshotWriter(f io.Writer, between func() error) *snapshotWriter {
	return &snapshotWriter{w: bufio.NewWriterSize(f, 1<<20), between: between}
}

func (w *snapshotWriter) begin(number, firstSeq uint64) error {
	w.size = snapshotHeader
	_, err := w.w.Write(encodeSnapshotHeader(number, firstSeq))
	return err
}

// encode collects the shards, while they are written to. See [pager] for what
// that is worth.
func (w *snapshotWriter) encode(db *database) error {
	p := pager{w: w}
	for i := range db.shards {
		if err := w.between(); err != nil {
			return err
		}
		if err := p.encode(&db.shards[i]); err != nil {
			return err
		}
	}
	return nil
}

// records takes records as the journal buffers them.
func (w *snapshotWriter) records(b []byte) error {
	for len(b) > 0 {
		_, effects, size, ok := parseFrame(b)
		if !ok {
			return errFrame
		}
		if err := w.put(append([]byte{opRecord}, effects...)); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// end completes the file, whose state is that after record last.
func (w *snapshotWriter) end(last uint64) error {
	end := binary.AppendUvarint([]byte{opEnd}, w.keys)
	if err := w.put(binary.AppendUvarint(end, last)); err != nil {
		return err
	}
	return w.w.Flush()
}

func (w *snapshotWriter) put(payload []byte) error {
	if !fitsFrame(payload) {
		return errTooLarge
	}
	w.frames++
	w.frame = appendFrame(w.frame[:0], w.frames, payloadCRC(payload), payload)
	w.size += int64(len(w.frame))
	_, err := w.w.Write(w.frame)
	return err
}

func encodeSnapshotHeader(number, firstSeq uint64) []byte {
	b := binary.LittleEndian.AppendUint64([]byte(snapshotMagic), number)
	b = binary.LittleEndian.AppendUint64(b, firstSeq)
	b = binary.LittleEndian.AppendUint32(b, shardCount)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// snapshotInfo is what a snapshot says beside the data.
type snapshotInfo struct {
	number  uint64 // of the first segment to replay
	nextSeq uint64 // of the first record that is not in the snapshot
	keys    uint64
	last    uint64 // sequence of the last record that the state is made of
}

// readSnapshot fills empty shards.
func (db *database) readSnapshot(dir string, number uint64) (snapshotInfo, error) {
	path := snapshotPath(dir, number)
	frames, file, err := openFrames(path)
	if err != nil {
		return snapshotInfo{}, err
	}
	defer file.Close()
	info, err := db.loadSnapshot(frames)
	if err == nil && info.number != number {
		err = fmt.Errorf("%w: it says segment %d", errHeader, info.number)
	}
	return info, corruptAt(path, frames.offset, err)
}

func (db *database) loadSnapshot(frames *frameReader) (info snapshotInfo, err error) {
	head, err := frames.header(snapshotHeader)
	if err != nil {
		return info, err
	}
	if info.number, info.nextSeq, err = decodeSnapshotHeader(head); err != nil {
		return info, err
	}
	return info, db.load(frames, &info)
}

func decodeSnapshotHeader(b []byte) (number, firstSeq uint64, err error) {
	if err := checkMagic(b, snapshotMagic); err != nil {
		return 0, 0, err
	}
	if crc32.Checksum(b[:28], castagnoli) != binary.LittleEndian.Uint32(b[28:]) {
		return 0, 0, errHeader
	}
	if n := binary.LittleEndian.Uint32(b[24:]); n != shardCount {
		return 0, 0, fmt.Errorf("%w: made with %d shards, this engine has %d", ErrVersion, n, shardCount)
	}
	return binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]), nil
}

var errSnapshotEnd = errors.New("snapshot does not end as it must")

// readEnd takes what the last frame says.
func (info *snapshotInfo) readEnd(payload string) error {
	d := decoder{s: payload}
	info.keys, info.last = d.uvarint(), d.uvarint()
	if d.failed || len(d.s) > 0 {
		return errSnapshotEnd
	}
	return nil
}
