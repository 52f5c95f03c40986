package cassandra

import (
	"context"
	"iter"
	"slices"
	"time"
	"unsafe"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"

	"hyperlocal/internal/giveway"
)

const (
	// maxBatchRows and maxBatchBytes bound a batch. All its rows lie in one
	// partition, so the server applies it as one mutation: the cost of a row
	// falls until a hundred or so and then stays.
	maxBatchRows  = 200
	maxBatchBytes = 256 << 10
	// inFlight is how many reads one call has under way; of batches, see pacer.
	inFlight = 8
	// Some 0.2 ms of work each, after which requests have their turn.
	comparisonsPerStep = 4096
	rowsPerStep        = 512
	// rowsInLane are enough for their computation to be seen beside requests.
	rowsInLane = 64
)

// text is a string of a row as the driver takes it without a copy: a million drivers'
// rows are hundreds of megabytes a minute, and each copy is garbage.
type text struct{ s *string }

var _ gocql.Marshaler = text{}

// MarshalCQL returns the string's own bytes, which the driver only reads.
func (t text) MarshalCQL(gocql.TypeInfo) ([]byte, error) {
	if *t.s == "" {
		return []byte{}, nil // not null
	}
	return unsafe.Slice(unsafe.StringData(*t.s), len(*t.s)), nil
}

// table is how rows of type T are written.
type table[T any] struct {
	insert string
	// compare orders rows by partition, then by their key in it. Rows that
	// compare as equal have the same key.
	compare       func(a, b *T) int
	samePartition func(a, b *T) bool
	bind          func(row *T) []any
	// bytes is about how much a row adds to a batch.
	bytes func(row *T) int
	// firstStays: of rows with one key the first is kept, else the last.
	firstStays bool
}

// sorted returns rows in order, with one row of each key. (Two in one batch would have
// one timestamp, and Cassandra then takes the greater value of each column, mixing the
// two.)
func (t table[T]) sorted(turn *giveway.Turn, rows []T) []*T {
	sorted := make([]*T, len(rows))
	for i := range rows {
		sorted[i] = &rows[i]
	}
	if !t.firstStays {
		slices.Reverse(sorted)
	}
	slices.SortStableFunc(sorted, func(a, b *T) int {
		turn.Step(comparisonsPerStep)
		return t.compare(a, b)
	})
	return slices.CompactFunc(sorted, func(a, b *T) bool {
		turn.Step(comparisonsPerStep)
		return t.compare(a, b) == 0
	})
}

// batches yields what is sorted in pieces that lie in one partition each.
func (t table[T]) batches(sorted []*T) iter.Seq[[]*T] {
	return func(yield func([]*T) bool) {
		start, bytes := 0, 0
		for i, row := range sorted {
			size := t.bytes(row)
			full := i-start == maxBatchRows || bytes+size > maxBatchBytes
			if i > start && (full || !t.samePartition(sorted[start], row)) {
				if !yield(sorted[start:i]) {
					return
				}
				start, bytes = i, 0
			}
			bytes += size
		}
		if start < len(sorted) {
			yield(sorted[start:])
		}
	}
}

// piece is what a batch is made of: the statements that write rows of one partition.
type piece []gocql.BatchEntry

// pieces sorts rows and binds them to their statements.
func (t table[T]) pieces(turn *giveway.Turn, rows []T) (all []piece) {
	for batch := range t.batches(t.sorted(turn, rows)) {
		entries := make(piece, len(batch))
		for i, row := range batch {
			turn.Step(rowsPerStep)
			entries[i] = gocql.BatchEntry{Stmt: t.insert, Args: t.bind(row), Idempotent: true}
		}
		all = append(all, entries)
	}
	return all
}

// write writes rows with one timestamp, several batches at a time.
func write[T any](ctx context.Context, s *Store, t table[T], rows []T, timestamp int64) error {
	if len(rows) == 0 {
		return nil // so it is with an index, mostly
	}
	var all []piece
	if len(rows) < rowsInLane { // somebody may wait for it
		all = t.pieces(nil, rows)
	} else {
		s.lane.Do(func(turn *giveway.Turn) { all = t.pieces(turn, rows) })
	}
	return s.sendAll(ctx, all, timestamp)
}

// sendAll has batches executed. That is not done in the lane: it is little work for each
// batch, in which one goroutine wakes another several times, and a thread of low priority
// that is kept from its processor while it has one of Go's own locks would have all others
// wait.
func (s *Store) sendAll(ctx context.Context, all []piece, timestamp int64) error {
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	var stopped error
	for _, entries := range all {
		if stopped = s.pace.enter(ctx); stopped != nil {
			break // by the caller, or by a failure
		}
		group.Go(func() error {
			took, err := s.send(ctx, entries, timestamp)
			s.pace.leave(answer{took: took, failed: err != nil && outage(err), late: time.Since(began) > patience})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return stopped
}

// send has a batch executed, and returns how long that took.
func (s *Store) send(ctx context.Context, entries piece, timestamp int64) (time.Duration, error) {
	sent := time.Now()
	err := s.session.hedged(ctx, func(policy gocql.SpeculativeExecutionPolicy) error {
		batch := s.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx).WithTimestamp(timestamp)
		batch.Entries = entries
		return s.session.ExecuteBatch(batch.SpeculativeExecutionPolicy(policy))
	})
	return time.Since(sent), err
}

// each calls fn for every one of keys, several at a time, and returns the
// results in the order of keys.
func each[K, V any](ctx context.Context, keys []K, fn func(context.Context, K) (V, error)) ([]V, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	results := make([]V, len(keys))
	var stopped error
	for i, key := range keys {
		if stopped = ctx.Err(); stopped != nil {
			break // by the caller, or by a failure
		}
		group.Go(func() (err error) {
			results[i], err = fn(ctx, key)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if stopped != nil {
		return nil, stopped
	}
	return results, nil
}

// collect runs a query and returns its rows, each as scan reads it.
func collect[T any](ctx context.Context, s *Store, scan func(gocql.Scanner, *T) error, query string, args ...any) ([]T, error) {
	var all []T
	err := s.session.hedged(ctx, func(policy gocql.SpeculativeExecutionPolicy) error {
		all = nil
		rows := s.session.Query(query, args...).WithContext(ctx).SetSpeculativeExecutionPolicy(policy).Iter().Scanner()
		for rows.Next() {
			var v T
			if err := scan(rows, &v); err != nil {
				_ = rows.Err() // frees the rows; the first error is the one that tells
				return err
			}
			all = append(all, v)
		}
		return rows.Err()
	})
	return all, err
}
