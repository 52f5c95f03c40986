package memory

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"hyperlocal/cache"
)

// snapshotMagic names the format and its version.
const snapshotMagic = "HLSNAP02"

// snapshotHeader is magic, u64 number of the first segment to replay, u64
// sequence of its first record, u32 number of shards, u32 crc32c of these.
const snapshotHeader = 8 + 8 + 8 + 4 + 4

// opEnd begins the last frame: the number of keys and, for each shard, the
// sequence of the last record that is part of it.
const opEnd byte = 255

const (
	snapshotFrame = 256 << 10 // payload at which a frame is closed
	snapshotChunk = 512       // members of a collection in one effect
)

var errStopped = errors.New("stopped")

// snapshotWriter lays out frames numbered from 1.
type snapshotWriter struct {
	w      *bufio.Writer
	frames uint64
	frame  []byte // reused
	keys   uint64
	seqs   [shardCount]uint64
	size   int64
}

// writeSnapshot writes the present state, one shard after the other, each
// locked against writers while it is encoded. Records that are appended
// meanwhile are told apart by each shard's sequence.
func (db *database) writeSnapshot(f io.Writer, number, firstSeq uint64) (size int64, err error) {
	w := &snapshotWriter{w: bufio.NewWriterSize(f, 1<<20), size: snapshotHeader}
	if _, err := w.w.Write(encodeSnapshotHeader(number, firstSeq)); err != nil {
		return 0, err
	}
	var encoded [][]byte
	for i := range db.shards {
		select {
		case <-db.stop:
			return 0, errStopped
		default:
		}
		encoded = w.encodeShard(&db.shards[i], i, encoded[:0])
		for _, payload := range encoded {
			if err := w.put(payload); err != nil {
				return 0, err
			}
		}
	}
	end := binary.AppendUvarint([]byte{opEnd}, w.keys)
	for _, seq := range w.seqs {
		end = binary.AppendUvarint(end, seq)
	}
	if err := w.put(end); err != nil {
		return 0, err
	}
	return w.size, w.w.Flush()
}

// encodeShard returns the shard's items as the effects that make them.
func (w *snapshotWriter) encodeShard(s *shard, index int, payloads [][]byte) [][]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w.seqs[index] = s.lastSeq
	w.keys += uint64(len(s.keys))
	var e effects
	cut := func() {
		if len(e.b) >= snapshotFrame {
			payloads = append(payloads, e.b)
			e = effects{}
		}
	}
	for _, it := range s.keys {
		it.value.save(&e, it.key, cut)
		if it.expireAt != 0 {
			e.expire(it.key, it.expireAt)
		}
	}
	if len(e.b) > 0 {
		payloads = append(payloads, e.b)
	}
	return payloads
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

func (t *text) save(w *effects, key string, cut func()) {
	w.set(key, 0, t.s)
	cut()
}

func (h *hash) save(w *effects, key string, cut func()) {
	chunk := make([]cache.Field, 0, min(snapshotChunk, len(h.fields)))
	for name, value := range h.fields {
		if chunk = append(chunk, cache.Field{Name: name, Value: value}); len(chunk) == snapshotChunk {
			w.fields(opHSet, key, chunk)
			cut()
			chunk = chunk[:0]
		}
	}
	if len(chunk) > 0 {
		w.fields(opHSet, key, chunk)
		cut()
	}
}

func (z *zset) save(w *effects, key string, cut func()) {
	chunk := make([]cache.Member, 0, min(snapshotChunk, z.len()))
	for p := z.index.begin(); p != z.index.end(); p = z.index.next(p) {
		if chunk = append(chunk, z.member(p)); len(chunk) == snapshotChunk {
			w.members(key, chunk)
			cut()
			chunk = chunk[:0]
		}
	}
	if len(chunk) > 0 {
		w.members(key, chunk)
		cut()
	}
}

func (s *stream) save(w *effects, key string, cut func()) {
	for _, e := range s.entries[s.head:] {
		w.entry(key, e.id, e.packed)
		cut()
	}
	w.id(opXLast, key, s.last)
	cut()
}

// readSnapshot fills empty shards and sets their sequences.
func (db *database) readSnapshot(path string) (number, firstSeq uint64, err error) {
	frames, file, err := openFrames(path)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	number, firstSeq, err = db.loadSnapshot(frames)
	return number, firstSeq, corruptAt(path, frames.offset, err)
}

func (db *database) loadSnapshot(frames *frameReader) (number, firstSeq uint64, err error) {
	head, err := frames.header(snapshotHeader)
	if err != nil {
		return 0, 0, err
	}
	if number, firstSeq, err = decodeSnapshotHeader(head); err != nil {
		return 0, 0, err
	}
	return number, firstSeq, db.load(frames)
}

func decodeSnapshotHeader(b []byte) (number, firstSeq uint64, err error) {
	if string(b[:8]) != snapshotMagic {
		return 0, 0, fmt.Errorf("%w: not a snapshot of a version this engine knows", errHeader)
	}
	if crc32.Checksum(b[:28], castagnoli) != binary.LittleEndian.Uint32(b[28:]) {
		return 0, 0, errHeader
	}
	if n := binary.LittleEndian.Uint32(b[24:]); n != shardCount {
		return 0, 0, fmt.Errorf("%w: made with %d shards, this engine has %d", errHeader, n, shardCount)
	}
	return binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]), nil
}

var errSnapshotEnd = errors.New("snapshot does not end as it must")

// readEnd takes what the last frame says and checks it.
func (db *database) readEnd(payload string, last bool) error {
	d := decoder{s: payload}
	keys := d.uvarint()
	for i := range db.shards {
		db.shards[i].lastSeq = d.uvarint()
		keys -= uint64(len(db.shards[i].keys))
	}
	if d.failed || len(d.s) > 0 || keys != 0 || !last {
		return errSnapshotEnd
	}
	return nil
}
