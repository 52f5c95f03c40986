// Package sqlite keeps the durable record in one SQLite file. It is the
// persist.Store for one server: nothing to install, and readable with the
// sqlite3 command while the server runs. docs/database.md describes the tables.
//
// # Durability
//
// The file is in WAL mode with synchronous=FULL: a commit returns after the
// log has been fsynced, so what a call acknowledged outlives a killed process
// and a power cut alike. Under synchronous=NORMAL, which is usual with WAL, a
// commit is only written to the page cache and a power cut rolls it back:
// here that would lose data for good, as the callers drop a bucket or a
// movement from their own log once it is acknowledged. One fsync a call is
// cheap beside it, because calls carry many rows. EXTRA adds nothing in WAL
// mode.
//
// # Concurrency
//
// One connection writes, and calls that write take turns on it, each in one
// transaction, but for tracks, of which a thousand rows are in one. A pool of
// connections reads; in WAL mode neither waits for the other. A read sees the state
// after some whole transaction. Another process may have
// the file open too: writers of several processes wait for each other, for at
// most Options.BusyTimeout.
//
// A Store's lock (mu) is held shared for the whole of a call and exclusively
// by Close alone. It is the only lock.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"hyperlocal/internal/giveway"
	"hyperlocal/persist"
)

// Options of Open. The zero value is what a server wants.
type Options struct {
	// Readers is the greatest number of connections that read at a time;
	// further reads wait. 0 means 4.
	Readers int
	// BusyTimeout is how long a write waits for another process that writes.
	// 0 means 5 s.
	BusyTimeout time.Duration
	// Lane is where many rows are written, beside other computations that give way to
	// requests. It may be nil.
	Lane *giveway.Lane
}

// Store is a persist.Store in one file. It is safe for concurrent use.
type Store struct {
	mu     sync.RWMutex
	closed bool

	lane    *giveway.Lane
	noted   *notedHour
	bulk    bulkWriter // the writer's
	writer  *sql.DB    // exactly one connection
	readers *sql.DB
}

var _ persist.Store = (*Store)(nil)

// Open opens the database file at path, creating it and its directory if they
// are missing, and brings its schema up to date. Several processes may do so
// at once. It refuses a file that is not a database, that belongs to another
// program (ErrForeign), or that a newer version of this program has written
// (ErrNewer).
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	if opts.Readers == 0 {
		opts.Readers = 4
	}
	if opts.BusyTimeout == 0 {
		opts.BusyTimeout = 5 * time.Second
	}
	s, err := open(ctx, path, opts)
	if err != nil {
		return nil, fmt.Errorf("open sqlite database %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, opts Options) (*Store, error) {
	abs, err := prepare(path)
	if err != nil {
		return nil, err
	}
	writer, err := sql.Open("sqlite", dsn(abs, opts, url.Values{
		"_synchronous": {"FULL"},
		"_txlock":      {"immediate"},
		// Rows come in thousands: with pages of four times the usual length a flush
		// takes a sixth less, and a single row of an order not much more. A file that
		// is there keeps the pages that it has.
		// One flush of a big city makes a log of tens of megabytes; without a
		// limit the file would stay that long for ever.
		"_pragma": {"page_size(16384)", "journal_size_limit(16777216)", "cache_size(-16384)"},
	}))
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	err = migrate(ctx, writer)
	if err == nil { // not before: a file that is refused stays as it was
		err = enterWAL(ctx, writer, opts.BusyTimeout)
	}
	if err != nil {
		_ = writer.Close()
		return nil, translate(err)
	}
	readers, err := sql.Open("sqlite", dsn(abs, opts, url.Values{"_query_only": {"1"}}))
	if err != nil {
		_ = writer.Close()
		return nil, err
	}
	readers.SetMaxOpenConns(opts.Readers)
	readers.SetMaxIdleConns(opts.Readers)
	return &Store{lane: opts.Lane, noted: newNotedHour(), writer: writer, readers: readers}, nil
}

// prepare makes the directory of path and returns path made absolute.
func prepare(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", errors.New("the path of a file is needed")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(abs); err == nil && info.IsDir() {
		return "", errors.New("this is a directory, the path of a file is needed")
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o755); err != nil {
		return "", fmt.Errorf("make its directory: %w", err)
	}
	return abs, nil
}

// dsn escapes path, so that a '?' or '%' in it stays part of the name.
func dsn(path string, opts Options, params url.Values) string {
	params.Set("_busy_timeout", strconv.FormatInt(opts.BusyTimeout.Milliseconds(), 10))
	params.Set("_dqs", "0")
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: params.Encode()}).String()
}

