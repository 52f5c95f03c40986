package persist

import "context"

// Archive reads the record as a whole, in pieces of bounded size: for exports.
// What is written meanwhile may be among it or not. An error of fn ends a scan
// and is returned as it is; fn must not keep what it is given.
type Archive interface {
	// ScanTracks calls fn with all rows that hold fixes with from <= time <= to,
	// each once. Rows of one driver, Zone and BucketStart come in one piece, and a
	// piece's rows of one driver follow each other. done is how much of the work is behind, from 0 to 1.
	ScanTracks(ctx context.Context, from, to int64, fn func(rows []TrackRow, done float64) error) error
	// ScanOrders calls fn with every order and its events in order of Seq.
	ScanOrders(ctx context.Context, fn func(o Order, events []OrderEvent) error) error
}
