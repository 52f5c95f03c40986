package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

func openTrouble(t *testing.T, opts Options) (s *Store, path string) {
	path = filepath.Join(t.TempDir(), "record.db")
	s, err := Open(t.Context(), path, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, path
}

func manyMovements(n int) []persist.Movement {
	ms := make([]persist.Movement, n)
	for i := range ms {
		ms[i] = persist.Movement{StoreID: "S1", Seq: int64(i + 1), ProductID: "p", Reference: fmt.Sprintf("%0100d", i)}
	}
	return ms
}

// TestFullDisk limits the file instead of the disk; SQLite reports both alike.
func TestFullDisk(t *testing.T) {
	s, _ := openTrouble(t, Options{})
	ctx := t.Context()
	ms := manyMovements(5000)
	require.NoError(t, s.AppendMovements(ctx, ms[:10]))
	_, err := s.writer.Exec("PRAGMA max_page_count = 40")
	require.NoError(t, err)

	err = s.AppendMovements(ctx, ms)
	require.ErrorIs(t, err, persist.ErrUnavailable)
	require.ErrorContains(t, err, "full")
	kept, err := s.Movements(ctx, "S1", 0, 10_000)
	require.NoError(t, err)
	require.Equal(t, ms[:10], kept, "reads go on, and nothing of the failed call is there")

	_, err = s.writer.Exec("PRAGMA max_page_count = 1000000")
	require.NoError(t, err)
	require.NoError(t, s.AppendMovements(ctx, ms), "the same call succeeds when there is room")
	kept, err = s.Movements(ctx, "S1", 0, 10_000)
	require.NoError(t, err)
	require.Equal(t, ms, kept)
}

func TestAnotherProcessHoldsTheWriteLock(t *testing.T) {
	s, path := openTrouble(t, Options{BusyTimeout: 20 * time.Millisecond})
	ctx := t.Context()
	other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	require.NoError(t, err)
	defer other.Close()
	tx, err := other.Begin()
	require.NoError(t, err)

	require.ErrorIs(t, s.AppendMovements(ctx, manyMovements(1)), persist.ErrUnavailable)
	_, err = s.Movements(ctx, "S1", 0, 1)
	require.NoError(t, err, "reads do not wait for it")
	require.NoError(t, s.Ping(ctx))

	require.NoError(t, tx.Rollback())
	require.NoError(t, s.AppendMovements(ctx, manyMovements(1)))
}

func TestCancelledInTheMiddle(t *testing.T) {
	s, _ := openTrouble(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	err := s.write(ctx, "test", func(tx *txn) error {
		return bulk(ctx, tx, `INSERT INTO dark_stores VALUES (?, '', 0, 0, 0)`, make([]int, 10_000), func(args []any, _ int) []any {
			cancel()
			return append(args, fmt.Sprint(time.Now().UnixNano()))
		})
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, persist.ErrUnavailable)
	stores, err := s.DarkStores(t.Context())
	require.NoError(t, err)
	require.Empty(t, stores)
	require.NoError(t, s.PutDarkStores(t.Context(), []persist.DarkStore{{ID: "S1"}}), "the writer is free again")
}

// A call that is given up while it waits for another process costs the connection, on
// which statements were prepared.
func TestGivenUpWhileAnotherProcessWrites(t *testing.T) {
	s, path := openTrouble(t, Options{})
	other, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer other.Close()
	put := func(ctx context.Context, id string) error {
		return s.PutDarkStores(ctx, []persist.DarkStore{{ID: id}})
	}
	for _, id := range []string{"S1", "S2"} {
		require.NoError(t, put(t.Context(), id))
		holder, err := other.Conn(t.Context())
		require.NoError(t, err)
		_, err = holder.ExecContext(t.Context(), "BEGIN IMMEDIATE")
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		require.ErrorIs(t, put(ctx, "never"), context.DeadlineExceeded)
		cancel()
		_, err = holder.ExecContext(t.Context(), "ROLLBACK")
		require.NoError(t, err)
		require.NoError(t, holder.Close())
	}
	require.NoError(t, put(t.Context(), "S3"))
	stores, err := s.DarkStores(t.Context())
	require.NoError(t, err)
	require.Len(t, stores, 3)
	require.NoError(t, other.Close())
	require.NoError(t, s.Close())
	require.NoFileExists(t, path+"-wal", "the last connection to close folds it in: none is left")
}

func TestTranslate(t *testing.T) {
	s, _ := openTrouble(t, Options{})
	constraint := s.write(t.Context(), "test", func(tx *txn) error {
		_, err := tx.Exec(`INSERT INTO dark_stores VALUES ('S1', '', NULL, 0, 0)`)
		return err
	})
	require.ErrorIs(t, constraint, persist.ErrInvalid)
	syntax := s.write(t.Context(), "test", func(tx *txn) error {
		_, err := tx.Exec(`INSERT`)
		return err
	})
	require.Error(t, syntax)
	require.NotErrorIs(t, syntax, persist.ErrInvalid)
	require.NotErrorIs(t, syntax, persist.ErrUnavailable)
	require.ErrorIs(t, translate(context.DeadlineExceeded), persist.ErrUnavailable)
	other := errors.New("other")
	require.Equal(t, other, translate(other))
}

// TestQueriesUseKeys wants each query to seek and none to scan a table.
func TestQueriesUseKeys(t *testing.T) {
	s, _ := openTrouble(t, Options{})
	for _, query := range []string{selectTracks, selectMovements, selectReservations, selectOrder, selectEvents, selectProducts,
		deleteTracks, deleteHours, selectBucket, selectNextBucket, selectLastBucket, selectOrders, selectEventsOf} {
		plan := explain(t, s, query)
		require.Contains(t, plan, "SEARCH ", query)
		require.NotRegexp(t, `SCAN (tracks|movements|reservations|orders|order_events|products|driver_hours)`, plan, query)
		if query != selectTracks && query != selectReservations { // which sort what they found
			require.NotContains(t, plan, "TEMP B-TREE", query)
		}
	}
}

func explain(t *testing.T, s *Store, query string) (plan string) {
	args := make([]any, strings.Count(query, "?"))
	switch query {
	case deleteTracks, deleteHours:
		args = []any{sql.Named("before", 0)}
	case selectTracks:
		args = []any{sql.Named("driver", ""), sql.Named("first_hour", 0), sql.Named("earliest", 0), sql.Named("from", 0), sql.Named("to", 0)}
	}
	rows, err := s.readers.Query("EXPLAIN QUERY PLAN "+query, args...)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		plan += detail + "\n"
	}
	require.NoError(t, rows.Err())
	return plan
}
