package geo

import (
	"strconv"

	"hyperlocal/internal/aside"
	"hyperlocal/persist"
)

// Aside is a file of rows that the database refuses whatever is done, so that
// the others need not wait for them.
type Aside struct {
	path string
	file *aside.File
}

// ErrAsideFull is returned when the file has reached its bound.
var ErrAsideFull = aside.ErrFull

// NewAside returns the file of this path, which is made with its first row.
func NewAside(path string, maxBytes int64) *Aside {
	return &Aside{path: path, file: aside.New(path, maxBytes)}
}

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
	return a.file.Put(asideRow{
		Reason: reason.Error(), DriverID: strconv.QuoteToASCII(r.DriverID), Zone: strconv.QuoteToASCII(r.Zone),
		BucketStart: r.BucketStart, Part: r.Part, Fixes: r.Fixes,
		Path: strconv.QuoteToASCII(r.Path), Times: strconv.QuoteToASCII(r.Times), Speeds: strconv.QuoteToASCII(r.Speeds),
	})
}
