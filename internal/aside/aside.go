// Package aside keeps what the database refuses whatever is done, so that the
// rest need not wait for it.
package aside

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"

	"hyperlocal/persist"
)

// File is a file of refused rows: a line for each, its CRC-32C in hexadecimal and,
// after a space, a JSON object. Nothing reads it but people. Its methods may be
// called from any goroutine.
type File struct {
	path     string
	maxBytes int64
	mu       sync.Mutex
}

// ErrFull is returned when the file has reached its bound: then rows that are
// refused stay where they are until somebody has looked.
var ErrFull = errors.New("the file of refused rows is full; look at it and move it away")

// New returns the file of this path, which is made with its first row.
func New(path string, maxBytes int64) *File { return &File{path: path, maxBytes: maxBytes} }

// Put adds a row, written as JSON, and returns when it is on disk. A row that is not
// UTF-8 is its caller's to quote: JSON cannot hold it.
func (f *File) Put(row any) error {
	line, err := json.Marshal(row)
	if err == nil {
		sum := crc32.Checksum(line, crc32.MakeTable(crc32.Castagnoli))
		err = f.append(fmt.Appendf(nil, "%08x %s\n", sum, line))
	}
	if err != nil {
		return fmt.Errorf("set a row aside: %w", err)
	}
	return nil
}

func (f *File) append(line []byte) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size()+int64(len(line)) > f.maxBytes {
		return ErrFull
	}
	if _, err = file.Write(line); err == nil {
		err = file.Sync()
	}
	if err != nil { // half a line would spoil the next one
		err = errors.Join(err, file.Truncate(info.Size()))
	}
	return err
}

// Around writes rows by write, and finds out which of them it is that the database
// refuses, by halves: those are given to refuse, in order. Any other error of
// write, and one of refuse, ends it.
func Around[T any](rows []T, write func([]T) error, refuse func(row T, reason error) error) error {
	if len(rows) == 0 {
		return nil
	}
	err := write(rows)
	if !errors.Is(err, persist.ErrInvalid) {
		return err
	}
	half := len(rows) / 2
	if half == 0 {
		return refuse(rows[0], err)
	}
	if err := Around(rows[:half], write, refuse); err != nil {
		return err
	}
	return Around(rows[half:], write, refuse)
}
