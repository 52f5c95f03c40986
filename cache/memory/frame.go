package memory

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
)

// A frame is what both kinds of file consist of after their header:
//
//	u32 length of the payload, at least 1
//	u32 crc32c of the payload followed by the sequence
//	u64 sequence
//	payload
//
// all little endian.
const frameHeader = 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrVersion says that a file was written by another version of the engine, in a
// format that this one does not read.
var ErrVersion = errors.New("written by another version")

var (
	errHeader   = errors.New("header is damaged")
	errFrame    = errors.New("frame is damaged")
	errTooLarge = errors.New("record exceeds 4 GiB")
)

// versionDigits are at the end of a file's magic.
const versionDigits = 2

// checkMagic tells a damaged file from one of another version. Besides its own
// magic a file may have one of those before it.
func checkMagic(header []byte, magic string, before ...string) error {
	kind, version := magic[:len(magic)-versionDigits], header[len(magic)-versionDigits:len(magic)]
	switch has := string(header[:len(magic)]); {
	case has == magic, slices.Contains(before, has):
		return nil
	case string(header[:len(kind)]) == kind && isDigits(version):
		return fmt.Errorf("%w: format %s, this one reads %s", ErrVersion, version, magic[len(kind):])
	}
	return errHeader
}

func isDigits(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c < '0' || c > '9' })
}

// payloadCRC is the part of a frame's checksum that does not need the
// sequence, so that it can be computed outside the journal's lock.
func payloadCRC(payload []byte) uint32 { return crc32.Checksum(payload, castagnoli) }

func appendFrame(b []byte, seq uint64, crc uint32, payload []byte) []byte {
	var h [frameHeader]byte
	binary.LittleEndian.PutUint64(h[8:], seq)
	binary.LittleEndian.PutUint32(h[0:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(h[4:], crc32.Update(crc, castagnoli, h[8:]))
	b = append(b, h[:]...)
	return append(b, payload...)
}

func fitsFrame(payload []byte) bool { return uint64(len(payload)) <= math.MaxUint32 }

// parseFrame reads the frame at the start of b and returns its whole size.
func parseFrame(b []byte) (seq uint64, payload []byte, size int, ok bool) {
	if len(b) < frameHeader {
		return 0, nil, 0, false
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n == 0 || n > int64(len(b)-frameHeader) {
		return 0, nil, 0, false
	}
	size = frameHeader + int(n)
	payload = b[frameHeader:size]
	if crc32.Update(payloadCRC(payload), castagnoli, b[8:frameHeader]) != binary.LittleEndian.Uint32(b[4:]) {
		return 0, nil, 0, false
	}
	return binary.LittleEndian.Uint64(b[8:]), payload, size, true
}

// frameReader reads frames one by one from a file of known size, so that a
// damaged length cannot make it allocate more than the file holds.
type frameReader struct {
	r      io.Reader
	offset int64 // of the next frame
	size   int64 // of the file
	buf    []byte
}

// openFrames opens a file to read it frame by frame.
func openFrames(path string) (*frameReader, io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return &frameReader{r: bufio.NewReaderSize(f, 1<<20), size: info.Size()}, f, nil
}

// header reads what comes before the first frame.
func (f *frameReader) header(n int64) ([]byte, error) {
	if f.size < n {
		return nil, errHeader
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(f.r, b); err != nil {
		return nil, err
	}
	f.offset = n
	return b, nil
}

// next returns io.EOF at the end and errFrame for what is not a whole frame.
// The payload is valid until the next call.
func (f *frameReader) next() (seq uint64, payload []byte, err error) {
	left := f.size - f.offset
	if left == 0 {
		return 0, nil, io.EOF
	}
	if left < frameHeader {
		return 0, nil, errFrame
	}
	f.buf = append(f.buf[:0], make([]byte, frameHeader)...)
	if _, err := io.ReadFull(f.r, f.buf); err != nil {
		return 0, nil, err
	}
	n := int64(binary.LittleEndian.Uint32(f.buf))
	if n == 0 || n > left-frameHeader {
		return 0, nil, errFrame
	}
	f.buf = append(f.buf, make([]byte, n)...)
	if _, err := io.ReadFull(f.r, f.buf[frameHeader:]); err != nil {
		return 0, nil, err
	}
	seq, payload, size, ok := parseFrame(f.buf)
	if !ok {
		return 0, nil, errFrame
	}
	f.offset += int64(size)
	return seq, payload, nil
}
