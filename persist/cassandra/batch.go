package cassandra

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"
)

const (
	// maxBatchRows and maxBatchBytes bound a batch. All its rows lie in one
	// partition, so the server applies it as one mutation: the cost of a row
	// falls until a hundred or so and then stays.
	maxBatchRows  = 200
	maxBatchBytes = 256 << 10
	// inFlight is how many reads one call has under way; of batches, see pacer.
	inFlight = 8
)

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

// batches sorts rows and yields them in pieces that lie in one partition each,
// with one row of each key. (Two in one batch would have one timestamp, and
// Cassandra then takes the greater value of each column, mixing the two.)
func (t table[T]) batches(rows []T) iter.Seq[[]*T] {
	sorted := make([]*T, len(rows))
	for i := range rows {
		sorted[i] = &rows[i]
	}
	if !t.firstStays {
		slices.Reverse(sorted)
	}
	slices.SortStableFunc(sorted, t.compare)
	sorted = slices.CompactFunc(sorted, func(a, b *T) bool { return t.compare(a, b) == 0 })
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

// write writes rows with one timestamp, several batches at a time.
func write[T any](ctx context.Context, s *Store, t table[T], rows []T, timestamp int64) error {
	group, ctx := errgroup.WithContext(ctx)
	var stopped error
	for piece := range t.batches(rows) {
		if stopped = s.pace.enter(ctx); stopped != nil {
			break // by the caller, or by a failure
		}
		group.Go(func() (err error) {
			began := time.Now()
			defer func() { s.pace.leave(time.Since(began), err != nil && outage(err)) }()
			entries := make([]gocql.BatchEntry, len(piece))
			for i, row := range piece {
				entries[i] = gocql.BatchEntry{Stmt: t.insert, Args: t.bind(row), Idempotent: true}
			}
			return s.session.hedged(ctx, func(policy gocql.SpeculativeExecutionPolicy) error {
				batch := s.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx).WithTimestamp(timestamp)
				batch.Entries = entries
				return s.session.ExecuteBatch(batch.SpeculativeExecutionPolicy(policy))
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return stopped
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
