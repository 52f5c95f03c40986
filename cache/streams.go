package cache

import (
	"context"
	"time"
)

// Entry is one entry of a stream. Fields keep their order.
type Entry struct {
	ID     string
	Fields []Field
}

// Trim says which of a stream's oldest entries go, exactly and not about. The
// zero value trims nothing; at most one is set.
type Trim struct {
	MaxLen int    // all beyond the newest so many; zero: none
	MinID  string // those with a smaller id
}

// ReadFrom is a stream and the id after which it is read; "$" is its last.
type ReadFrom struct{ Key, After string }

// StreamEntries is what XRead found in one stream.
type StreamEntries struct {
	Key     string
	Entries []Entry
}

// Streams are append-only logs with ascending ids "<ms>-<seq>".
type Streams interface {
	// XAdd appends an entry, then trims, and returns the entry's id. id is "*"
	// for one made from the clock, or explicit and greater than the last, else
	// ErrStreamID.
	XAdd(ctx context.Context, key, id string, trim Trim, fields ...Field) (string, error)
	// XRange returns at most count entries (zero: all) from id start to id
	// end, both included unless prefixed with "("; "-" and "+" are the ends.
	XRange(ctx context.Context, key, start, end string, count int) ([]Entry, error)
	// XRevRange is XRange backwards: newest first, from end down to start.
	XRevRange(ctx context.Context, key, end, start string, count int) ([]Entry, error)
	// XRead returns at most count entries (zero: all) of each stream after the
	// id given, in the order of from, which names each key once, and without
	// streams that have none. If there are none at all it waits for one up to
	// block (zero: not at all), and returns nil if none came. On a Cluster all
	// keys share one hash tag.
	XRead(ctx context.Context, count int, block time.Duration, from ...ReadFrom) ([]StreamEntries, error)
	// XTrim returns how many entries it removed.
	XTrim(ctx context.Context, key string, trim Trim) (int64, error)
	XLen(ctx context.Context, key string) (int64, error)
}
