// Package export writes the durable record, or a part of it, as text that other
// programs read: tracks, stock movements and orders, one line per record
// (NDJSON), as a table (CSV), or for a map (GeoJSON).
//
// It reads in pieces and keeps none, so a span of any length takes the same
// memory.
package export

import (
	"context"
	"errors"
	"fmt"
	"io"

	"hyperlocal/persist"
)

// Selection is what of the record is wanted. Empty strings stand for all.
type Selection struct {
	From, To  int64  // ms since 1970, both included
	DriverID  string // of tracks
	Zone      string // of tracks
	DarkStore string // of movements and orders
}

// Kind is what is exported.
type Kind string

// The kinds of records.
const (
	Tracks    Kind = "tracks"    // a record for each fix; in GeoJSON for each stretch of a path
	Movements Kind = "movements" // of stock
	Orders    Kind = "orders"    // those that were open, or changed, within the span
)

// Kinds are all of them.
var Kinds = []Kind{Tracks, Movements, Orders}

// Format is how it is written.
type Format string

// The formats.
const (
	NDJSON  Format = "ndjson"
	CSV     Format = "csv"
	GeoJSON Format = "geojson" // of tracks alone
)

// ErrFormat is returned where there is no such kind or format, or not the two
// together.
var ErrFormat = errors.New("cannot be exported like that")

// Progress hears now and then how many records were written, and how much of the
// work is behind, from 0 to 1.
type Progress func(records int64, done float64)

// Write writes a kind of records of db to w, and returns how many. What is
// written to the database meanwhile may be among them or not.
func Write(ctx context.Context, db persist.Store, kind Kind, sel Selection, format Format, w io.Writer, tell Progress) (int64, error) {
	e := &exporter{db: db, sel: sel, tell: tell}
	var columns []string
	var read func(context.Context, emit) error
	switch kind {
	case Tracks:
		columns, read = fixColumns, e.fixes
	case Movements:
		columns, read = movementColumns, e.movements
	case Orders:
		columns, read = orderColumns, e.orders
	default:
		return 0, fmt.Errorf("%q %w: tracks, movements or orders can", kind, ErrFormat)
	}
	var err error
	switch {
	case format == NDJSON:
		err = e.writeNDJSON(ctx, w, read)
	case format == CSV:
		err = e.writeCSV(ctx, w, columns, read)
	case format == GeoJSON && kind == Tracks:
		err = e.writeFeatures(ctx, w)
	default:
		err = fmt.Errorf("%s as %q %w: there are ndjson, csv and, for tracks, geojson", kind, format, ErrFormat)
	}
	return e.records, err
}

// exporter is one Write.
type exporter struct {
	db      persist.Store
	sel     Selection
	tell    Progress
	records int64
}

// wrote counts records and says so.
func (e *exporter) wrote(n int, done float64) {
	e.records += int64(n)
	if e.tell != nil {
		e.tell(e.records, done)
	}
}

// record is a line: its JSON by the tags of its fields, its row by row.
type record interface {
	row() []string
}

// emit takes a record, and how much of the work is behind.
type emit func(r record, done float64) error
