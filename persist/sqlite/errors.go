package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"hyperlocal/persist"
)

// Why a file is refused by Open.
var (
	// ErrForeign: the file is an SQLite database of another program.
	ErrForeign = errors.New("database of another program")
	// ErrNewer: a newer version of this program has changed the schema.
	ErrNewer = errors.New("database written by a newer version")
)

// primaryCode masks a code; the rest of it says more about the same thing.
const primaryCode = 0xff

// isBusy reports whether somebody else holds a lock that is needed.
func isBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&primaryCode == codes.SQLITE_BUSY
}

// translate gives an error of the driver its meaning in the contract: can the
// same call succeed later (ErrUnavailable), is a row at fault (ErrInvalid), or
// does somebody have to look (neither, as with a malformed file).
func translate(err error) error {
	var e *sqlite.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, sql.ErrConnDone), errors.Is(err, driver.ErrBadConn):
		return fmt.Errorf("%w: %w", persist.ErrUnavailable, err)
	case !errors.As(err, &e):
		return err
	}
	switch e.Code() & primaryCode {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_PROTOCOL, // somebody else has it
		codes.SQLITE_FULL, codes.SQLITE_IOERR, codes.SQLITE_CANTOPEN, // the disk
		codes.SQLITE_READONLY, codes.SQLITE_NOMEM, codes.SQLITE_INTERRUPT:
		return fmt.Errorf("%w: %w", persist.ErrUnavailable, err)
	case codes.SQLITE_CONSTRAINT, codes.SQLITE_MISMATCH, codes.SQLITE_TOOBIG:
		return fmt.Errorf("%w: %w", persist.ErrInvalid, err)
	}
	return err
}
