package geo

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"hyperlocal/persist"
)

// Aside is a file of rows that the database refuses whatever is done, so that
// the others need not wait for them: a line for each, its CRC-32C in hexadecimal
// and, after a space, a JSON object with the reason. Nothing reads it but
// people.
type Aside struct {
	path     string
	maxBytes int64
	mu       sync.Mutex
}

// ErrAsideFull is returned when the file has reached its bound: then rows that
// are refused stay where they are until somebody has looked.
var ErrAsideFull = errors.New("the file of refused rows is full; look at it and move it away")

// NewAside returns the file of this path, which is made with its first row.
func NewAside(path string, maxBytes int64) *Aside { return &Aside{path: path, maxBytes: maxBytes} }

// asideRow is a line of the file. Ids are quoted as in Go, since JSON cannot
// hold what is not UTF-8, which may be what is wrong with them.
type asideRow struct {
	Reason      string `json:"reason"`
	DriverID    string `json:"driver_id_quoted"`
	Zone        string `json:"zone_quoted"`
	BucketStart int64  `json:"bucket_start_ms"`
	Part        int64  `json:"part"`
	Fixes       int    `json:"fixes"`
	Path        string `json:"path_quoted"`
	Times       string `json:"times_quoted"`
	Speeds      string `json:"speeds_quoted"`
}

// put adds a row and returns when it is on disk.
func (a *Aside) put(r persist.TrackRow, reason error) error {
	line, err := json.Marshal(asideRow{
		Reason: reason.Error(), DriverID: strconv.QuoteToASCII(r.DriverID), Zone: strconv.QuoteToASCII(r.Zone),
		BucketStart: r.BucketStart, Part: r.Part, Fixes: r.Fixes,
		Path: strconv.QuoteToASCII(r.Path), Times: strconv.QuoteToASCII(r.Times), Speeds: strconv.QuoteToASCII(r.Speeds),
	})
	if err != nil {
		return fmt.Errorf("set a row aside: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(a.path), 0o700); err != nil {
		return fmt.Errorf("set a row aside: %w", err)
	}
	f, err := os.OpenFile(a.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("set a row aside: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size()+int64(len(line)) > a.maxBytes {
		err = ErrAsideFull
	}
	if err == nil {
		sum := crc32.Checksum(line, crc32.MakeTable(crc32.Castagnoli))
		_, err = fmt.Fprintf(f, "%08x %s\n", sum, line)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("set a row aside: %w", err)
	}
	return nil
}