// enterWAL changes the mode of the file, for good. A file that is in WAL mode
// stays as it is. The change needs the file for itself, and SQLite does not
// wait for that by its own busy timeout when several processes change the mode
// at once, so it is tried again for as long.
func enterWAL(ctx context.Context, writer *sql.DB, patience time.Duration) error {
	mode, err := backoff.Retry(ctx, func() (mode string, err error) {
		err = writer.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		if err != nil && !isBusy(err) {
			err = backoff.Permanent(err)
		}
		return mode, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(10*time.Millisecond)), backoff.WithMaxElapsedTime(patience))
	if err != nil {
		return fmt.Errorf("enter WAL mode: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("this file system cannot do WAL mode, the file stays in %s mode", mode)
	}
	return nil
}

// Ping reads the file's header.
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, "ping", func(tx *txn) error {
		var version int
		return tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	})
}

// Close waits for the calls under way, folds the log into the file and closes
// it. Closing again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	// The last connection to close is the one that folds the log in, and the
	// readers cannot write.
	return errors.Join(s.readers.Close(), s.bulk.close(), s.writer.Close())
}

// write runs fn in a transaction that is on disk when write returns nil.
func (s *Store) write(ctx context.Context, op string, fn func(*txn) error) error {
	return s.writeIn(ctx, nil, op, fn)
}

// writeIn is write in a turn of the lane, which others have while it waits for
// anything: who has the connection may wait for the lane, and so nobody may wait for
// the connection, or for him to let the store close, while he has the lane.
func (s *Store) writeIn(ctx context.Context, turn *giveway.Turn, op string, fn func(*txn) error) error {
	return s.transact(ctx, turn, op, s.writer, &s.bulk, fn)
}

// read runs fn on one consistent state of the database.
func (s *Store) read(ctx context.Context, op string, fn func(*txn) error) error {
	return s.transact(ctx, nil, op, s.readers, nil, fn)
}

func (s *Store) transact(ctx context.Context, turn *giveway.Turn, op string, db *sql.DB, bulk *bulkWriter, fn func(*txn) error) error {
	turn.Wait(s.mu.RLock)
	defer s.mu.RUnlock()
	if s.closed {
		return fmt.Errorf("sqlite: %s: %w: closed", op, persist.ErrUnavailable)
	}
	err := within(ctx, turn, db, bulk, fn)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // the cause, whatever the driver made of it
	}
	if err != nil {
		return fmt.Errorf("sqlite: %s: %w", op, translate(err))
	}
	return nil
}

// txn is a transaction, and the connection that it is on.
type txn struct {
	*sql.Tx
	conn *sql.Conn
	bulk *bulkWriter   // nil in one that reads
	turn *giveway.Turn // nil outside of the lane
}

// within runs fn in a transaction, of which nothing is left if fn fails.
func within(ctx context.Context, turn *giveway.Turn, db *sql.DB, bulk *bulkWriter, fn func(*txn) error) (err error) {
	var conn *sql.Conn
	turn.Wait(func() { conn, err = db.Conn(ctx) })
	if err != nil {
		return err
	}
	defer func() {
		if bulk != nil && (err != nil || ctx.Err() != nil) { // the connection may go
			err = errors.Join(err, conn.Raw(func(any) error { return bulk.close() }))
		}
		_ = conn.Close() // it only goes back
	}()
	var tx *sql.Tx
	turn.Wait(func() { tx, err = conn.BeginTx(ctx, nil) })
	if err != nil {
		return err
	}
	if err := fn(&txn{Tx: tx, conn: conn, bulk: bulk, turn: turn}); err != nil {
		_ = tx.Rollback() // the first error is the one that tells
		return err
	}
	turn.Wait(func() { err = tx.Commit() })
	return err
}

// put checks rows and executes statement for each, in one transaction.
func put[T interface{ Validate() error }](ctx context.Context, s *Store, op, statement string, rows []T, bind func([]any, T) []any) error {
	if err := persist.ValidateAll(rows); err != nil {
		return fmt.Errorf("sqlite: %s: %w", op, err)
	}
	var err error
	write := func(turn *giveway.Turn) {
		err = s.writeIn(ctx, turn, op, func(tx *txn) error { return bulk(ctx, tx, statement, rows, bind) })
	}
	if len(rows) < rowsPerStatement { // somebody may wait for it
		write(nil)
	} else {
		s.lane.Do(write)
	}
	return err
}

// collect runs a query and returns its rows, each as scan reads it.
func collect[T any](ctx context.Context, tx *txn, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
